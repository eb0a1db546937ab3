#pragma once

#include "slot_table.hpp"
#include "target_list.hpp"

#include <array>
#include <cstdint>
#include <mutex>
#include <string_view>

namespace nuncio::server {

/// Subscriptions to literal subjects, of all accounts: 256 tables chosen by hash bits, so that
/// growth stops nobody for long and writers seldom meet.
///
/// Thread safety: find() takes no lock; insert() and remove() lock one table. All callers are
/// shards that have entered the epochs. The caller mixes the account into `hash`.
class exact_index {
 public:
  explicit exact_index(std::uint64_t seed) noexcept : seed_(seed) {}
  exact_index(const exact_index&) = delete;
  exact_index& operator=(const exact_index&) = delete;
  ~exact_index();

  [[nodiscard]] std::uint64_t hash(std::uint32_t account, std::string_view subject) const noexcept;

  [[nodiscard]] target_list::ref find(std::uint64_t hash,
                                      std::uint32_t account,
                                      std::string_view subject) const {
    return part_of(hash).table.find(
        hash, [&](target_list::ref word) { return target_list::is_for(word, account, subject); });
  }

  /// True if nobody had this subject before.
  bool insert(std::uint64_t hash, subscription* sub, epoch_member& epoch);
  /// True if nobody has it any more. Pre: `sub` is in it.
  bool remove(std::uint64_t hash, subscription* sub, epoch_member& epoch);

 private:
  struct part {
    std::mutex lock;  // guards writing to `table`
    slot_table table;
  };
  static constexpr std::uint32_t first_capacity = 16;

  // The table is chosen by the top byte, the slot by the low half, the tag lies between.
  [[nodiscard]] part& part_of(std::uint64_t hash) noexcept { return parts_[hash >> 56]; }
  [[nodiscard]] const part& part_of(std::uint64_t hash) const noexcept {
    return parts_[hash >> 56];
  }

  std::uint64_t seed_;
  std::array<part, 256> parts_;
};

}  // namespace nuncio::server
