#pragma once

#include "epochs.hpp"
#include "hash.hpp"
#include "subscription.hpp"

#include <atomic>
#include <cstdint>
#include <string_view>

namespace nuncio::server {

/// The subscriptions of one subject as one word: none, a subscription, or (bit 0 set) an array.
///
/// Thread safety: writers hold the lock of the table or trie that holds the word, and publish the
/// result by a release store; readers take no lock.
/// Invariants: a removed entry becomes null and no other one moves (else a reader could miss an
/// innocent one); an array that is full or mostly null is rebuilt aside and the old one retired. No
/// linked list: disconnecting 10,000 subscribers of one subject would be quadratic.
namespace target_list {

using ref = std::uint64_t;

struct alignas(8) array {
  std::uint32_t capacity;
  std::atomic<std::uint32_t> size;
  std::uint32_t live;
  std::uint32_t account;
  std::uint32_t subject_size;
  // Behind it: `capacity` atomic pointers, then the subject, which must outlive any one entry.

  [[nodiscard]] std::atomic<subscription*>* items() noexcept {
    return reinterpret_cast<std::atomic<subscription*>*>(this + 1);
  }
  [[nodiscard]] std::string_view subject() noexcept {
    return {reinterpret_cast<const char*>(items() + capacity), subject_size};
  }
};

[[nodiscard]] inline bool is_array(ref word) noexcept {
  return (word & 1) != 0;
}
[[nodiscard]] inline array* as_array(ref word) noexcept {
  return reinterpret_cast<array*>(word & ~ref{1});
}
[[nodiscard]] inline subscription* as_single(ref word) noexcept {
  return reinterpret_cast<subscription*>(word);
}

/// Writer. The word with `sub` in it, which may be the same word.
ref add(ref word, subscription* sub, epoch_member& epoch);
/// Writer. The word without `sub`; 0 if it was the last.
ref remove(ref word, subscription* sub, epoch_member& epoch);
/// When nobody else is there.
void destroy(ref word) noexcept;

/// True if `word` holds subscribers of this subject in this account.
[[nodiscard]] inline bool is_for(ref word,
                                 std::uint32_t account,
                                 std::string_view subject) noexcept {
  if (is_array(word)) {
    return as_array(word)->account == account && same_bytes(as_array(word)->subject(), subject);
  }
  const auto* const sub = as_single(word);
  return sub->account == account && same_bytes(sub->subject(), subject);
}

[[nodiscard]] inline std::string_view subject_of(ref word) noexcept {
  return is_array(word) ? as_array(word)->subject() : as_single(word)->subject();
}
[[nodiscard]] inline std::uint32_t account_of(ref word) noexcept {
  return is_array(word) ? as_array(word)->account : as_single(word)->account;
}

template <class Visit>
void for_each(ref word, Visit&& visit) {
  if (word == 0) return;
  if (!is_array(word)) return visit(as_single(word));
  array* const list = as_array(word);
  const auto size = list->size.load(std::memory_order_acquire);
  for (std::uint32_t i = 0; i < size; ++i) {
    if (subscription* const sub = list->items()[i].load(std::memory_order_acquire)) visit(sub);
  }
}

}  // namespace target_list
}  // namespace nuncio::server
