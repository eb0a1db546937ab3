#include "quoted.hpp"

#include "code_point.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <iterator>

namespace nuncio::server {
namespace {

bool can_be_seen(char32_t code) noexcept {
  struct range {
    char32_t first, last;
  };
  constexpr std::array hidden{
      range{0, 0x1f},          range{0x7f, 0xa0},        range{0xad, 0xad},
      range{0x600, 0x605},     range{0x61c, 0x61c},      range{0x1680, 0x1680},
      range{0x180e, 0x180e},   range{0x2000, 0x200f},    range{0x2028, 0x202f},
      range{0x205f, 0x206f},   range{0x3000, 0x3000},    range{0xe000, 0xf8ff},
      range{0xfeff, 0xfeff},   range{0xfff0, 0xfffb},    range{0xfffe, 0xffff},
      range{0xe0000, 0xe00ff}, range{0xe01f0, 0x10ffff},
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
    const auto next = first_code_point(text);
    const auto bytes = text.substr(0, std::max<std::size_t>(next.size, 1));
    text.remove_prefix(bytes.size());
    constexpr std::string_view named = "\a\b\f\n\r\t\v\"\\";
    constexpr std::string_view letters = "abfnrtv\"\\";
    const auto which = named.find(bytes.front());
    if (which != std::string_view::npos) {
      out += '\\';
      out += letters[which];
    } else if (next.size != 0 && can_be_seen(next.value)) {
      out += bytes;
    } else if (next.size <= 1) {
      fmt::format_to(put, "\\x{:02x}", static_cast<unsigned char>(bytes.front()));
    } else if (next.value < 0x10000) {
      fmt::format_to(put, "\\u{:04x}", static_cast<std::uint32_t>(next.value));
    } else {
      fmt::format_to(put, "\\U{:08x}", static_cast<std::uint32_t>(next.value));
    }
  }
  return out += '"';
}

}  // namespace nuncio::server
