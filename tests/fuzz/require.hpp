#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <string_view>

/// Ends the process, as a crash would, if a property doesn't hold.
#define NUNCIO_FUZZ_REQUIRE(condition)                                                   \
  do {                                                                                   \
    if (!(condition)) {                                                                  \
      std::fprintf(stderr, "%s:%d: %s does not hold\n", __FILE__, __LINE__, #condition); \
      std::abort();                                                                      \
    }                                                                                    \
  } while (false)

namespace nuncio::fuzz {

inline std::string_view text(const std::uint8_t* data, std::size_t size) {
  return {reinterpret_cast<const char*>(data), size};
}

/// `run(bytes, piece_size)` says what becomes of a stream that is read in pieces: always the same.
/// The first byte of the input chooses one of the sizes.
template <class Run>
void require_same_in_pieces(const std::uint8_t* data, std::size_t size, const Run& run) {
  if (size == 0) return;
  const auto bytes = text(data + 1, size - 1);
  const auto whole = run(bytes, std::max<std::size_t>(bytes.size(), 1));
  NUNCIO_FUZZ_REQUIRE(run(bytes, std::size_t{1}) == whole);
  NUNCIO_FUZZ_REQUIRE(run(bytes, std::size_t{data[0]} + 1) == whole);
}

}  // namespace nuncio::fuzz
