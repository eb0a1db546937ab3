#include "cursor.hpp"

#include <algorithm>
#include <array>

namespace nuncio::server::config {

namespace {

using namespace std::string_view_literals;

/// The white space beyond ASCII, in UTF-8. Source: Unicode's property White_Space.
constexpr std::array wide_spaces{
    "\xC2\x85"sv,     "\xC2\xA0"sv,     "\xE1\x9A\x80"sv, "\xE2\x80\x80"sv, "\xE2\x80\x81"sv,
    "\xE2\x80\x82"sv, "\xE2\x80\x83"sv, "\xE2\x80\x84"sv, "\xE2\x80\x85"sv, "\xE2\x80\x86"sv,
    "\xE2\x80\x87"sv, "\xE2\x80\x88"sv, "\xE2\x80\x89"sv, "\xE2\x80\x8A"sv, "\xE2\x80\xA8"sv,
    "\xE2\x80\xA9"sv, "\xE2\x80\xAF"sv, "\xE2\x81\x9F"sv, "\xE3\x80\x80"sv};

constexpr std::size_t longest_quote = 40;

}  // namespace

cursor::cursor(std::string_view text) : text_(text) {
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '\n') line_starts_.push_back(i + 1);
  }
}

char cursor::peek(std::size_t ahead) const noexcept {
  return ahead < text_.size() - position_ ? text_[position_ + ahead] : '\0';
}

void cursor::move_to(std::size_t offset) noexcept {
  position_ = std::min(offset, text_.size());
}

bool cursor::at_blank() const noexcept {
  return peek() == ' ' || peek() == '\t';
}

bool cursor::at_line_end() const noexcept {
  return peek() == '\n' || peek() == '\r';
}

std::size_t cursor::space_here() const noexcept {
  const char c = peek();
  if (c == ' ' || (c >= '\t' && c <= '\r')) return 1;
  if (c >= '\0') return 0;  // plain ASCII, or the end
  const auto rest = text_.substr(position_);
  const auto* const found =
      std::find_if(wide_spaces.begin(), wide_spaces.end(),
                   [&](std::string_view space) { return rest.starts_with(space); });
  return found == wide_spaces.end() ? 0 : found->size();
}

bool cursor::at_comment() const noexcept {
  return peek() == '#' || (peek() == '/' && peek(1) == '/');
}

void cursor::skip_blanks() noexcept {
  while (at_blank()) advance();
}

void cursor::skip_spaces() noexcept {
  while (const auto bytes = space_here()) advance(bytes);
}

void cursor::skip_line() noexcept {
  move_to(text_.find_first_of("\r\n"sv, position_));
}

void cursor::skip_spaces_and_comments() noexcept {
  for (skip_spaces(); at_comment(); skip_spaces()) skip_line();
}

void cursor::skip_to_any_of(std::string_view stops) {
  bool after_blank = true;
  while (!at_end() && !at_line_end()) {
    const char c = peek();
    if (stops.find(c) != stops.npos) return;
    if (after_blank && at_comment()) return skip_line();
    after_blank = at_blank();
    if ((c == '{' || c == '[') && skip_brackets()) continue;
    if ((c == '"' || c == '\'') && skip_quoted()) continue;
    advance();
  }
}

bool cursor::skip_quoted() {
  const char quote = peek();
  // One search to the end of a line is enough, however many quotes are on it.
  auto& searched = searched_until_[quote == '"' ? 0 : 1];
  if (position_ < searched) return false;
  for (auto at = position_ + 1; at < text_.size() && text_[at] != '\n'; ++at) {
    if (quote == '"' && text_[at] == '\\') {
      ++at;
    } else if (text_[at] == quote) {
      move_to(at + 1);
      return true;
    }
    searched = at;
  }
  return false;
}

bool cursor::skip_brackets() {
  // One search to the end of the text is enough to know that brackets don't match here.
  if (has_unmatched_) return false;
  const auto start = position_;
  std::size_t open = 0;
  for (bool after_blank = true; !at_end();) {
    const char c = peek();
    if (after_blank && at_comment()) skip_line();
    after_blank = space_here() > 0;
    if ((c == '"' || c == '\'') && skip_quoted()) continue;
    if (c == '{' || c == '[') ++open;
    if (c == '}' || c == ']') --open;
    advance();
    if (open == 0) return true;
  }
  has_unmatched_ = true;
  move_to(start);
  return false;
}

std::size_t cursor::find_block_end() {
  constexpr auto ending = "\n)"sv;
  if (has_unclosed_block_) return text_.npos;
  auto end = text_.find(ending, position_ + 1);
  while (end != text_.npos && end + 2 != text_.size() && text_[end + 2] != '\n') {
    end = text_.find(ending, end + 1);
  }
  has_unclosed_block_ = end == text_.npos;
  return end;
}

void cursor::skip_unclosed_block(std::size_t start) {
  if (since(start).find(')') != text_.npos) return;
  while (!at_end()) {
    advance();
    skip_blanks();
    if (peek() == ')') return advance();
    skip_line();
  }
}

place cursor::place_of(std::size_t offset, std::uint32_t file) const {
  const auto next = std::upper_bound(line_starts_.begin(), line_starts_.end(), offset);
  return {.file = file,
          .line = static_cast<std::uint32_t>(next - line_starts_.begin()),
          .column = static_cast<std::uint32_t>(offset - *(next - 1) + 1)};
}

std::string cursor::found_at(std::size_t offset) const {
  if (offset >= text_.size()) return "the end of the file";
  if (text_[offset] == '\n' || text_[offset] == '\r') return "a new line";
  if ("{}[](),;:="sv.find(text_[offset]) != text_.npos) return in_quotes(text_.substr(offset, 1));
  const auto near = text_.substr(offset, 2 * longest_quote);
  return in_quotes(near.substr(0, near.find_first_of(" \t\r\n,;{}[]"sv, 1)));
}

std::string in_quotes(std::string_view piece) {
  constexpr std::string_view digits = "0123456789ABCDEF";
  const char quote = piece.find('"') == piece.npos ? '"' : '\'';
  std::string out{quote};
  // Bytes beyond ASCII stay, as most of them are somebody's letters, but a letter is not cut.
  auto kept = std::min(piece.size(), longest_quote);
  while (kept < piece.size() && kept > 0 && (static_cast<unsigned char>(piece[kept]) >> 6U) == 2) {
    --kept;
  }
  for (const char c : piece.substr(0, kept)) {
    const auto byte = static_cast<unsigned char>(c);
    if (byte >= 0x20 && byte != 0x7F) {
      out += c;
    } else {
      out += "\\x";
      out += digits[byte >> 4U];
      out += digits[byte & 15U];
    }
  }
  if (kept < piece.size()) out += "...";
  return out += quote;
}

}  // namespace nuncio::server::config
