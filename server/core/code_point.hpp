#pragma once

#include <cstddef>
#include <string_view>

namespace nuncio::server {

/// A character of UTF-8.
struct code_point {
  char32_t value = 0;
  std::size_t size = 0;  ///< bytes; 0: there is none
};

/// The one that `text` begins with; none if it is empty or isn't UTF-8 there.
/// Source: the Unicode Standard 15, table 3-7.
[[nodiscard]] code_point first_code_point(std::string_view text) noexcept;

}  // namespace nuncio::server
