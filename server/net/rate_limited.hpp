#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>

namespace nuncio::server {

/// Lets one line a second through and counts the rest, for lines that a peer can cause at will.
/// Thread safety: any thread.
class rate_limited {
 public:
  /// True if the line may be written; `skipped` is then how many were not, since the last one.
  bool allow(std::chrono::steady_clock::time_point now, std::uint64_t& skipped) noexcept {
    const auto second =
        std::chrono::duration_cast<std::chrono::seconds>(now.time_since_epoch()).count() + 1;
    auto last = last_.load(std::memory_order_relaxed);
    if (last == second || !last_.compare_exchange_strong(last, second, std::memory_order_relaxed)) {
      skipped_.fetch_add(1, std::memory_order_relaxed);
      return false;
    }
    skipped = skipped_.exchange(0, std::memory_order_relaxed);
    return true;
  }

 private:
  std::atomic<std::int64_t> last_{0};
  std::atomic<std::uint64_t> skipped_{0};
};

}  // namespace nuncio::server
