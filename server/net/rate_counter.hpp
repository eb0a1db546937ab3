#pragma once

#include <chrono>
#include <cstdint>
#include <mutex>

namespace nuncio::server {

/// Allows so many in each second, which begins with the first of them.
/// Thread safety: any thread.
/// Source: nats-server 2.15.2, server/rate_counter.go.
class rate_counter {
 public:
  /// `most` of 0 or less: no limit.
  bool allow(std::int64_t most, std::chrono::steady_clock::time_point now) {
    if (most <= 0) return true;
    const std::scoped_lock held(lock_);
    if (now >= end_) {
      end_ = now + std::chrono::seconds(1);
      count_ = 0;
    }
    return count_++ < most;
  }

 private:
  std::mutex lock_;  // guards the others
  std::chrono::steady_clock::time_point end_;
  std::int64_t count_ = 0;
};

}  // namespace nuncio::server
