#pragma once

#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>

namespace nuncio::rpc {

/// How many calls took how long: 90 ranges for each power of ten between a microsecond and 100
/// seconds, one for what is shorter and one for what is longer. What it tells is at most a tenth
/// off.
///
/// A value of 6 KB. Thread: one.
class latency_histogram {
 public:
  /// How long a call took.
  using duration = std::chrono::nanoseconds;

  /// Negative durations are taken for none.
  void record(duration took) noexcept;

  /// How many were recorded.
  [[nodiscard]] std::uint64_t count() const noexcept { return count_; }
  /// Of all that was recorded.
  [[nodiscard]] duration sum() const noexcept { return sum_; }
  /// A duration that a share of `q` of all calls didn't exceed, 0 <= q <= 1; at least 100 seconds
  /// is 100 seconds. Zero if there are none.
  [[nodiscard]] duration quantile(double q) const noexcept;
  /// How many took at most `limit`; exact for one or two digits and zeros in nanoseconds, such as
  /// 250 us.
  [[nodiscard]] std::uint64_t count_up_to(duration limit) const noexcept;

 private:
  static constexpr std::size_t per_decade = 90;
  static constexpr std::size_t decades = 8;
  static constexpr std::size_t size = per_decade * decades + 2;

  static std::size_t index_of(std::int64_t nanoseconds) noexcept;
  static duration end_of(std::size_t index) noexcept;

  std::array<std::uint64_t, size> counts_{};
  std::uint64_t count_ = 0;
  duration sum_{0};
};

}  // namespace nuncio::rpc
