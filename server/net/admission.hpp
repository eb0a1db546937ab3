#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <optional>

namespace nuncio::server {

/// Lets so many do something at a time; the others wait in their order. One thread only.
class admission {
 public:
  explicit admission(std::size_t most) : most_(most) {}

  /// True: go ahead, and leave() afterwards. False: wait for your turn.
  bool enter(std::uint64_t who) {
    if (inside_ >= most_) {
      waiting_.push_back(who);
      return false;
    }
    ++inside_;
    return true;
  }
  /// Whose turn it is now; that one is inside already, and leave()s even if it is gone.
  std::optional<std::uint64_t> leave() {
    if (waiting_.empty()) {
      --inside_;
      return std::nullopt;
    }
    const auto next = waiting_.front();
    waiting_.pop_front();
    return next;
  }

 private:
  const std::size_t most_;
  std::size_t inside_ = 0;
  std::deque<std::uint64_t> waiting_;
};

}  // namespace nuncio::server
