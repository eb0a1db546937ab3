#pragma once

#include <cstddef>
#include <deque>
#include <functional>
#include <utility>

namespace nuncio::server::monitor {

/// Lets so many in at a time; some more wait for their turn, in their order, and the rest is turned
/// away.
///
/// Thread safety: one thread.
class turnstile {
 public:
  turnstile(std::size_t most_inside, std::size_t most_waiting)
      : most_inside_(most_inside), most_waiting_(most_waiting) {}

  /// Calls `begin` now, or when it is its turn; one that throws is out again. False: too many wait,
  /// and it is never called.
  [[nodiscard]] bool enter(std::function<void()> begin) {
    if (inside_ == most_inside_) {
      if (waiting_.size() == most_waiting_) return false;
      waiting_.push_back(std::move(begin));
      return true;
    }
    ++inside_;
    let_in(begin);
    return true;
  }
  /// Once by everyone who has begun: who waits for longest begins.
  void leave() {
    if (waiting_.empty()) {
      --inside_;
      return;
    }
    const auto next = std::move(waiting_.front());
    waiting_.pop_front();
    let_in(next);
  }

 private:
  void let_in(const std::function<void()>& begin) {
    try {
      begin();
    } catch (...) {
      leave();
      throw;
    }
  }

  const std::size_t most_inside_;
  const std::size_t most_waiting_;
  std::size_t inside_ = 0;
  std::deque<std::function<void()>> waiting_;
};

}  // namespace nuncio::server::monitor
