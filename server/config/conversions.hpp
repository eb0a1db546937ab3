#pragma once

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>

/// Single values as people write them, in files and on command lines.
namespace nuncio::server::config {

/// As Go's strconv.ParseBool, which command lines of nats-server use.
[[nodiscard]] std::optional<bool> to_bool(std::string_view text);

/// An integer, perhaps with a unit: k is 1000, kb, ki and kib are 1024; m, g, t, p, e likewise.
[[nodiscard]] std::optional<std::int64_t> to_integer(std::string_view text);

/// As Go's time.ParseDuration, without a sign; a bare number is seconds.
[[nodiscard]] std::optional<std::chrono::nanoseconds> to_duration(std::string_view text);

/// The shortest way to write it: `2m`, `1.5s`, `250ms`, `0`.
[[nodiscard]] std::string to_text(std::chrono::nanoseconds time);

/// In ASCII.
[[nodiscard]] std::string to_lower(std::string_view text);

/// Is it this word, but for the case of its letters?
[[nodiscard]] inline bool same_name(std::string_view written, std::string_view lower) noexcept {
  return std::equal(written.begin(), written.end(), lower.begin(), lower.end(), [](char a, char b) {
    return (a >= 'A' && a <= 'Z' ? static_cast<char>(a + 32) : a) == b;
  });
}

/// Between quotes, with what can't be shown as `\xHH`, and cut where it is very long.
[[nodiscard]] std::string quote(std::string_view text);

/// The one of `known` that is closest to `name`; empty if none is close.
[[nodiscard]] std::string_view closest(std::string_view name,
                                       std::span<const std::string_view> known);

}  // namespace nuncio::server::config
