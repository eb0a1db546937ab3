#pragma once

#include <nuncio/server/views.hpp>

#include <cstddef>
#include <deque>
#include <memory>
#include <mutex>
#include <utility>
#include <vector>

namespace nuncio::server::monitor {

/// The last connections that have ended, as they were.
/// Thread safety: any thread.
class closed_connections {
 public:
  using view = std::shared_ptr<const connection_view>;

  /// Pre: `most` isn't 0.
  explicit closed_connections(std::size_t most) : most_(most) {}

  void add(connection_view last) {
    auto newest = std::make_shared<const connection_view>(std::move(last));
    view oldest;  // goes once the lock is free
    const std::scoped_lock held(lock_);
    if (all_.size() >= most_) {
      oldest = std::move(all_.front());
      all_.pop_front();
    }
    all_.push_back(std::move(newest));
  }
  /// Those that are remembered, the oldest first.
  [[nodiscard]] std::vector<view> all() const {
    const std::scoped_lock held(lock_);
    return {all_.begin(), all_.end()};
  }

 private:
  const std::size_t most_;
  mutable std::mutex lock_;  // guards the others
  std::deque<view> all_;
};

}  // namespace nuncio::server::monitor
