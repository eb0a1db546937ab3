#pragma once

#include <boost/json/object.hpp>

#include <string>
#include <string_view>

namespace nuncio::server {
struct message_trace;
}  // namespace nuncio::server

namespace nuncio::server::monitor {

/// What became of one message, as those are told who trace it. `server`: server_info().
/// Source: ADR-41; nats-server 2.15.2, server/msgtrace.go, MsgTraceEvent, checked against a live
///         one.
[[nodiscard]] boost::json::object trace_event(boost::json::object server,
                                              const message_trace& what);

/// In the format of gzip. Source: RFC 1952.
[[nodiscard]] std::string gzipped(std::string_view text);

}  // namespace nuncio::server::monitor
