#pragma once

#include <algorithm>
#include <atomic>
#include <chrono>
#include <ctime>

namespace nuncio::server {

/// How much of a core a shard uses, in windows of at least 100 ms. By its thread's CPU time: time
/// in which it is ready but another process has the core is no reason for one more thread. Thread
/// safety: its shard writes, anyone reads.
class load_meter {
 public:
  using time = std::chrono::steady_clock::time_point;
  static constexpr std::chrono::milliseconds window{100};
  static constexpr unsigned saturated_per_mille = 750;

  /// The shard's thread has looked for work in vain for this long: no reason for one more thread
  /// either.
  void idled(std::chrono::nanoseconds span) noexcept { idled_ += span; }

  /// A handler begins; on the shard's thread.
  void note(time now) noexcept {
    if (now - window_start_ >= window) close_window(now, thread_time());
  }
  /// CPU time of the shard's thread, on which this is asked, without looking for work in vain. It
  /// only grows.
  [[nodiscard]] std::chrono::nanoseconds busy_time() noexcept {
    busy_ = std::max(busy_, thread_time() - idled_);
    return busy_;
  }

  /// A window ends. Apart from note(), so that tests can say what the clocks show.
  void close_window(time now, std::chrono::nanoseconds used) noexcept {
    used -= idled_;
    const auto elapsed = std::max<std::chrono::nanoseconds>(now - window_start_, window);
    // Looking for work in vain is wall time, and can be more than the thread had of the core.
    const auto spent = std::max<std::chrono::nanoseconds>(used - used_before_, {});
    const auto share = static_cast<unsigned>(1000 * spent / elapsed);
    last_.store(share, std::memory_order_relaxed);
    const auto hot = hot_windows_.load(std::memory_order_relaxed);
    hot_windows_.store(share >= saturated_per_mille ? hot + 1 : 0, std::memory_order_relaxed);
    closed_at_.store(now.time_since_epoch().count(), std::memory_order_relaxed);
    window_start_ = now;
    used_before_ = used;
  }

  /// Any thread. True if the last two windows were saturated and are not long past.
  [[nodiscard]] bool saturated(time now) const noexcept {
    return fresh(now) && hot_windows_.load(std::memory_order_relaxed) >= 2;
  }
  /// Any thread. Of the last window; 0 if the shard has been asleep since.
  [[nodiscard]] unsigned per_mille(time now) const noexcept {
    return fresh(now) ? last_.load(std::memory_order_relaxed) : 0;
  }

 private:
  [[nodiscard]] bool fresh(time now) const noexcept {
    return now - time(time::duration(closed_at_.load(std::memory_order_relaxed))) < 3 * window;
  }

  static std::chrono::nanoseconds thread_time() noexcept {
    timespec used{};
    ::clock_gettime(CLOCK_THREAD_CPUTIME_ID, &used);
    return std::chrono::seconds(used.tv_sec) + std::chrono::nanoseconds(used.tv_nsec);
  }

  time window_start_;
  std::chrono::nanoseconds used_before_{0};
  std::chrono::nanoseconds idled_{0};
  std::chrono::nanoseconds busy_{0};
  std::atomic<unsigned> last_{0};
  std::atomic<unsigned> hot_windows_{0};
  std::atomic<time::rep> closed_at_{0};
};

}  // namespace nuncio::server
