#pragma once

#include <nuncio/server/views.hpp>

#include <cstddef>
#include <cstdint>
#include <deque>
#include <mutex>
#include <utility>
#include <vector>

namespace nuncio::server::monitor {

/// The last connections that have ended, as they were.
/// Thread safety: any thread.
class closed_connections {
 public:
  /// Pre: `most` isn't 0.
  explicit closed_connections(std::size_t most) : most_(most) {}

  void add(connection_view last) {
    const std::scoped_lock held(lock_);
    ++total_;
    if (all_.size() >= most_) all_.pop_front();
    all_.push_back(std::move(last));
  }
  /// Those that are remembered, the oldest first.
  [[nodiscard]] std::vector<connection_view> all() const {
    const std::scoped_lock held(lock_);
    return {all_.begin(), all_.end()};
  }
  /// That ever ended.
  [[nodiscard]] std::uint64_t total() const {
    const std::scoped_lock held(lock_);
    return total_;
  }

 private:
  const std::size_t most_;
  mutable std::mutex lock_;  // guards the others
  std::deque<connection_view> all_;
  std::uint64_t total_ = 0;
};

}  // namespace nuncio::server::monitor
