#pragma once

#include <boost/json/object.hpp>

#include <cstdint>

namespace nuncio::server {
struct node;
}  // namespace nuncio::server

namespace nuncio::server::monitor {

struct sources;

/// Who says something: in every answer and event. `sequence` grows from one to the next.
/// Source: nats-server 2.15.2, server/events.go, ServerInfo.
[[nodiscard]] boost::json::object server_info(const node& of, std::uint64_t sequence);

/// How a server is, in brief.
/// Source: likewise, ServerStats.
[[nodiscard]] boost::json::object statsz(const sources& from);

}  // namespace nuncio::server::monitor
