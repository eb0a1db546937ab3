#pragma once

#include "core/hash.hpp"
#include "core/permissions.hpp"
#include "core/router.hpp"

#include <array>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

namespace nuncio::server {

/// A prepared answer to "who gets this subject": targets with their outlets and rendered prefixes.
struct match_entry {
  std::uint64_t stamp = 0;
  stamps::place place{};
  const account* who = nullptr;
  std::string subject;
  plan to;
  /// The last ones that allow to publish here: mostly those of who asks next.
  std::shared_ptr<const grants> allowed_by;
  std::string prefixes;  ///< `HMSG <subject> <sid> ` of each target; MSG is the same from byte 1

  [[nodiscard]] bool is_for(const account& a, std::string_view s) const noexcept {
    return who == &a && same_bytes(subject, s);
  }
  void set_key(const account& a, std::string_view s, stamps::place at) {
    who = &a;
    if (!same_bytes(subject, s)) allowed_by.reset();
    subject.assign(s);
    place = at;
  }
};

/// A shard's memory of matches, direct-mapped by hash. A subject is admitted on its second miss in
/// a row, so that one-shot inboxes neither build an entry nor evict a hot one; an empty answer
/// never: a thousand subjects that nobody wants cost less by walks than by entries, and of one that
/// is published over and over the shard remembers the last. One thread only.
class match_cache {
 public:
  static constexpr std::size_t size = 4096;
  static std::uint16_t slot_of(std::uint64_t hash) noexcept {
    return static_cast<std::uint16_t>(hash % size);
  }

  [[nodiscard]] match_entry* at(std::uint16_t slot) const noexcept { return entries_[slot].get(); }

  /// True if the subject missed here last time too.
  bool knocks_again(std::uint64_t hash) noexcept {
    auto& door = doors_[slot_of(hash)];
    const auto mark = static_cast<std::uint32_t>(hash >> 32) | 1;
    if (door == mark) return true;
    door = mark;
    return false;
  }

  /// Puts an entry in, or nothing; hands out what was there.
  std::unique_ptr<match_entry> replace(std::uint16_t slot,
                                       std::unique_ptr<match_entry> entry) noexcept {
    entries_[slot].swap(entry);
    return entry;
  }

 private:
  std::array<std::unique_ptr<match_entry>, size> entries_;
  std::array<std::uint32_t, size> doors_{};
};

}  // namespace nuncio::server
