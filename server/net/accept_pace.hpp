#pragma once

#include <algorithm>
#include <chrono>
#include <cstdint>

namespace nuncio::server {

/// Spreads so many a second evenly, but for a few at once after a silence. Pure. One thread only.
class accept_pace {
 public:
  using clock = std::chrono::steady_clock;

  /// How long the next one has to wait; zero: it may come, and counts. `most` of 0 or less: no
  /// limit.
  clock::duration take(std::int64_t most, clock::time_point now) {
    if (most <= 0) return clock::duration::zero();
    next_ = std::max(next_, now - at_once);
    if (next_ > now) return next_ - now;
    next_ += clock::duration(std::chrono::seconds(1)) / most;
    return clock::duration::zero();
  }

 private:
  static constexpr std::chrono::milliseconds at_once{10};  // worth of it
  clock::time_point next_;
};

}  // namespace nuncio::server
