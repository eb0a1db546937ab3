#include "types.hpp"

#include "conversions.hpp"
#include "option.hpp"
#include "parsing.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>

namespace nuncio::server::config {

void report_unknown(const member& found, const std::vector<std::string_view>& known, reading& to) {
  std::string text = "found unknown key " + quote(found.key) + ", expected one that is known here";
  // To look for a name takes its time: not where there are too many to be shown.
  const bool is_kept = to.errors() < most_problems;
  if (const auto near = is_kept ? closest(to_lower(found.key), known) : ""; !near.empty()) {
    text += "; did you mean " + std::string(near) + "?";
  }
  to.error(found.at, std::move(text));
}

void boolean_type::read(const value& found, bool& into, reading& to) const {
  if (found.what != kind::boolean) return to.expected(found, expected);
  into = found.boolean;
}

bool boolean_type::read_text(std::string_view text, bool& into) const {
  const auto got = to_bool(text);
  if (got) into = *got;
  return got.has_value();
}

std::optional<std::int64_t> integer_type::take(const value& found, reading& to) const {
  if (found.what == kind::integer && found.integer >= min && found.integer <= max) {
    return found.integer;
  }
  to.expected(found, expected);
  return std::nullopt;
}

std::optional<std::int64_t> integer_type::take(std::string_view text) const {
  const auto got = to_integer(text);
  return got && *got >= min && *got <= max ? got : std::nullopt;
}

std::string integer_type::shown(std::int64_t from) const {
  constexpr std::string_view units = "KMGT";
  if (!is_size || from == 0) return std::to_string(from);
  std::size_t power = 0;
  while (power < units.size() && from % 1024 == 0) {
    from /= 1024;
    ++power;
  }
  return std::to_string(from) + (power == 0 ? "" : std::string{units[power - 1], 'B'});
}

namespace {

std::string range(std::int64_t min, std::int64_t max, std::string_view of) {
  if (max == no_limit) {
    return min == std::numeric_limits<std::int64_t>::min() ? fmt::format("a whole number{}", of)
                                                           : fmt::format("{} or more{}", min, of);
  }
  return fmt::format("{} to {}{}", min, max, of);
}

}  // namespace

integer_type number(std::int64_t min, std::int64_t max) {
  return {"number", range(min, max, ""), min, max};
}

integer_type size(std::int64_t min, std::int64_t max) {
  return {"size", range(min, max, " bytes, such as 65536 or 64KB"), min, max, true};
}

std::optional<std::chrono::nanoseconds> duration_type::take(const value& found, reading& to) const {
  if (found.what == kind::text) {
    // A bare number in quotes is none: Go wants a unit.
    std::string_view text = found.text;
    const bool is_negative = min.count() < 0 && text.starts_with('-');
    if (is_negative) text.remove_prefix(1);
    const bool has_unit = text.find_first_not_of("0123456789.") != std::string_view::npos;
    auto got = to_duration(text);
    if (got && is_negative) got = -*got;
    if (got && *got >= min && (has_unit || got->count() == 0)) return got;
  } else if (found.what == kind::integer || (found.what == kind::real && !is_bare_doubtful)) {
    const double seconds =
        found.what == kind::integer ? static_cast<double>(found.integer) : found.real;
    if (seconds >= 0 && seconds < 9e9) {
      const std::chrono::nanoseconds got(static_cast<std::int64_t>(seconds * 1e9));
      if (is_bare_doubtful) {
        to.warn(found.at, fmt::format("found {}, which is taken as {}; expected {}", found.text,
                                      to_text(got), expected));
      }
      if (got >= min) return got;
    }
  }
  to.expected(found, expected);
  return std::nullopt;
}

std::optional<std::chrono::nanoseconds> duration_type::take(std::string_view text) const {
  const auto got = to_duration(text);
  return got && *got >= min ? got : std::nullopt;
}

std::string duration_type::shown(std::chrono::nanoseconds from) const {
  return to_text(from);
}

duration_type duration() {
  return duration_from(std::chrono::nanoseconds(1), "a duration above zero, such as \"2m\"");
}

duration_type duration_from(std::chrono::nanoseconds min, std::string_view expected) {
  return {"duration", std::string(expected), min};
}

duration_type seconds() {
  return {"seconds or duration", "seconds, or a duration such as \"2s\"",
          std::chrono::nanoseconds(0), false};
}

void text_type::read(const value& found, std::string& into, reading& to) const {
  if (found.what != kind::text || !read_text(found.text, into)) to.expected(found, expected);
}

bool text_type::read_text(std::string_view text, std::string& into) const {
  if (text.empty() && !may_be_empty) return false;
  if (!may_have_blanks && text.find_first_of(" \t\r\n") != std::string_view::npos) return false;
  into = text;
  return true;
}

void secret_type::read(const value& found, std::string& into, reading& to) const {
  if (found.what == kind::text) {
    into = found.text;
  } else if (!found.variable.empty()) {
    // Not what it is, which may be most of the secret.
    const std::string how = found.is_from_environment
                                ? "; quotes within quotes make one of it: " + found.variable +
                                      "='\"…\"' in the environment"
                                : "; quote it where it is set";
    to.error(found.at, "found " + std::string(to_string(found.what)) +
                           " as the value of the variable $" + found.variable + ", expected " +
                           expected + how);
  } else {
    to.error(found.at, "found something else, expected " + expected + "; quote it");
  }
}

bool secret_type::read_text(std::string_view text, std::string& into) const {
  into = text;
  return true;
}

void texts_type::read(const value& found, std::vector<std::string>& into, reading& to) const {
  std::vector<std::string> out;
  if (found.what == kind::text) {
    out.push_back(found.text);
  } else if (found.what == kind::list) {
    for (const value& each : found.items) {
      if (each.what == kind::text) {
        out.push_back(each.text);
      } else {
        to.expected(each, "a text");
      }
    }
  } else {
    return to.expected(found, expected);
  }
  into = std::move(out);
}

std::string texts_type::show(const std::vector<std::string>& from) const {
  return fmt::format("{}", fmt::join(from, ", "));
}

percent_type percent(int min) {
  return {"percent", std::to_string(min) + " to 100 percent, such as 50 or \"50%\"", min};
}

void percent_type::read(const value& found, int& into, reading& to) const {
  std::string_view text = found.text;
  if (found.what == kind::text && text.ends_with('%')) text.remove_suffix(1);
  std::int64_t got = found.integer;
  bool is_right = found.what == kind::integer;
  if (found.what == kind::text) {
    const char* const first = text.data();
    const auto [at, failed] = std::from_chars(first, first + text.size(), got);
    is_right = failed == std::errc{} && at == first + text.size();
  }
  if (!is_right || got < min || got > whole) return to.expected(found, expected);
  into = static_cast<int>(got);
}

}  // namespace nuncio::server::config
