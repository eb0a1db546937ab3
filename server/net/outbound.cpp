#include "outbound.hpp"

#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <new>

namespace nuncio::server {
namespace {

char* copy_pieces(const iovec* pieces, std::size_t count, std::size_t skip, char* to) noexcept {
  for (std::size_t i = 0; i < count; ++i) {
    const std::size_t size = pieces[i].iov_len;
    if (skip >= size) {
      skip -= size;
      continue;
    }
    std::memcpy(to, static_cast<const char*>(pieces[i].iov_base) + skip, size - skip);
    to += size - skip;
    skip = 0;
  }
  return to;
}

}  // namespace

chunk* chunk::make(
    const iovec* pieces, std::size_t count, std::size_t skip, std::size_t room, coarse_time now) {
  std::size_t total = 0;
  for (std::size_t i = 0; i < count; ++i) total += pieces[i].iov_len;
  total -= skip;
  const std::size_t capacity = std::max(total, room);
  void* const memory = std::malloc(sizeof(chunk) + capacity);
  if (memory == nullptr) throw std::bad_alloc{};
  auto* const made = new (memory) chunk;
  made->since = now;
  made->size = static_cast<std::uint32_t>(total);
  made->capacity = static_cast<std::uint32_t>(capacity);
  copy_pieces(pieces, count, skip, made->bytes());
  return made;
}

void chunk::free_all(chunk* first) noexcept {
  while (first != nullptr) {
    chunk* const next = first->next;
    std::free(first);
    first = next;
  }
}

bool outbound_queue::append_to_tail(const iovec* pieces,
                                    std::size_t count,
                                    std::size_t total) noexcept {
  if (tail == nullptr || tail->capacity - tail->size < total) return false;
  copy_pieces(pieces, count, 0, tail->bytes() + tail->size);
  tail->size += static_cast<std::uint32_t>(total);
  bytes += total;
  return true;
}

void outbound_queue::append(chunk* last) noexcept {
  (tail == nullptr ? head : tail->next) = last;
  tail = last;
  bytes += last->unsent();
}

void outbound_queue::put_back(chunk* first, chunk* last) noexcept {
  last->next = head;
  head = first;
  if (tail == nullptr) tail = last;
}

chunk* outbound_queue::take() noexcept {
  chunk* const all = head;
  head = tail = nullptr;
  return all;
}

chunk* outbound_queue::drop() noexcept {
  closed = true;
  chunk* const all = take();
  bytes = 0;
  return all;
}

}  // namespace nuncio::server
