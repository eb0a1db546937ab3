#pragma once

#include "reading.hpp"

#include <chrono>
#include <cstdint>
#include <limits>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

/// What options take. Each type has a name for tables, completes "expected …", reads a value and,
/// where that makes sense, a word of a command line, and shows what it has read.
namespace nuncio::server::config {

inline constexpr std::int64_t no_limit = std::numeric_limits<std::int64_t>::max();
inline constexpr std::int64_t int_limit = std::numeric_limits<int>::max();

struct boolean_type {
  std::string_view name = "true or false";
  std::string expected = "true or false";

  void read(const value& found, bool& into, reading& to) const;
  bool read_text(std::string_view text, bool& into) const;
  [[nodiscard]] std::string show(bool from) const { return from ? "true" : "false"; }
};

/// A whole number, with or without a unit.
struct integer_type {
  std::string_view name;
  std::string expected;
  std::int64_t min;
  std::int64_t max;
  bool is_size = false;

  [[nodiscard]] std::optional<std::int64_t> take(const value& found, reading& to) const;
  [[nodiscard]] std::optional<std::int64_t> take(std::string_view text) const;
  [[nodiscard]] std::string shown(std::int64_t from) const;

  template <class Integer>
  void read(const value& found, Integer& into, reading& to) const {
    if (const auto got = take(found, to)) into = static_cast<Integer>(*got);
  }
  template <class Integer>
  bool read_text(std::string_view text, Integer& into) const {
    const auto got = take(text);
    if (got) into = static_cast<Integer>(*got);
    return got.has_value();
  }
  template <class Integer>
  [[nodiscard]] std::string show(const Integer& from) const {
    return shown(static_cast<std::int64_t>(from));
  }
};

[[nodiscard]] integer_type number(std::int64_t min, std::int64_t max = no_limit);
/// Bytes.
[[nodiscard]] integer_type size(std::int64_t min, std::int64_t max = no_limit);

/// A whole number of percent, with or without the sign.
struct percent_type {
  static constexpr int whole = 100;

  std::string_view name;
  std::string expected;
  int min;

  void read(const value& found, int& into, reading& to) const;
};

[[nodiscard]] percent_type percent(int min);

/// A text with a unit, or a bare number of seconds.
struct duration_type {
  std::string_view name = "duration";
  std::string expected;
  std::chrono::nanoseconds min;
  bool is_bare_doubtful = true;  ///< the reference warns of a bare number

  [[nodiscard]] std::optional<std::chrono::nanoseconds> take(const value& found, reading& to) const;
  [[nodiscard]] std::optional<std::chrono::nanoseconds> take(std::string_view text) const;
  [[nodiscard]] std::string shown(std::chrono::nanoseconds from) const;

  template <class Duration>
  void read(const value& found, Duration& into, reading& to) const {
    if (const auto got = take(found, to)) into = std::chrono::ceil<Duration>(*got);
  }
  template <class Duration>
  bool read_text(std::string_view text, Duration& into) const {
    const auto got = take(text);
    if (got) into = std::chrono::ceil<Duration>(*got);
    return got.has_value();
  }
  template <class Duration>
  [[nodiscard]] std::string show(const Duration& from) const {
    return shown(from);
  }
};

/// Above zero.
[[nodiscard]] duration_type duration();
[[nodiscard]] duration_type duration_from(std::chrono::nanoseconds min, std::string_view expected);
/// A number counts as seconds, and no one need be warned of it.
[[nodiscard]] duration_type seconds();

struct text_type {
  std::string_view name = "text";
  std::string expected = "a text";
  bool may_be_empty = true;
  bool may_have_blanks = true;

  void read(const value& found, std::string& into, reading& to) const;
  bool read_text(std::string_view text, std::string& into) const;
  [[nodiscard]] std::string show(const std::string& from) const { return from; }
};

/// A text that nobody shall see.
struct secret_type {
  std::string_view name = "text, secret";
  std::string expected = "a text";

  void read(const value& found, std::string& into, reading& to) const;
  bool read_text(std::string_view text, std::string& into) const;
};

/// One text, or a list of them.
struct texts_type {
  std::string_view name = "text or list";
  std::string expected = "a text or a list of texts";

  void read(const value& found, std::vector<std::string>& into, reading& to) const;
  [[nodiscard]] std::string show(const std::vector<std::string>& from) const;
};

/// One of a few words.
template <class Enum>
struct choice_type {
  struct word {
    std::string_view text;
    Enum means;
  };
  std::string_view name;
  std::string expected;
  std::vector<word> words;

  bool read_text(std::string_view text, Enum& into) const {
    for (const auto& each : words) {
      if (each.text == text) {
        into = each.means;
        return true;
      }
    }
    return false;
  }
  void read(const value& found, Enum& into, reading& to) const {
    if (found.what != kind::text || !read_text(found.text, into)) to.expected(found, expected);
  }
  [[nodiscard]] std::string show(Enum from) const {
    for (const auto& each : words) {
      if (each.means == from) return std::string(each.text);
    }
    return {};
  }
};

}  // namespace nuncio::server::config
