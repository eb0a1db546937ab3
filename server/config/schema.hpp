#pragma once

#include "option.hpp"
#include "settings.hpp"

#include <optional>

namespace nuncio::server::config {

/// All that a configuration file may say at its top level, and within.
[[nodiscard]] const block<settings>& all_options();

// The parts that it is made of, each in a file of its own.

/// `authorization`, `accounts` and what belongs to them.
[[nodiscard]] const block<access_options>& access_rows();
/// `tls`, for clients.
[[nodiscard]] option<options> tls_row();
/// A block of TLS, of whomever it is.
[[nodiscard]] const block<tls_options>& tls_rows();
void read_tls(const value& found, std::optional<tls_options>& into, reading& to);
/// `websocket`.
[[nodiscard]] option<options> websocket_row();
/// `http` and what belongs to it.
[[nodiscard]] const block<monitor_options>& monitor_rows();
/// What a node is in words of its owner: `server_tags` and `server_metadata`.
[[nodiscard]] const block<options>& description_rows();
/// What nats-server has and this server has not: known, checked for its form, refused or warned of.
[[nodiscard]] const block<settings>& absent_rows();

}  // namespace nuncio::server::config
