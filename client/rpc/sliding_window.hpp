#pragma once

#include <algorithm>
#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>

namespace nuncio::rpc {

/// What happened in the last ten slices of time, each of which is a `Slice` of counters. Older ones
/// are forgotten. A time that lies behind is taken for the newest.
///
/// Pure; one thread.
template <class Slice>
class sliding_window {
 public:
  using time = std::chrono::steady_clock::time_point;
  static constexpr std::size_t count = 10;

  /// Pre:     length >= count nanoseconds.
  explicit sliding_window(std::chrono::nanoseconds length) noexcept
      : each_(length / static_cast<std::int64_t>(count)) {}

  /// The slice of `now`.
  [[nodiscard]] Slice& at(time now) noexcept {
    constexpr auto all = static_cast<std::int64_t>(count);
    const auto wanted =
        std::chrono::duration_cast<std::chrono::nanoseconds>(now.time_since_epoch()) / each_;
    for (newest_ = std::max(newest_, wanted - all); newest_ < wanted;) {
      slices_[static_cast<std::size_t>(++newest_) % count] = {};
    }
    return slices_[static_cast<std::size_t>(newest_) % count];
  }
  /// Of all that has been counted up to the time that at() was last asked for.
  [[nodiscard]] std::uint64_t sum(std::uint32_t Slice::* counter) const noexcept {
    std::uint64_t out = 0;
    for (const auto& each : slices_) out += each.*counter;
    return out;
  }
  void clear() noexcept { slices_ = {}; }

 private:
  std::chrono::nanoseconds each_;
  std::array<Slice, count> slices_{};
  std::int64_t newest_ = 0;
};

}  // namespace nuncio::rpc
