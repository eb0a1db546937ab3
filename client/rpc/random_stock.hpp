#pragma once

#include "driver.hpp"

#include <array>
#include <cstddef>
#include <cstring>
#include <span>

namespace nuncio::rpc {

/// Unguessable bytes, of which many are fetched at once: asking the system for each few costs more
/// than all else that they are for.
///
/// Thread: one.
class random_stock {
 public:
  /// As many bytes as a `T` has.
  template <class T>
  [[nodiscard]] T draw() {
    static_assert(sizeof(T) <= size);
    if (used_ + sizeof(T) > size) {
      client::draw_random(bytes_);
      used_ = 0;
    }
    T out{};
    std::memcpy(&out, bytes_.data() + used_, sizeof out);
    used_ += sizeof out;
    return out;
  }

 private:
  static constexpr std::size_t size = 240;
  std::array<std::byte, size> bytes_{};
  std::size_t used_ = size;
};

}  // namespace nuncio::rpc
