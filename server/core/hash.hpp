#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string_view>

/// One hash and one comparison for subjects, tokens and sids: 8 bytes at a time, never reading past
/// the end.
/// Not meant to withstand chosen collisions by itself; the seed is random per server.
namespace nuncio::server {

namespace detail {

inline std::uint64_t mix(std::uint64_t a, std::uint64_t b) noexcept {
  __extension__ using wide = unsigned __int128;
  const auto product = static_cast<wide>(a) * b;
  return static_cast<std::uint64_t>(product) ^ static_cast<std::uint64_t>(product >> 64);
}

inline std::uint64_t load(const char* data, std::size_t size) noexcept {
  std::uint64_t value = 0;
  std::memcpy(&value, data, size);
  return value;
}

inline constexpr std::uint64_t odd_a = 0x9e3779b97f4a7c15U;
inline constexpr std::uint64_t odd_b = 0xd1342543de82ef95U;

}  // namespace detail

/// Equality without a call: subjects are short.
inline bool same_bytes(std::string_view a, std::string_view b) noexcept {
  using detail::load;
  const std::size_t size = a.size();
  if (size != b.size()) return false;
  const char* const x = a.data();
  const char* const y = b.data();
  if (size >= 8) {
    const std::size_t last = size - 8;
    for (std::size_t i = 0; i < last; i += 8) {
      if (load(x + i, 8) != load(y + i, 8)) return false;
    }
    return load(x + last, 8) == load(y + last, 8);
  }
  if (size >= 4) return load(x, 4) == load(y, 4) && load(x + size - 4, 4) == load(y + size - 4, 4);
  for (std::size_t i = 0; i < size; ++i) {
    if (x[i] != y[i]) return false;
  }
  return true;
}

inline std::uint64_t hash_bytes(std::string_view text, std::uint64_t seed) noexcept {
  using namespace detail;
  const char* at = text.data();
  const std::size_t size = text.size();
  std::uint64_t state = seed ^ (size * odd_a);
  if (size >= 8) {
    const char* const last = at + size - 8;
    for (; at < last; at += 8) state = mix(state ^ load(at, 8), odd_b);
    state = mix(state ^ load(last, 8), odd_b);
  } else if (size >= 4) {
    const std::uint64_t both = load(at, 4) | load(at + size - 4, 4) << 32;
    state = mix(state ^ both, odd_b);
  } else if (size > 0) {
    const auto byte = [&](std::size_t i) {
      return std::uint64_t{static_cast<unsigned char>(at[i])};
    };
    state = mix(state ^ (byte(0) | byte(size / 2) << 8 | byte(size - 1) << 16), odd_b);
  }
  return mix(state, odd_a);
}

}  // namespace nuncio::server
