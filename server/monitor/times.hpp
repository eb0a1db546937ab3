#pragma once

#include <chrono>
#include <string>

/// Times as these pages have them.
namespace nuncio::server::monitor {

/// `1.440849ms`, `250µs`, `1m5s`, `0s`. Source: Go 1.26, time.Duration.String.
[[nodiscard]] std::string to_go_text(std::chrono::nanoseconds time);

/// Whole seconds in units up to years of 365 days: `3s`, `2h0m1s`, `1y2d3h4m5s`.
/// Source: nats-server 2.15.2, `uptime` and `idle`.
[[nodiscard]] std::string to_uptime(std::chrono::nanoseconds time);

/// `2026-11-30T12:20:46.29Z`: UTC, to the nanosecond, without zeros at the end.
/// Source: RFC 3339; Go 1.26, time.Time.MarshalJSON.
[[nodiscard]] std::string to_rfc3339(std::chrono::system_clock::time_point when);

/// `Mon, 30 Nov 2026 12:20:47 GMT`. Source: RFC 9110, section 5.6.7.
[[nodiscard]] std::string to_http_date(std::chrono::system_clock::time_point when);

}  // namespace nuncio::server::monitor
