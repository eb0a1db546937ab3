#pragma once

#include <cstdint>
#include <string>
#include <string_view>

/// Pages about a running server, by HTTP, as plain data.
namespace nuncio::server {

/// Everything about monitoring. The defaults are those of nats-server: there are no pages.
struct monitor_options {
  std::string host;    ///< address to listen on; empty: that for clients
  int http_port = 0;   ///< 0: no HTTP; negative: any free one
  int https_port = 0;  ///< the same for HTTPS, which takes options::tls; at most one of both
  /// What stands before the names of the pages, as in `/nats`: is_base_path(). Empty: `/`.
  std::string base_path;
  /// Connections that are remembered once they are closed; 0: as by default. Not negative.
  std::int64_t max_closed_clients = 10'000;

  /// Are there pages at all?
  [[nodiscard]] bool is_on() const noexcept { return http_port != 0 || https_port != 0; }

  /// The same, down to the path?
  friend bool operator==(const monitor_options&, const monitor_options&) = default;
};

/// Of letters, digits and `/-._~` alone, with or without slashes around it?
[[nodiscard]] bool is_base_path(std::string_view text) noexcept;

}  // namespace nuncio::server
