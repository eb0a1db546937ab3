#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

namespace nuncio::rpc {

/// Walks over one msgpack value without allocating.
/// Source: the msgpack specification, "Formats".
struct msgpack_scan {
  std::size_t max_depth = 64;
  std::size_t max_elements = 1'000'000;

  std::string_view problem;    ///< empty if there is none
  std::size_t problem_at = 0;  ///< byte
  std::size_t elements = 0;    ///< seen so far

  /// The byte behind the value at `at`; `bytes.size() + 1` if there is a problem.
  std::size_t skip(std::string_view bytes, std::size_t at, std::size_t depth = 0);
};

/// What the first byte of a value says of it.
struct msgpack_head {
  enum class kind : std::uint8_t { scalar, data, array, map, invalid, cut };
  kind what = kind::cut;
  std::size_t size = 0;   ///< bytes of the head
  std::size_t count = 0;  ///< bytes of data, or elements; pairs of a map
};
[[nodiscard]] msgpack_head read_msgpack_head(std::string_view bytes) noexcept;

}  // namespace nuncio::rpc
