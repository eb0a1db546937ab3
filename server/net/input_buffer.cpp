#include "input_buffer.hpp"

#include <nuncio/protocol/parser.hpp>

#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <new>
#include <utility>

namespace nuncio::server {
namespace {

constexpr std::size_t padding = protocol::parser_padding;
constexpr std::size_t smallest_block = 256;
constexpr std::size_t much = 16 * 1024;
// A block is worth keeping for the next large payload from here on, and not above.
constexpr std::size_t smallest_spare = 64 * 1024;
constexpr std::size_t largest_spare = 2 * 1024 * 1024;

char* allocate(std::size_t capacity) {
  void* const memory = std::malloc(capacity + padding);
  if (memory == nullptr) throw std::bad_alloc{};
  return static_cast<char*>(memory);
}

}  // namespace

input_buffer::input_buffer() : buffer_(allocate(size)) {
  std::memset(buffer_, 0, size + padding);
}

input_buffer::~input_buffer() {
  std::free(buffer_);
  std::free(dropped_);
  std::free(spare_);
}

input_buffer::space input_buffer::prepare(kept_input& kept) {
  if (holder_ != nullptr && holder_ != &kept) {
    // Whoever has read it to the end needs no block.
    if (holder_->size == 0) {
      holder_ = nullptr;
    } else {
      move_to_block(*holder_, holder_->size);
    }
  }
  if (kept.needed > size || kept.size >= size) {
    // The operation doesn't fit the buffer: read it, and no more, into a block.
    const std::size_t most = kept.needed != 0 ? kept.needed : SIZE_MAX;
    if (kept.capacity <= kept.size) {
      // A peer that has sent little gets little, whatever it has declared.
      const std::size_t have = kept.size;
      const std::size_t grown =
          have < much ? std::max(4 * have, smallest_block) : std::max(2 * have, size);
      move_to_block(kept, std::min(most, grown));
    }
    const auto end = std::min<std::size_t>(kept.capacity, most);
    return {kept.data, {kept.data + kept.size, end - kept.size}};
  }
  if (kept.size != 0 && kept.data != buffer_) {
    std::memmove(buffer_, kept.data, kept.size);
    if (kept.capacity != 0) release(kept.data, kept.capacity);
  }
  kept.data = buffer_;
  kept.capacity = 0;
  holder_ = &kept;
  return {buffer_, {buffer_ + kept.size, size - kept.size}};
}

void input_buffer::keep(kept_input& kept, char* data, std::size_t count) {
  if (kept.capacity != 0 && data != kept.data) std::memmove(kept.data, data, count);
  if (kept.capacity == 0) kept.data = data;
  kept.size = static_cast<std::uint32_t>(count);
}

void input_buffer::detach(kept_input& kept) {
  if (kept.size == 0) {
    const auto needed = kept.needed;
    drop(kept);
    kept.needed = needed;
  } else if (kept.capacity == 0) {
    move_to_block(kept, kept.size);
  }
}

void input_buffer::drop(kept_input& kept) noexcept {
  if (holder_ == &kept) holder_ = nullptr;
  if (kept.capacity != 0) {
    recycle();
    dropped_ = kept.data;
    dropped_capacity_ = kept.capacity;
  }
  kept = {};
}

void input_buffer::recycle() noexcept {
  if (dropped_ == nullptr) return;
  release(dropped_, dropped_capacity_);
  dropped_ = nullptr;
}

void input_buffer::trim() noexcept {
  std::free(spare_);
  spare_ = nullptr;
  spare_capacity_ = 0;
}

void input_buffer::move_to_block(kept_input& kept, std::size_t capacity) {
  capacity = std::max({capacity, smallest_block, std::size_t{kept.size}});
  char* block = nullptr;
  if (capacity >= smallest_spare && spare_capacity_ >= capacity) {
    block = std::exchange(spare_, nullptr);
    capacity = std::exchange(spare_capacity_, 0);
  } else {
    block = allocate(capacity);
  }
  if (kept.size != 0) std::memcpy(block, kept.data, kept.size);
  if (kept.capacity != 0) release(kept.data, kept.capacity);
  kept.data = block;
  kept.capacity = static_cast<std::uint32_t>(capacity);
  if (holder_ == &kept) holder_ = nullptr;
}

void input_buffer::release(char* block, std::uint32_t capacity) noexcept {
  if (capacity >= smallest_spare && capacity <= largest_spare && capacity > spare_capacity_) {
    std::free(spare_);
    spare_ = block;
    spare_capacity_ = capacity;
  } else {
    std::free(block);
  }
}

}  // namespace nuncio::server
