#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace nuncio::protocol {

/// What can be wrong with what a peer sent, or why a server ends its connection.
/// The text that goes over the wire and the choice between closing and staying are one table:
/// see error_text() and closes_connection().
enum class errc : std::uint8_t {
  none,                   ///< nothing is wrong
  unknown_operation,      ///< a verb or the framing can't be parsed
  bad_arguments,          ///< a known verb with a wrong count, size or JSON; closes without a word
  peer_error,             ///< the peer sent -ERR; closes without a word
  control_line_exceeded,  ///< the argument part of a line is longer than max_control_line
  max_payload,            ///< the declared payload is above max_payload
  authorization_violation,  ///< credentials refused
  authentication_timeout,   ///< no CONNECT in time
  max_connections,          ///< the server is full
  max_account_connections,  ///< the account is full
  throttled,                ///< too many TLS handshakes in this second
  max_subscriptions,        ///< this connection holds as many subscriptions as it may
  stale_connection,         ///< PINGs went unanswered
  invalid_client_protocol,  ///< CONNECT asked for a protocol other than 0 and 1
  no_responders_headers,    ///< CONNECT asked for no_responders without headers
  invalid_subject,          ///< SUB of a malformed subject
  invalid_publish_subject,  ///< PUB of a malformed subject, said only to pedantic clients
};

/// The text between the quotes of `-ERR '…'`; empty where the reference server says nothing.
/// Source: nats-server 2.15.2, server/errors.go, checked against a live one.
[[nodiscard]] std::string_view error_text(errc code) noexcept;

/// `-ERR '…'` with its line end, as it goes over the wire; empty where error_text() is.
[[nodiscard]] std::string error_line(errc code);

/// True if the connection ends after this error.
[[nodiscard]] bool closes_connection(errc code) noexcept;

/// The enumerator's name, for logs and test failures.
[[nodiscard]] std::string_view to_string(errc code) noexcept;

}  // namespace nuncio::protocol
