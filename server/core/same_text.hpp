#pragma once

#include <algorithm>
#include <string_view>

namespace nuncio::server {

/// The same but for the case of ASCII letters?
[[nodiscard]] inline bool same_text(std::string_view a, std::string_view b) noexcept {
  const auto lowered = [](char c) {
    return c >= 'A' && c <= 'Z' ? static_cast<char>(c | 0x20) : c;
  };
  return std::equal(a.begin(), a.end(), b.begin(), b.end(),
                    [&](char x, char y) { return lowered(x) == lowered(y); });
}

}  // namespace nuncio::server
