#pragma once

#include "value.hpp"

#include <array>
#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

namespace nuncio::server::config {

/// A point in a text that moves forward, and back where a mistake is better explained elsewhere.
///
/// It knows the classes of characters of the format, and turns offsets into lines and columns.
///
/// Pre:  the text has no byte of zero: `peek` says zero at the end.
class cursor {
 public:
  explicit cursor(std::string_view text);

  [[nodiscard]] std::string_view text() const noexcept { return text_; }
  [[nodiscard]] std::size_t position() const noexcept { return position_; }
  [[nodiscard]] bool at_end() const noexcept { return position_ == text_.size(); }
  /// The byte that comes `ahead` bytes after the point; zero behind the end.
  [[nodiscard]] char peek(std::size_t ahead = 0) const noexcept;

  /// Past the end is the end.
  void move_to(std::size_t offset) noexcept;
  void advance(std::size_t bytes = 1) noexcept { move_to(position_ + bytes); }

  /// A tab or a blank.
  [[nodiscard]] bool at_blank() const noexcept;
  [[nodiscard]] bool at_line_end() const noexcept;
  /// How many bytes the white space of Unicode at the point takes; 0 if there is none.
  [[nodiscard]] std::size_t space_here() const noexcept;
  [[nodiscard]] bool at_comment() const noexcept;

  void skip_blanks() noexcept;
  void skip_spaces() noexcept;
  /// To the end of the line, which stays.
  void skip_line() noexcept;
  void skip_spaces_and_comments() noexcept;

  // After a mistake, when nothing is sure:

  /// To one of these, or to the end of the line, over what is in brackets or quotes.
  void skip_to_any_of(std::string_view stops);
  /// The point is at a quote; to behind the one that closes it on the same line, if there is one.
  bool skip_quoted();
  /// The point is at a bracket; to behind the one that closes it, if there is one.
  bool skip_brackets();

  /// The bytes since `from`.
  [[nodiscard]] std::string_view since(std::size_t from) const noexcept {
    return text_.substr(from, position_ - from);
  }

  /// From the rest of the first line of a block that has no end to where it may have been meant to
  /// end: on the same line, at a `)` that begins a line, or else at the end of the text.
  void skip_unclosed_block(std::size_t start);
  /// The line's end before a `)` that is alone on its line, if the point is in a block; else npos.
  [[nodiscard]] std::size_t find_block_end();

  [[nodiscard]] place place_of(std::size_t offset, std::uint32_t file) const;
  /// What stands at an offset, for a message: `"}"`, `a new line`, …
  [[nodiscard]] std::string found_at(std::size_t offset) const;

 private:
  std::string_view text_;
  std::size_t position_ = 0;
  std::vector<std::size_t> line_starts_{0};
  // What was looked for in vain, so that no text takes time by the square of its size.
  bool has_unmatched_ = false;
  bool has_unclosed_block_ = false;
  std::array<std::size_t, 2> searched_until_{};  ///< for `"` and `'`
};

[[nodiscard]] constexpr bool is_digit(char c) noexcept {
  return c >= '0' && c <= '9';
}

/// A piece of a configuration in quotes, made fit for one line of a message: short, and printable.
[[nodiscard]] std::string in_quotes(std::string_view piece);

}  // namespace nuncio::server::config
