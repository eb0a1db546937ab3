#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

namespace nuncio::server {

/// A connection's bytes of an incomplete operation.
struct kept_input {
  char* data = nullptr;
  std::uint32_t size = 0;
  std::uint32_t capacity = 0;  ///< of a block of its own; 0: `data` lies in the shard's buffer
  std::uint32_t needed = 0;    ///< it is no use to look at fewer bytes than this
};

/// A shard's read buffer, which all its connections use in turn. What one of them keeps stays in
/// the buffer while nobody else needs it, and moves to a block of its own otherwise. Blocks grow
/// with what has arrived, never by what was declared. All bytes are followed by the parser's
/// padding. One thread only.
class input_buffer {
 public:
  static constexpr std::size_t size = 128 * 1024;

  input_buffer();
  input_buffer(const input_buffer&) = delete;
  input_buffer& operator=(const input_buffer&) = delete;
  ~input_buffer();

  struct space {
    char* begin;           ///< the kept bytes
    std::span<char> free;  ///< to read into, right behind them
  };
  /// Where to read the next bytes of whose kept input this is.
  space prepare(kept_input& kept);
  /// Keeps `count` bytes at `data`, which lie where prepare() said, or in the kept block.
  void keep(kept_input& kept, char* data, std::size_t count);
  /// Makes what is kept independent of this buffer, so that another one can go on with it.
  void detach(kept_input& kept);
  /// Nothing is kept any more. A block stays readable until recycle().
  void drop(kept_input& kept) noexcept;
  /// The batch has ended: nobody looks at dropped blocks any more.
  void recycle() noexcept;
  /// Frees what is only held to be used again.
  void trim() noexcept;

 private:
  void move_to_block(kept_input& kept, std::size_t capacity);
  void release(char* block, std::uint32_t capacity) noexcept;

  char* buffer_;
  kept_input* holder_ = nullptr;  // whose bytes lie in the buffer
  char* dropped_ = nullptr;
  std::uint32_t dropped_capacity_ = 0;
  char* spare_ = nullptr;  // one large block, so that a run of large payloads allocates once
  std::uint32_t spare_capacity_ = 0;
};

}  // namespace nuncio::server
