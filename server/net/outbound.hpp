#pragma once

#include "small_mutex.hpp"

#include <sys/uio.h>

#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <vector>

namespace nuncio::server {

class shard;
struct subscription;

using coarse_time = std::chrono::steady_clock::time_point;

/// A block of bytes that wait to be sent.
struct chunk {
  chunk* next = nullptr;
  coarse_time since;
  std::uint32_t begin = 0;
  std::uint32_t size = 0;  ///< end of the bytes
  std::uint32_t capacity = 0;

  [[nodiscard]] char* bytes() noexcept { return reinterpret_cast<char*>(this + 1); }
  [[nodiscard]] std::uint32_t unsent() const noexcept { return size - begin; }

  /// A chunk with the bytes of `pieces` from `skip` on, and room for at least `room` in all.
  static chunk* make(
      const iovec* pieces, std::size_t count, std::size_t skip, std::size_t room, coarse_time now);
  static void free_all(chunk* first) noexcept;
};

struct message_count {
  std::uint32_t messages = 0;
  std::uint32_t left_out = 0;  ///< bytes of headers, for who has none
  std::uint64_t bytes = 0;     ///< headers and payloads, but for these
};

/// What a connection's socket has not taken yet.
///
/// Thread safety: any thread, under `lock`, which is never held over a system call or an
/// allocation. Invariant, at every unlock: the queue is empty, or `sending`, or `wait_armed`, or
/// `look_posted`, or it is `closed`. So no bytes stay with nobody to send them. A chunk that was
/// made outside of the lock is appended only after deciding anew.
struct outbound_queue {
  small_mutex lock;
  shard* owner = nullptr;    ///< nobody while the connection moves
  bool sending = false;      ///< somebody has the right to send and holds what was at the head
  bool wait_armed = false;   ///< the owner waits for writability
  bool look_posted = false;  ///< mail to the owner is under way
  bool closing = false;      ///< nothing is added any more; the connection ends when it is empty
  bool closed = false;       ///< nothing is added nor sent any more
  bool overflowed = false;   ///< it is closed because max_pending was exceeded
  bool broken = false;       ///< it is closed because sending failed
  chunk* head = nullptr;
  chunk* tail = nullptr;
  std::uint64_t bytes = 0;  ///< queued, and in the hands of whoever sends
  std::uint64_t out_messages = 0;
  std::uint64_t out_bytes = 0;  ///< headers and payloads
  coarse_time last_out;         ///< when something was sent or queued
  /// Subscriptions whose limit a foreign shard has reached: a name to look up, never to follow.
  struct spent {
    subscription* sub;
    std::uint32_t sid_hash;
  };
  std::unique_ptr<std::vector<spent>> exhausted;  ///< null: none; there are many connections

  [[nodiscard]] bool empty() const noexcept { return head == nullptr; }
  [[nodiscard]] coarse_time oldest() const noexcept { return head->since; }

  /// Under the lock. True if the bytes fitted the last chunk and are in it.
  bool append_to_tail(const iovec* pieces, std::size_t count, std::size_t total) noexcept;
  void append(chunk* last) noexcept;
  void put_back(chunk* first, chunk* last) noexcept;
  /// Under the lock. Takes all chunks; `bytes` still counts them.
  chunk* take() noexcept;
  /// Under the lock. Closes and hands out what was queued, to be freed outside.
  [[nodiscard]] chunk* drop() noexcept;
};

}  // namespace nuncio::server
