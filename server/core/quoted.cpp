#include "quoted.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <iterator>

namespace nuncio::server {
namespace {

struct character {
  char32_t code = 0;
  std::size_t size = 0;  ///< bytes; 0: there is none
};

// Source: the Unicode Standard 15, table 3-7.
character first_of(std::string_view text) noexcept {
  const auto lead = static_cast<unsigned char>(text.front());
  const std::size_t size = lead < 0x80   ? 1
                           : lead < 0xc2 ? 0
                           : lead < 0xe0 ? 2
                           : lead < 0xf0 ? 3
                           : lead < 0xf5 ? 4
                                         : 0;
  if (size == 0 || text.size() < size) return {};
  char32_t code = size == 1 ? lead : lead & (0x7fU >> size);
  for (const char each : text.substr(1, size - 1)) {
    const auto byte = static_cast<unsigned char>(each);
    if ((byte & 0xc0U) != 0x80) return {};
    code = code << 6U | (byte & 0x3fU);
  }
  constexpr std::array<char32_t, 5> least{0, 0, 0x80, 0x800, 0x10000};
  const bool is_surrogate = code >= 0xd800 && code < 0xe000;
  if (code < least.at(size) || is_surrogate || code > 0x10ffff) return {};
  return {code, size};
}

bool can_be_seen(char32_t code) noexcept {
  struct range {
    char32_t first, last;
  };
  constexpr std::array hidden{
      range{0, 0x1f},        range{0x7f, 0xa0},     range{0xad, 0xad},     range{0x600, 0x605},
      range{0x61c, 0x61c},   range{0x1680, 0x1680}, range{0x180e, 0x180e}, range{0x2000, 0x200f},
      range{0x2028, 0x202f}, range{0x205f, 0x206f}, range{0x3000, 0x3000}, range{0xe000, 0xf8ff},
      range{0xfeff, 0xfeff}, range{0xfff0, 0xfffb}, range{0xfffe, 0xffff}, range{0xe0000, 0x10ffff},
  };
  return std::none_of(hidden.begin(), hidden.end(), [code](const range& each) {
    return code >= each.first && code <= each.last;
  });
}

}  // namespace

std::string quoted(std::string_view text) {
  std::string out = "\"";
  const auto put = std::back_inserter(out);
  while (!text.empty()) {
    const auto next = first_of(text);
    const auto bytes = text.substr(0, std::max<std::size_t>(next.size, 1));
    text.remove_prefix(bytes.size());
    constexpr std::string_view named = "\a\b\f\n\r\t\v\"\\";
    constexpr std::string_view letters = "abfnrtv\"\\";
    const auto which = named.find(bytes.front());
    if (which != std::string_view::npos) {
      out += '\\';
      out += letters[which];
    } else if (next.size != 0 && can_be_seen(next.code)) {
      out += bytes;
    } else if (next.size <= 1) {
      fmt::format_to(put, "\\x{:02x}", static_cast<unsigned char>(bytes.front()));
    } else if (next.code < 0x10000) {
      fmt::format_to(put, "\\u{:04x}", static_cast<std::uint32_t>(next.code));
    } else {
      fmt::format_to(put, "\\U{:08x}", static_cast<std::uint32_t>(next.code));
    }
  }
  return out += '"';
}

}  // namespace nuncio::server
