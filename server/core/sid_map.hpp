#pragma once

#include "hash.hpp"
#include "subscription.hpp"

#include <cstdint>
#include <memory>
#include <string_view>

namespace nuncio::server {

/// A connection's subscriptions by sid: 8 bytes a slot, nothing stored twice. One thread only.
class sid_map {
 public:
  [[nodiscard]] std::uint32_t size() const noexcept { return size_; }

  static std::uint32_t hash(std::string_view sid) noexcept {
    return static_cast<std::uint32_t>(hash_bytes(sid, 0));
  }

  [[nodiscard]] subscription* find(std::string_view sid) const noexcept {
    if (capacity_ == 0) return nullptr;
    for (auto i = hash(sid) & mask(); slots_[i] != nullptr; i = (i + 1) & mask()) {
      if (slots_[i]->sid() == sid) return slots_[i];
    }
    return nullptr;
  }

  /// True if this very subscription is in the map; `sub` itself is not looked at, it may be gone.
  [[nodiscard]] bool holds(const subscription* sub, std::uint32_t sid_hash) const noexcept {
    if (capacity_ == 0) return false;
    for (auto i = sid_hash & mask(); slots_[i] != nullptr; i = (i + 1) & mask()) {
      if (slots_[i] == sub) return true;
    }
    return false;
  }

  /// Pre: its sid is not in the map.
  void insert(subscription* sub) {
    if ((size_ + 1) * 8 > capacity_ * 7) resize(capacity_ == 0 ? 4 : capacity_ * 2);
    put(sub);
    ++size_;
  }

  /// Pre: `sub` is in the map.
  void erase(const subscription* sub) noexcept {
    auto hole = hash(sub->sid()) & mask();
    while (slots_[hole] != sub) hole = (hole + 1) & mask();
    // Move back whoever would be cut off from its first slot by the hole.
    for (auto i = (hole + 1) & mask(); slots_[i] != nullptr; i = (i + 1) & mask()) {
      const auto first = hash(slots_[i]->sid()) & mask();
      if (((i - first) & mask()) >= ((i - hole) & mask())) {
        slots_[hole] = slots_[i];
        hole = i;
      }
    }
    slots_[hole] = nullptr;
    if (--size_ == 0) {
      slots_.reset();
      capacity_ = 0;
    }
  }

  template <class Visit>
  void for_each(Visit visit) const {
    for (std::uint32_t i = 0; i < capacity_; ++i) {
      if (slots_[i] != nullptr) visit(slots_[i]);
    }
  }

  void clear() noexcept {
    slots_.reset();
    capacity_ = size_ = 0;
  }

 private:
  [[nodiscard]] std::uint32_t mask() const noexcept { return capacity_ - 1; }

  void put(subscription* sub) noexcept {
    auto i = hash(sub->sid()) & mask();
    while (slots_[i] != nullptr) i = (i + 1) & mask();
    slots_[i] = sub;
  }

  void resize(std::uint32_t capacity) {
    auto old = std::move(slots_);
    const auto old_capacity = capacity_;
    slots_ = std::make_unique<subscription*[]>(capacity);
    capacity_ = capacity;
    for (std::uint32_t i = 0; i < old_capacity; ++i) {
      if (old[i] != nullptr) put(old[i]);
    }
  }

  std::unique_ptr<subscription*[]> slots_;
  std::uint32_t capacity_ = 0;
  std::uint32_t size_ = 0;
};

}  // namespace nuncio::server
