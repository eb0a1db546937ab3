#pragma once

#include "exposition.hpp"
#include "pages.hpp"

#include <boost/asio/awaitable.hpp>

#include <string>

namespace nuncio::server::monitor {

/// All metrics, as text: ours, called `nuncio_…`; the process's; and those of the exporter that
/// NATS has for Prometheus, called `gnatsd_…`, so that boards made for it go on. Source:
/// github.com/nats-io/prometheus-nats-exporter, collector/collector.go and accstatz.go.
[[nodiscard]] boost::asio::awaitable<std::string> metrics(const sources& from, exposition::form as);

}  // namespace nuncio::server::monitor
