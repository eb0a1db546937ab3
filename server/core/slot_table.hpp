#pragma once

#include "epochs.hpp"

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <new>

namespace nuncio::server {

/// An open-addressing table of 8-byte slots: 16 bits of hash, 48 bits of payload (a pointer whose
/// low bits may carry a mark). It stores no keys: the caller compares what the payload points to.
///
/// Thread safety: writers hold a lock of their owner's; readers take none and may run meanwhile, in
/// shards that have entered the epochs.
/// Invariants: an entry never moves within a block, so that a reader can't miss it; removal leaves
/// a tombstone, which counts as load; growing builds a new block aside, publishes it by one store
/// and retires the old one. The size is a power of two, filled to 7/8 at most, so probing always
/// ends.
class slot_table {
 public:
  using payload = std::uint64_t;  ///< 0: none

  slot_table() = default;
  slot_table(const slot_table&) = delete;
  slot_table& operator=(const slot_table&) = delete;
  ~slot_table() { std::free(block_.load(std::memory_order_relaxed)); }

  [[nodiscard]] bool empty() const noexcept {
    const block* b = block_.load(std::memory_order_acquire);
    return b == nullptr || b->live.load(std::memory_order_relaxed) == 0;
  }

  /// Any thread. The payload for which `same(payload)` holds, or 0.
  template <class Same>
  [[nodiscard]] payload find(std::uint64_t hash, Same same) const {
    const block* b = block_.load(std::memory_order_acquire);
    if (b == nullptr) return 0;
    const std::uint64_t tag = tag_of(hash);
    for (auto i = first_of(hash, b->mask);; ++i) {
      const std::uint64_t slot = b->at(i & b->mask).load(std::memory_order_acquire);
      if (slot == 0) return 0;
      if ((slot & ~payload_bits) == tag && (slot & payload_bits) != tombstone &&
          same(slot & payload_bits)) {
        return slot & payload_bits;
      }
    }
  }

  /// Writer. The slot that holds the key, or null.
  template <class Same>
  std::atomic<std::uint64_t>* find_slot(std::uint64_t hash, Same same) {
    block* b = block_.load(std::memory_order_relaxed);
    if (b == nullptr) return nullptr;
    const std::uint64_t tag = tag_of(hash);
    for (auto i = first_of(hash, b->mask);; ++i) {
      auto& cell = b->at(i & b->mask);
      const std::uint64_t slot = cell.load(std::memory_order_relaxed);
      if (slot == 0) return nullptr;
      if ((slot & ~payload_bits) == tag && (slot & payload_bits) != tombstone &&
          same(slot & payload_bits)) {
        return &cell;
      }
    }
  }

  /// Writer. The payload of a slot that find_slot() found.
  static payload payload_of(const std::atomic<std::uint64_t>& cell) noexcept {
    return cell.load(std::memory_order_relaxed) & payload_bits;
  }

  /// Writer. Replaces the payload of a slot that find_slot() found.
  static void replace(std::atomic<std::uint64_t>& cell, payload value) noexcept {
    cell.store((cell.load(std::memory_order_relaxed) & ~payload_bits) | value,
               std::memory_order_release);
  }

  /// Writer. Pre: no slot holds the key. `hash_of(payload)` tells the hash of any entry.
  template <class HashOf>
  void insert(std::uint64_t hash,
              payload value,
              HashOf hash_of,
              epoch_member& epoch,
              std::uint32_t first_capacity) {
    block* b = block_.load(std::memory_order_relaxed);
    if (b == nullptr || (b->used + 1) * 8 > (b->mask + 1) * 7) {
      b = grow(b, hash_of, epoch, first_capacity);
    }
    put(*b, first_of(hash, b->mask), tag_of(hash) | value);
  }

  /// Writer. Empties a slot that find_slot() found.
  void erase(std::atomic<std::uint64_t>& cell) noexcept {
    cell.store(tombstone, std::memory_order_release);
    block* b = block_.load(std::memory_order_relaxed);
    b->live.store(b->live.load(std::memory_order_relaxed) - 1, std::memory_order_relaxed);
  }

  /// Writer, or when nobody else is there.
  template <class Visit>
  void for_each(Visit visit) const {
    const block* b = block_.load(std::memory_order_acquire);
    if (b == nullptr) return;
    for (std::uint32_t i = 0; i <= b->mask; ++i) {
      const std::uint64_t slot = b->at(i).load(std::memory_order_relaxed) & payload_bits;
      if (slot != 0 && slot != tombstone) visit(slot);
    }
  }

  [[nodiscard]] std::uint32_t capacity() const noexcept {
    const block* b = block_.load(std::memory_order_acquire);
    return b == nullptr ? 0 : b->mask + 1;
  }

 private:
  static constexpr std::uint64_t payload_bits = 0x0000'ffff'ffff'ffffU;
  static constexpr std::uint64_t tombstone = 2;  // no pointer to anything that is aligned

  struct alignas(8) block {  // the slots follow it
    std::uint32_t mask;
    std::uint32_t used = 0;  // entries and tombstones
    std::atomic<std::uint32_t> live{0};

    [[nodiscard]] const std::atomic<std::uint64_t>& at(std::uint32_t i) const noexcept {
      return reinterpret_cast<const std::atomic<std::uint64_t>*>(this + 1)[i];
    }
    [[nodiscard]] std::atomic<std::uint64_t>& at(std::uint32_t i) noexcept {
      return reinterpret_cast<std::atomic<std::uint64_t>*>(this + 1)[i];
    }
  };
  static_assert(sizeof(std::atomic<std::uint64_t>) == 8);

  // Of up to this many slots, the tag alone says where the search for an entry begins: growing
  // needn't look at the entries then, most of which are in no cache. In a larger table that would
  // leave too few bits to tell neighbours apart.
  static constexpr std::uint32_t placed_by_tag = 1U << 14;

  // Bits 32 to 47; the top ones choose the table.
  static std::uint64_t tag_of(std::uint64_t hash) noexcept { return (hash << 16) & ~payload_bits; }

  static std::uint32_t first_of(std::uint64_t hash, std::uint32_t mask) noexcept {
    return static_cast<std::uint32_t>(mask < placed_by_tag ? hash >> 32 : hash);
  }

  static void put(block& b, std::uint32_t first, std::uint64_t entry) noexcept {
    for (auto i = first;; ++i) {
      auto& cell = b.at(i & b.mask);
      const auto slot = cell.load(std::memory_order_relaxed);
      if (slot != 0 && slot != tombstone) continue;
      if (slot == 0) ++b.used;
      b.live.store(b.live.load(std::memory_order_relaxed) + 1, std::memory_order_relaxed);
      cell.store(entry, std::memory_order_release);
      return;
    }
  }

  template <class HashOf>
  block* grow(block* old, HashOf hash_of, epoch_member& epoch, std::uint32_t first_capacity) {
    std::uint32_t capacity = first_capacity;
    // Twice the size only if the load is entries, not tombstones.
    const std::uint32_t live = old == nullptr ? 0 : old->live.load(std::memory_order_relaxed);
    while ((live + 1) * 3 > capacity * 2 && old != nullptr) capacity *= 2;
    void* const memory = std::calloc(1, sizeof(block) + std::size_t{capacity} * 8);
    if (memory == nullptr) throw std::bad_alloc{};
    auto* const fresh = new (memory) block{};
    fresh->mask = capacity - 1;
    if (old != nullptr) {
      for (std::uint32_t i = 0; i <= old->mask; ++i) {
        const auto slot = old->at(i).load(std::memory_order_relaxed);
        const payload value = slot & payload_bits;
        if (value == 0 || value == tombstone) continue;
        // The tag where tag_of() took it from is as much of the hash as a small table asks for.
        const auto hash = fresh->mask < placed_by_tag ? slot >> 16 : hash_of(value);
        put(*fresh, first_of(hash, fresh->mask), slot);
      }
    }
    block_.store(fresh, std::memory_order_release);
    if (old != nullptr) epoch.retire(old, std::free);
    return fresh;
  }

  std::atomic<block*> block_{nullptr};
};

}  // namespace nuncio::server
