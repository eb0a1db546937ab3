#pragma once

#include <boost/unordered/unordered_flat_map.hpp>

#include <cassert>
#include <cstdint>
#include <mutex>
#include <string>

namespace nuncio::server {

/// Counts connections by something that many may have in common. Who isn't there takes no memory.
/// Thread safety: any thread.
class tally {
 public:
  /// One more, unless there are `most`; negative: in any case. Then leave() is due once.
  [[nodiscard]] bool join(const std::string& who, std::int64_t most) {
    const std::scoped_lock held(lock_);
    auto& count = counts_[who];
    if (most >= 0 && count >= most) {
      if (count == 0) counts_.erase(who);
      return false;
    }
    ++count;
    return true;
  }
  /// One fewer.
  void leave(const std::string& who) {
    const std::scoped_lock held(lock_);
    const auto found = counts_.find(who);
    assert(found != counts_.end());
    if (--found->second == 0) counts_.erase(found);
  }
  /// How many are counted that have anybody.
  [[nodiscard]] std::size_t size() const {
    const std::scoped_lock held(lock_);
    return counts_.size();
  }

 private:
  mutable std::mutex lock_;  // guards `counts_`
  boost::unordered_flat_map<std::string, std::int64_t> counts_;
};

}  // namespace nuncio::server
