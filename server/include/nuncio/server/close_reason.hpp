#pragma once

#include <cstdint>
#include <string_view>

namespace nuncio::server {

/// Why a connection ended.
enum class close_reason : std::uint8_t {
  client_closed,
  protocol_error,
  max_payload,       ///< a message is too large
  max_control_line,  ///< a line of the protocol is
  max_subscriptions,
  bad_protocol_version,  ///< CONNECT asked for one that there isn't
  no_responders_without_headers,
  authentication_timeout,
  authorization,            ///< who it says it is, or that it is in this account, doesn't hold
  max_connections,          ///< the server is full, or admits no more from there
  max_account_connections,  ///< its account is, or there are too many of its user
  slow_pending,             ///< more than max_pending queued for it
  slow_write_deadline,      ///< what was queued did not leave in time
  stale,
  read_error,
  write_error,
  shutdown,
  tls_handshake,  ///< it failed, or took too long
  kicked,         ///< by whoever runs the server
};

/// The words nats-server uses for it, in its log and monitoring.
/// Source: nats-server 2.15.2, server/monitor.go, ClosedState.
[[nodiscard]] std::string_view to_string(close_reason reason) noexcept;

}  // namespace nuncio::server
