#include "target_list.hpp"

#include <cstdlib>
#include <cstring>
#include <new>

namespace nuncio::server::target_list {
namespace {

array* make_array(std::uint32_t capacity, std::uint32_t account, std::string_view subject) {
  const auto size =
      sizeof(array) + std::size_t{capacity} * sizeof(std::atomic<subscription*>) + subject.size();
  void* const memory = std::malloc(size);
  if (memory == nullptr) throw std::bad_alloc{};
  auto* const list = new (memory) array;
  list->capacity = capacity;
  list->size.store(0, std::memory_order_relaxed);
  list->live = 0;
  list->account = account;
  list->subject_size = static_cast<std::uint32_t>(subject.size());
  for (std::uint32_t i = 0; i < capacity; ++i) new (list->items() + i) std::atomic<subscription*>;
  std::memcpy(reinterpret_cast<char*>(list->items() + capacity), subject.data(), subject.size());
  return list;
}

void append(array& list, subscription* sub) noexcept {
  const auto size = list.size.load(std::memory_order_relaxed);
  sub->index.store(size, std::memory_order_relaxed);
  list.items()[size].store(sub, std::memory_order_release);
  list.size.store(size + 1, std::memory_order_release);
  ++list.live;
}

ref word_of(array* list) noexcept {
  return reinterpret_cast<ref>(list) | 1;
}

// A new array of the live entries, with room for as many again.
array* rebuild(array& old, epoch_member& epoch) {
  array* const fresh = make_array(old.live < 2 ? 4 : old.live * 2, old.account, old.subject());
  for_each(word_of(&old), [fresh](subscription* sub) { append(*fresh, sub); });
  epoch.retire(&old, std::free);
  return fresh;
}

}  // namespace

ref add(ref word, subscription* sub, epoch_member& epoch) {
  if (word == 0) {
    sub->index.store(0, std::memory_order_relaxed);
    return reinterpret_cast<ref>(sub);
  }
  if (!is_array(word)) {
    auto* const first = as_single(word);
    array* const list = make_array(4, first->account, first->subject());
    append(*list, first);
    append(*list, sub);
    return word_of(list);
  }
  array* list = as_array(word);
  if (list->size.load(std::memory_order_relaxed) == list->capacity) list = rebuild(*list, epoch);
  append(*list, sub);
  return word_of(list);
}

ref remove(ref word, subscription* sub, epoch_member& epoch) {
  const auto index = sub->index.exchange(subscription::unlinked, std::memory_order_relaxed);
  if (!is_array(word)) return 0;
  array* const list = as_array(word);
  list->items()[index].store(nullptr, std::memory_order_release);
  if (--list->live == 0) {
    epoch.retire(list, std::free);
    return 0;
  }
  const auto size = list->size.load(std::memory_order_relaxed);
  if (size >= 16 && list->live * 4 < size) return word_of(rebuild(*list, epoch));
  return word;
}

void destroy(ref word) noexcept {
  if (is_array(word)) std::free(as_array(word));
}

}  // namespace nuncio::server::target_list
