#pragma once

#include <optional>
#include <string>
#include <string_view>

/// What several parsers of this room share of plain text.
namespace nuncio::protocol {

/// What stands between the fields of a line, and around the values of headers.
[[nodiscard]] constexpr bool is_blank(char c) noexcept {
  return c == ' ' || c == '\t';
}

/// `text` without the blanks that it begins with.
[[nodiscard]] constexpr std::string_view trim_left(std::string_view text) noexcept {
  while (!text.empty() && is_blank(text.front())) text.remove_prefix(1);
  return text;
}

/// `text` without the blanks at both of its ends.
[[nodiscard]] constexpr std::string_view trim(std::string_view text) noexcept {
  text = trim_left(text);
  while (!text.empty() && is_blank(text.back())) text.remove_suffix(1);
  return text;
}

/// The value of a hex digit in either case, or -1.
[[nodiscard]] constexpr int hex_digit(char c) noexcept {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

/// `text` with each `%XX` as the byte that it stands for.
/// Errors:  nothing if a `%` isn't followed by two hex digits.
[[nodiscard]] inline std::optional<std::string> percent_decode(std::string_view text) {
  std::string out;
  out.reserve(text.size());
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] != '%') {
      out += text[i];
      continue;
    }
    if (text.size() - i < 3) return std::nullopt;
    const int high = hex_digit(text[i + 1]);
    const int low = hex_digit(text[i + 2]);
    if (high < 0 || low < 0) return std::nullopt;
    out += static_cast<char>(high * 16 + low);
    i += 2;
  }
  return out;
}

/// `text` without the `blanks` at both of its ends.
[[nodiscard]] constexpr std::string_view trim(std::string_view text,
                                              std::string_view blanks) noexcept {
  const auto from = text.find_first_not_of(blanks);
  if (from == std::string_view::npos) return {};
  return text.substr(from, text.find_last_not_of(blanks) - from + 1);
}

}  // namespace nuncio::protocol
