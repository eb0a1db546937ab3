#pragma once

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstdint>

namespace nuncio::server {

/// How much of its time a shard is outside of its wait, in windows of 100 ms.
/// Thread safety: its shard writes, anyone reads.
class load_meter {
 public:
  using time = std::chrono::steady_clock::time_point;
  static constexpr std::chrono::milliseconds window{100};
  static constexpr unsigned saturated_per_mille = 750;

  /// A handler begins.
  void busy(time now) noexcept {
    if (!in_turn_) {
      in_turn_ = true;
      turn_start_ = now;
    }
    if (now - window_start_ >= window) close_window(now);
  }
  /// The shard is about to wait.
  void idle(time now) noexcept {
    if (!in_turn_) return;
    in_turn_ = false;
    busy_ += now - turn_start_;
    if (now - window_start_ >= window) close_window(now);
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

  void close_window(time now) noexcept {
    auto busy_time = busy_;
    if (in_turn_) {
      busy_time += now - turn_start_;
      turn_start_ = now;
    }
    const auto share = static_cast<unsigned>(1000 * busy_time / std::max<time::duration>(now - window_start_, window));
    last_.store(share, std::memory_order_relaxed);
    const auto hot = hot_windows_.load(std::memory_order_relaxed);
    hot_windows_.store(share >= saturated_per_mille ? hot + 1 : 0, std::memory_order_relaxed);
    closed_at_.store(now.time_since_epoch().count(), std::memory_order_relaxed);
    window_start_ = now;
    busy_ = {};
  }

  time window_start_{};
  time turn_start_{};
  time::duration busy_{0};
  bool in_turn_ = false;
  std::atomic<unsigned> last_{0};
  std::atomic<unsigned> hot_windows_{0};
  std::atomic<time::rep> closed_at_{0};
};

}  // namespace nuncio::server
