#pragma once

#include "hash.hpp"
#include "subscription.hpp"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string_view>

namespace nuncio::server {

/// A connection's subscriptions by sid: 8 bytes a slot, nothing stored twice. One thread only.
///
/// A slot is a pointer to a subscription with 20 bits of the sid's hash where an aligned pointer
/// has none, so that neither looking up nor growing reads subscriptions that aren't meant: with
/// thousands of them each would be a cache miss.
class sid_map {
 public:
  [[nodiscard]] std::uint32_t size() const noexcept { return size_; }

  static std::uint32_t hash(std::string_view sid) noexcept {
    return static_cast<std::uint32_t>(hash_bytes(sid, 0));
  }

  [[nodiscard]] subscription* find(std::string_view sid) const noexcept {
    if (capacity_ == 0) return nullptr;
    const auto hashed = hash(sid);
    for (auto i = hashed & mask(); slots_[i] != 0; i = (i + 1) & mask()) {
      if (tag_in(slots_[i]) != (hashed & tag_mask)) continue;
      if (auto* const sub = subscription_in(slots_[i]); sub->sid() == sid) return sub;
    }
    return nullptr;
  }

  /// True if this very subscription is in the map; `sub` itself is not looked at, it may be gone.
  [[nodiscard]] bool holds(const subscription* sub, std::uint32_t sid_hash) const noexcept {
    if (capacity_ == 0) return false;
    for (auto i = sid_hash & mask(); slots_[i] != 0; i = (i + 1) & mask()) {
      if (subscription_in(slots_[i]) == sub) return true;
    }
    return false;
  }

  /// Pre: its sid is not in the map.
  void insert(subscription* sub) {
    if ((size_ + 1) * 8 > capacity_ * 7) resize(capacity_ == 0 ? 2 : capacity_ * 2);
    const auto hashed = hash(sub->sid());
    put(hashed, slot_of(sub, hashed));
    ++size_;
  }

  /// Pre: `sub` is in the map.
  void erase(const subscription* sub) noexcept {
    auto hole = hash(sub->sid()) & mask();
    while (subscription_in(slots_[hole]) != sub) hole = (hole + 1) & mask();
    // Move back whoever would be cut off from its first slot by the hole.
    for (auto i = (hole + 1) & mask(); slots_[i] != 0; i = (i + 1) & mask()) {
      const auto first = first_of(slots_[i]);
      if (((i - first) & mask()) >= ((i - hole) & mask())) {
        slots_[hole] = slots_[i];
        hole = i;
      }
    }
    slots_[hole] = 0;
    if (--size_ == 0) clear();
  }

  template <class Visit>
  void for_each(Visit visit) const {
    for (std::uint32_t i = 0; i < capacity_; ++i) {
      if (slots_[i] != 0) visit(subscription_in(slots_[i]));
    }
  }

  /// Likewise for some, in a walk of which nothing is remembered here: `parts` and `next` are 0
  /// first, and it is over if this says false. Goes on until `most` slots have been seen, or a few
  /// more. Those that are in the map all the time are visited once each, whatever comes and goes
  /// between two steps; of others no two with the same sid.
  ///
  /// A part of the walk is what has the same low bits of its hash, as many as the first step has
  /// found in use. A map that has grown has each part in several places, in the same order.
  template <class Visit>
  bool for_some(std::uint32_t& parts, std::uint32_t& next, std::size_t most, Visit visit) const {
    if (parts == 0) parts = std::max(capacity_, 1U);
    for (std::size_t seen = 0; next < parts && size_ != 0; ++next) {
      if (seen >= most) return true;
      for (auto home = next & mask(); home < capacity_; home += parts) {
        ++seen;
        for (auto i = home; slots_[i] != 0; i = (i + 1) & mask()) {
          if (first_of(slots_[i]) != home) continue;
          auto* const sub = subscription_in(slots_[i]);
          // It may also be smaller than it was, if it has been empty since.
          if (parts > capacity_ && (hash(sub->sid()) & (parts - 1)) != next) continue;
          ++seen;
          visit(sub);
        }
      }
    }
    return false;
  }

  void clear() noexcept {
    slots_.reset();
    capacity_ = size_ = 0;
  }

 private:
  static constexpr std::uint32_t low_bits = 4;  // that are 0 in the address of a subscription
  static constexpr std::uint32_t tag_mask = (1U << 20) - 1;
  static constexpr std::uint64_t address_bits = 0x0000'ffff'ffff'fff0U;

  static std::uint64_t slot_of(subscription* sub, std::uint32_t hashed) noexcept {
    const std::uint64_t tag = hashed & tag_mask;
    return reinterpret_cast<std::uintptr_t>(sub) | (tag >> low_bits << 48) |
           (tag & ((1U << low_bits) - 1));
  }
  static std::uint32_t tag_in(std::uint64_t slot) noexcept {
    return static_cast<std::uint32_t>((slot >> 48 << low_bits) | (slot & ((1U << low_bits) - 1)));
  }
  static subscription* subscription_in(std::uint64_t slot) noexcept {
    return reinterpret_cast<subscription*>(slot & address_bits);
  }

  [[nodiscard]] std::uint32_t mask() const noexcept { return capacity_ - 1; }

  // Where the search for it begins.
  [[nodiscard]] std::uint32_t first_of(std::uint64_t slot) const noexcept {
    const auto hashed = mask() <= tag_mask ? tag_in(slot) : hash(subscription_in(slot)->sid());
    return hashed & mask();
  }

  void put(std::uint32_t first, std::uint64_t slot) noexcept {
    auto i = first & mask();
    while (slots_[i] != 0) i = (i + 1) & mask();
    slots_[i] = slot;
  }

  void resize(std::uint32_t capacity) {
    auto old = std::move(slots_);
    const auto old_capacity = capacity_;
    slots_ = std::make_unique<std::uint64_t[]>(capacity);
    capacity_ = capacity;
    for (std::uint32_t i = 0; i < old_capacity; ++i) {
      if (old[i] != 0) put(first_of(old[i]), old[i]);
    }
  }

  std::unique_ptr<std::uint64_t[]> slots_;
  std::uint32_t capacity_ = 0;
  std::uint32_t size_ = 0;
};

}  // namespace nuncio::server
