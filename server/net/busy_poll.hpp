#pragma once

#include <algorithm>
#include <chrono>
#include <cstdint>

namespace nuncio::server {

/// Whether a shard that has nothing to do looks again for a while before it sleeps.
///
/// Waking a thread that sleeps costs more than a request does, once for the one who wakes and once
/// for the one who is woken; where the answer is on its way already, looking is cheaper. Each look
/// in vain doubles the number of waits that go to sleep at once, each that finds something halves
/// it: so it goes on only where more than half of the looks pay, and costs a shard that waits for
/// long next to nothing. One thread only.
class busy_poll {
 public:
  using duration = std::chrono::nanoseconds;
  static constexpr std::uint32_t most_skipped = 64;

  /// `cores`: on which the process may run. On one alone, nobody could give it work meanwhile.
  busy_poll(duration limit, int cores) noexcept : limit_(cores > 1 ? limit : duration{0}) {}

  /// A wait begins: for how long to look first; 0: sleep at once.
  [[nodiscard]] duration next() noexcept {
    if (to_skip_ == 0) return limit_;
    --to_skip_;
    return duration{0};
  }
  /// The look that next() granted has ended.
  void looked(bool found) noexcept {
    if (found) {
      skipped_ /= 2;
    } else {
      skipped_ = std::min(std::max(skipped_ * 2, std::uint32_t{1}), most_skipped);
      to_skip_ = skipped_;
    }
  }

 private:
  const duration limit_;
  std::uint32_t skipped_ = 0;  // waits that go to sleep at once after the next look in vain
  std::uint32_t to_skip_ = 0;
};

}  // namespace nuncio::server
