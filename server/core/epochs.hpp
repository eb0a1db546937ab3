#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <vector>

/// Reclaiming what other shards may still read, by quiescent states.
///
/// Each shard has a slot: the epoch that it last saw, or `away`. What is unlinked from a shared
/// structure is retired with a tag, the epoch that begins after the unlinking, and freed once every
/// slot is at or past the tag, or away. Readers pay one load per handler, nothing per message.
///
/// Invariants, each of which was broken once by something simpler:
/// - a slot is stored with seq_cst, and coming from `away` the epoch is loaded again until it
/// agrees;
/// - every store to a slot is followed by a load of `waiting`, so that no waiter sleeps for ever;
/// - enter() of a shard that is not away publishes again if the epoch has moved: the start of a
///   handler is a quiescent point, also of a shard that is never idle.
///
/// Thread safety: an epoch_member is used by its shard's thread alone; `epochs` by all.
namespace nuncio::server {

class epochs {
 public:
  static constexpr std::uint64_t away = 0;
  static constexpr unsigned max_members = 64;  // bits of `waiting_`

  /// `wake(i)` must make member i call check_waiters() soon; it may be called from any member's
  /// thread.
  epochs(unsigned members, std::function<void(unsigned)> wake);

  [[nodiscard]] unsigned members() const noexcept { return members_; }

 private:
  friend class epoch_member;
  struct alignas(64) slot {
    std::atomic<std::uint64_t> seen{away};
  };

  void tell_waiters() const;

  unsigned members_;
  std::function<void(unsigned)> wake_;
  std::unique_ptr<slot[]> slots_;
  alignas(64) std::atomic<std::uint64_t> now_{1};
  alignas(64) std::atomic<std::uint64_t> waiting_{0};  // a bit per member
};

class epoch_member {
 public:
  epoch_member(epochs& all, unsigned index) noexcept
      : all_(all), slot_(all.slots_[index].seen), index_(index) {}
  epoch_member(const epoch_member&) = delete;
  epoch_member& operator=(const epoch_member&) = delete;
  /// Frees what is left; all members must be away for good.
  ~epoch_member();

  /// Begins a handler: from here on, what is found in shared structures stays valid until the next
  /// enter() or leave().
  void enter() {
    const auto seen = slot_.load(std::memory_order_relaxed);
    if (seen == all_.now_.load(std::memory_order_seq_cst)) return;
    enter_anew(seen);
  }
  /// Nothing shared is held any more; frees what can be freed.
  void leave();

  /// Hands over something that has been unlinked; `free_it(thing)` runs on this thread, later.
  void retire(void* thing, void (*free_it)(void*)) { fresh_.push_back({thing, free_it}); }
  template <class T>
  void retire(T* thing) {
    retire(thing, [](void* p) { delete static_cast<T*>(p); });
  }

  /// Ends the current epoch; what was unlinked and retired so far is out of everyone's reach once
  /// passed() of the result holds.
  std::uint64_t seal();
  /// True if every other member has been quiescent since seal() returned `tag`.
  [[nodiscard]] bool passed(std::uint64_t tag) const noexcept;
  /// Calls `then` on this thread, from check_waiters(), once passed(tag); never at once, since the
  /// caller may be in the middle of a batch.
  void when_passed(std::uint64_t tag, std::function<void()> then);
  void check_waiters();

  /// Batches that wait to be freed.
  [[nodiscard]] std::size_t backlog() const noexcept { return sealed_.size() + fresh_.size(); }
  /// Frees what has passed; called by leave(), and by a shard that is never idle.
  void reclaim();

 private:
  struct retired {
    void* thing;
    void (*free_it)(void*);
  };
  struct batch {
    std::uint64_t tag;
    std::vector<retired> things;
  };
  struct waiter {
    std::uint64_t tag;
    std::function<void()> then;
  };

  void enter_anew(std::uint64_t seen);

  epochs& all_;
  std::atomic<std::uint64_t>& slot_;
  unsigned index_;
  std::vector<retired> fresh_;
  std::deque<batch> sealed_;
  std::vector<waiter> waiters_;
};

}  // namespace nuncio::server
