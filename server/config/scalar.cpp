#include "scalar.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <limits>
#include <optional>

namespace nuncio::server::config {

namespace {

using namespace std::string_view_literals;

constexpr std::string_view a_date = "a date and time as in 2006-01-02T15:04:05Z, or quotes";
constexpr std::string_view the_escapes = R"(one of \n \t \r \" \\ \xHH)";

char lower(char c) noexcept {
  return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
}

std::string lower(std::string_view text) {
  std::string out(text);
  std::transform(out.begin(), out.end(), out.begin(), [](char c) { return lower(c); });
  return out;
}

std::optional<bool> to_bool(std::string_view word) {
  const auto name = lower(word);
  if (name == "true" || name == "yes" || name == "on") return true;
  if (name == "false" || name == "no" || name == "off") return false;
  return {};
}

int hex_digit(char c) noexcept {
  if (is_digit(c)) return c - '0';
  const char letter = lower(c);
  return letter >= 'a' && letter <= 'f' ? letter - 'a' + 10 : -1;
}

/// What a unit multiplies by: of a single letter a power of 1000, of a longer one of 1024.
std::optional<std::int64_t> to_factor(std::string_view unit) {
  if (unit.empty()) return 1;
  const auto name = lower(unit);
  const auto power = "kmgtpe"sv.find(name.front());
  const auto rest = std::string_view(name).substr(1);
  if (power == "kmgtpe"sv.npos || !(rest.empty() || rest == "b" || rest == "i" || rest == "ib")) {
    return {};
  }
  std::int64_t factor = 1;
  for (std::size_t i = 0; i <= power; ++i) factor *= rest.empty() ? 1000 : 1024;
  return factor;
}

int two_digits(std::string_view from, std::size_t at) noexcept {
  return (from[at] - '0') * 10 + (from[at + 1] - '0');
}

/// Whether it has the form of 2006-01-02T15:04:05Z and is in the calendar.
bool is_time(std::string_view text) noexcept {
  constexpr std::string_view form = "0000-00-00T00:00:00Z";
  if (text.size() != form.size()) return false;
  for (std::size_t i = 0; i < form.size(); ++i) {
    if (form[i] == '0' ? !is_digit(text[i]) : text[i] != form[i]) return false;
  }
  const int year = two_digits(text, 0) * 100 + two_digits(text, 2);
  const int month = two_digits(text, 5);
  if (month < 1 || month > 12) return false;
  constexpr std::array<int, 12> days{31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
  const bool is_leap_year = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
  const int last_day = month == 2 && is_leap_year ? 29 : days[static_cast<std::size_t>(month - 1)];
  const int day = two_digits(text, 8);
  return day >= 1 && day <= last_day && two_digits(text, 11) < 24 && two_digits(text, 14) < 60 &&
         two_digits(text, 17) < 60;
}

class reader {
 public:
  reader(cursor& in, bool in_list, const complaints& complain)
      : in_(in), in_list_(in_list), complain_(complain), start_(in.position()) {}

  scalar read() {
    switch (in_.peek()) {
      case '\'':
        read_raw();
        break;
      case '"':
        read_quoted();
        break;
      case '(':
        read_block();
        break;
      case '-':
        in_.advance();
        read_negative();
        break;
      case '.':
        fail_word("a digit before the point, or quotes");
        break;
      default:
        if (is_digit(in_.peek())) {
          read_number();
        } else {
          read_word();
        }
    }
    return std::move(out_);
  }

 private:
  void complain(std::size_t offset, std::string_view found, std::string_view expected) {
    out_.is_broken = true;
    complain_(offset, found, expected);
  }

  /// The whole word at the start is wrong.
  void fail_word(std::string_view expected) {
    in_.move_to(std::max(in_.position(), start_ + 1));
    while (!in_.at_end() && !in_.at_blank() && !in_.at_line_end() &&
           ",;]}"sv.find(in_.peek()) == std::string_view::npos) {
      in_.advance();
    }
    complain(start_, in_quotes(in_.since(start_)), expected);
  }

  /// What begins here has no end: the rest of its first line is given up with it.
  void fail_unclosed(std::string_view expected) {
    in_.move_to(start_);
    complain(start_, in_.found_at(start_) + " without its end", expected);
    in_.skip_line();
  }

  void read_raw() {
    const auto end = in_.text().find('\'', start_ + 1);
    if (end == std::string_view::npos) return fail_unclosed("a closing '");
    out_.is.text = in_.text().substr(start_ + 1, end - start_ - 1);
    in_.move_to(end + 1);
  }

  void read_quoted() {
    std::vector<std::size_t> wrong;
    in_.advance();
    while (in_.peek() != '"') {
      if (in_.at_end()) return fail_unclosed("a closing \"");
      if (in_.peek() != '\\') {
        take();
      } else if (!read_escape()) {
        wrong.push_back(in_.position());
        in_.advance(in_.peek(1) == '\0' ? 1 : 2);
      }
    }
    in_.advance();
    // Only now, as without a closing quote these would be nonsense.
    for (const auto offset : wrong) complain_escape(offset);
  }

  /// `(`, any lines, and a `)` that is alone on its line.
  void read_block() {
    const auto end = in_.find_block_end();
    if (end == std::string_view::npos) {
      fail_unclosed("a line with nothing but \")\"");
      return in_.skip_unclosed_block(start_);
    }
    out_.is.text = in_.text().substr(start_ + 1, end - start_);
    in_.move_to(end + 2);
  }

  void read_negative() {
    if (!is_digit(in_.peek())) return fail_word("a digit after \"-\", or quotes");
    skip_digits();
    if (in_.peek() == '.') return read_real();
    if (skip_unit() && !ends_number()) return read_word();
    finish_integer();
  }

  void read_number() {
    skip_digits();
    const char c = in_.peek();
    if (c == '-') return read_time();
    if (c == '.') return read_real();
    const bool has_unit = skip_unit();
    // A reference that reads `[1]` takes the bracket for a part of a text and then misses it.
    if (ends_number() || (in_list_ && !has_unit && in_.peek() == ']')) return finish_integer();
    // Whatever follows makes a text of it; right after the digits even a quote, `]` or `\`.
    if (!has_unit) in_.advance();
    read_word();
  }

  void read_real() {
    in_.advance();
    if (!is_digit(in_.peek())) return fail_word("a digit after the point, or quotes");
    skip_digits();
    if (in_.peek() == '.') {
      while (is_digit(in_.peek()) || ".:-"sv.find(in_.peek()) != std::string_view::npos) {
        in_.advance();
      }
      if (!ends_value()) return fail_word("an address, or quotes");
      out_.is.text = in_.since(start_);
      return;
    }
    if (!ends_value()) return fail_word("a number, or quotes");
    const auto text = in_.since(start_);
    out_.is.what = kind::real;
    out_.is.text = text;
    const auto [end, failed] =
        std::from_chars(text.data(), text.data() + text.size(), out_.is.real);
    if (failed == std::errc{}) return;
    // Too small is as good as zero, too large is not a number.
    if (text.substr(0, text.find('.')).find_first_not_of("-0") == text.npos) {
      out_.is.real = text.front() == '-' ? -0.0 : 0.0;
    } else {
      complain(start_, in_quotes(text), "a number of at most 1.8e308");
    }
  }

  /// The point is at the `-` after some digits.
  void read_time() {
    constexpr std::size_t length = "2006-01-02T15:04:05Z"sv.size();
    const auto text = in_.text().substr(start_, length);
    if (!is_time(text)) return fail_word(a_date);
    in_.move_to(start_ + length);
    if (!ends_value()) return fail_word(a_date);
    out_.is.what = kind::time;
    out_.is.text = text;
  }

  /// The value is done; finds out what the unit says.
  void finish_integer() {
    if (!ends_value()) return fail_word("a number, or quotes");
    const auto text = in_.since(start_);
    out_.is.what = kind::integer;
    out_.is.text = text;
    const auto [unit, failed] =
        std::from_chars(text.data(), text.data() + text.size(), out_.is.integer);
    const auto factor = to_factor(text.substr(static_cast<std::size_t>(unit - text.data())));
    if (!factor) {
      complain(start_, in_quotes(text),
               "a number with a unit of k, kb, ki, kib, or the same with m, g, t, p, e");
      return;
    }
    // nats-server lets a unit wrap around; nobody can want that.
    if (failed != std::errc{} ||
        __builtin_mul_overflow(out_.is.integer, *factor, &out_.is.integer)) {
      complain(start_, in_quotes(text), "a number between -2^63 and 2^63 - 1");
    }
  }

  /// A text without quotes; the bytes before the point belong to it, whatever they are.
  void read_word() {
    out_.is.text = in_.since(start_);
    bool has_escapes = false;
    while (!in_.at_end() && !in_.at_blank() && !in_.at_line_end() &&
           ",;]}'"sv.find(in_.peek()) == std::string_view::npos) {
      if (in_.peek() != '\\') {
        take();
        continue;
      }
      has_escapes = true;
      if (read_escape()) continue;
      complain_escape(in_.position());
      in_.advance(in_.peek(1) > ' ' ? 2 : 1);
    }
    if (in_.peek() == '\'') {  // ends a word, and is not a part of it
      in_.advance();
      return;
    }
    if (has_escapes) return;
    if (const auto flag = to_bool(in_.since(start_))) {
      out_.is.what = kind::boolean;
      out_.is.boolean = *flag;
    } else if (out_.is.text.starts_with('$')) {
      out_.is.text.erase(0, 1);
      out_.is_reference = true;
    }
  }

  void take() {
    out_.is.text += in_.peek();
    in_.advance();
  }

  /// Takes an escape at the point; leaves it there and says no if it is none.
  bool read_escape() {
    constexpr std::string_view names = "ntr\"\\";
    constexpr std::string_view bytes = "\n\t\r\"\\";
    const char c = in_.peek(1);
    if (c == 'x') {
      const int high = hex_digit(in_.peek(2));
      const int low = hex_digit(in_.peek(3));
      if (high < 0 || low < 0) return false;
      out_.is.text += static_cast<char>(high * 16 + low);
      in_.advance(4);
      return true;
    }
    const auto which = names.find(c);
    if (which == names.npos) return false;
    out_.is.text += bytes[which];
    in_.advance(2);
    return true;
  }

  void complain_escape(std::size_t offset) {
    const auto text = in_.text().substr(offset);
    const auto is_hex = text.substr(1, 1) == "x";
    const auto line = text.substr(0, text.find_first_of("\r\n"));
    complain(offset, in_quotes(line.substr(0, is_hex ? 4 : 2)), the_escapes);
  }

  void skip_digits() {
    while (is_digit(in_.peek())) in_.advance();
  }

  bool skip_unit() {
    if ("kmgtpe"sv.find(lower(in_.peek())) == std::string_view::npos) return false;
    do {
      in_.advance();
    } while ("bi"sv.find(lower(in_.peek())) != std::string_view::npos);
    return true;
  }

  /// What may follow a number for it to be one.
  [[nodiscard]] bool ends_number() const {
    return in_.at_end() || in_.at_blank() || in_.at_line_end() ||
           "},;"sv.find(in_.peek()) != std::string_view::npos;
  }

  /// What may follow a finished value somewhere. What is not right here is found out later.
  [[nodiscard]] bool ends_value() const {
    return ends_number() || in_.peek() == ']' || in_.at_comment();
  }

  cursor& in_;
  const bool in_list_;
  const complaints& complain_;
  const std::size_t start_;
  scalar out_;
};

}  // namespace

scalar read_scalar(cursor& in, bool in_list, const complaints& complain) {
  return reader(in, in_list, complain).read();
}

}  // namespace nuncio::server::config
