#pragma once

#include <atomic>

namespace nuncio::server {

/// A mutex of four bytes, for what there is one of in each connection. Not recursive, not fair.
class small_mutex {
 public:
  small_mutex() = default;
  small_mutex(const small_mutex&) = delete;
  small_mutex& operator=(const small_mutex&) = delete;
  ~small_mutex() = default;

  void lock() noexcept {
    int expected = open;
    if (state_.compare_exchange_strong(expected, locked, std::memory_order_acquire)) return;
    // Whoever has waited can't know whether others still do: it unlocks as if.
    while (state_.exchange(waited_for, std::memory_order_acquire) != open) state_.wait(waited_for);
  }
  bool try_lock() noexcept {
    int expected = open;
    return state_.compare_exchange_strong(expected, locked, std::memory_order_acquire);
  }
  void unlock() noexcept {
    if (state_.exchange(open, std::memory_order_release) == waited_for) state_.notify_one();
  }

 private:
  enum : int { open, locked, waited_for };  // an int is what Linux can wait for
  std::atomic<int> state_{open};
};

}  // namespace nuncio::server
