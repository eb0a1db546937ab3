#include "exact_index.hpp"

#include "hash.hpp"

namespace nuncio::server {

exact_index::~exact_index() {
  for (const auto& each : parts_) each.table.for_each(target_list::destroy);
}

std::uint64_t exact_index::hash(std::uint32_t account, std::string_view subject) const noexcept {
  return hash_bytes(subject, seed_ + account * detail::odd_a);
}

bool exact_index::insert(std::uint64_t hash, subscription* sub, epoch_member& epoch) {
  part& here = part_of(hash);
  const std::scoped_lock guard(here.lock);
  const auto same = [sub](target_list::ref word) {
    return target_list::is_for(word, sub->account, sub->subject());
  };
  if (auto* const cell = here.table.find_slot(hash, same)) {
    slot_table::replace(*cell, target_list::add(slot_table::payload_of(*cell), sub, epoch));
    return false;
  }
  const auto hash_of = [this](target_list::ref word) {
    return this->hash(target_list::account_of(word), target_list::subject_of(word));
  };
  here.table.insert(hash, target_list::add(0, sub, epoch), hash_of, epoch, first_capacity);
  return true;
}

bool exact_index::remove(std::uint64_t hash, subscription* sub, epoch_member& epoch) {
  part& here = part_of(hash);
  const std::scoped_lock guard(here.lock);
  auto* const cell = here.table.find_slot(hash, [sub](target_list::ref word) {
    return target_list::is_for(word, sub->account, sub->subject());
  });
  const auto word = slot_table::payload_of(*cell);
  const auto rest = target_list::remove(word, sub, epoch);
  if (rest != 0) {
    slot_table::replace(*cell, rest);
    return false;
  }
  here.table.erase(*cell);
  return true;
}

}  // namespace nuncio::server
