#include <nuncio/protocol/error.hpp>

#include <array>
#include <cstddef>

namespace nuncio::protocol {
namespace {

struct row {
  std::string_view name;
  std::string_view text;
  bool closes;
};

constexpr std::array rows{
    row{"none", "", false},
    row{"unknown_operation", "Unknown Protocol Operation", true},
    row{"bad_arguments", "", true},
    row{"peer_error", "", true},
    row{"control_line_exceeded", "maximum control line exceeded", true},
    row{"max_payload", "Maximum Payload Violation", true},
    row{"authorization_violation", "Authorization Violation", true},
    row{"authentication_timeout", "Authentication Timeout", true},
    row{"max_connections", "maximum connections exceeded", true},
    row{"max_account_connections", "maximum account active connections exceeded", true},
    row{"throttled", "Connection throttling is active. Please try again later.", true},
    row{"max_subscriptions", "maximum subscriptions exceeded", false},
    row{"stale_connection", "Stale Connection", true},
    row{"invalid_client_protocol", "invalid client protocol", true},
    row{"no_responders_headers", "no responders requires headers support", true},
    row{"invalid_subject", "Invalid Subject", false},
    row{"invalid_publish_subject", "Invalid Publish Subject", false},
};
static_assert(rows.size() == static_cast<std::size_t>(errc::invalid_publish_subject) + 1);

const row& row_of(errc code) noexcept {
  return rows[static_cast<std::size_t>(code)];
}

}  // namespace

std::string_view error_text(errc code) noexcept {
  return row_of(code).text;
}
std::string error_line(errc code) {
  const auto text = error_text(code);
  if (text.empty()) return {};
  return std::string("-ERR '").append(text).append("'\r\n");
}

bool closes_connection(errc code) noexcept {
  return row_of(code).closes;
}
std::string_view to_string(errc code) noexcept {
  return row_of(code).name;
}

}  // namespace nuncio::protocol
