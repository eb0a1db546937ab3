#include "conversions.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <utility>
#include <vector>

namespace nuncio::server::config {
namespace {

struct time_unit {
  std::string_view name;
  double nanoseconds;
};
constexpr std::array time_units{
    time_unit{"h", 3600e9},      time_unit{"m", 60e9},        time_unit{"s", 1e9},
    time_unit{"ms", 1e6},        time_unit{"us", 1e3},        time_unit{"ns", 1.0},
    time_unit{"\xC2\xB5s", 1e3}, time_unit{"\xCE\xBCs", 1e3},
};

// How many characters to insert, delete or replace to get from `a` to `b`.
std::size_t edit_distance(std::string_view a, std::string_view b) {
  std::vector<std::size_t> row(b.size() + 1);
  for (std::size_t j = 0; j <= b.size(); ++j) row[j] = j;
  for (std::size_t i = 1; i <= a.size(); ++i) {
    std::size_t diagonal = std::exchange(row[0], i);
    for (std::size_t j = 1; j <= b.size(); ++j) {
      const std::size_t replaced = diagonal + (a[i - 1] == b[j - 1] ? 0 : 1);
      diagonal = row[j];
      row[j] = std::min({replaced, row[j] + 1, row[j - 1] + 1});
    }
  }
  return row.back();
}

}  // namespace

std::optional<bool> to_bool(std::string_view text) {
  constexpr std::array<std::string_view, 6> yes{"1", "t", "T", "true", "TRUE", "True"};
  constexpr std::array<std::string_view, 6> no{"0", "f", "F", "false", "FALSE", "False"};
  if (std::find(yes.begin(), yes.end(), text) != yes.end()) return true;
  if (std::find(no.begin(), no.end(), text) != no.end()) return false;
  return std::nullopt;
}

std::string to_lower(std::string_view text) {
  std::string out(text);
  for (char& c : out) {
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c + 32);
  }
  return out;
}

std::optional<std::int64_t> to_integer(std::string_view text) {
  constexpr std::string_view letters = "kmgtpe";
  std::int64_t number = 0;
  const auto [at, failed] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (failed != std::errc{}) return std::nullopt;
  const auto unit = to_lower(text.substr(static_cast<std::size_t>(at - text.data())));
  if (unit.empty()) return number;
  const auto power = letters.find(unit.front());
  const auto rest = unit.substr(1);
  if (power == std::string_view::npos) return std::nullopt;
  if (!rest.empty() && rest != "b" && rest != "i" && rest != "ib") return std::nullopt;
  for (std::size_t i = 0; i <= power; ++i) {
    if (__builtin_mul_overflow(number, rest.empty() ? 1000 : 1024, &number)) return std::nullopt;
  }
  return number;
}

std::optional<std::chrono::nanoseconds> to_duration(std::string_view text) {
  constexpr std::string_view number_characters = "0123456789.";
  if (text.empty()) return std::nullopt;
  double sum = 0;
  const bool is_bare = text.find_first_not_of(number_characters) == std::string_view::npos;
  while (!text.empty()) {
    const auto digits = text.substr(0, text.find_first_not_of(number_characters));
    double number = 0;
    const auto [at, failed] = std::from_chars(digits.data(), digits.data() + digits.size(), number);
    if (failed != std::errc{} || at != digits.data() + digits.size()) return std::nullopt;
    text.remove_prefix(digits.size());
    const auto name = text.substr(0, text.find_first_of(number_characters));
    const auto* unit =
        std::find_if(time_units.begin(), time_units.end(),
                     [&](const time_unit& row) { return row.name == (is_bare ? "s" : name); });
    if (unit == time_units.end()) return std::nullopt;
    sum += number * unit->nanoseconds;
    text.remove_prefix(name.size());
  }
  if (sum > 9.2e18) return std::nullopt;
  return std::chrono::nanoseconds(static_cast<std::int64_t>(sum));
}

std::string to_text(std::chrono::nanoseconds time) {
  if (time.count() == 0) return "0";
  const auto amount = static_cast<double>(time.count());
  // The largest unit that says it with at most one digit behind the point.
  for (const auto& unit : time_units) {
    const double count = amount / unit.nanoseconds;
    const bool is_short = count * 10 == static_cast<double>(static_cast<std::int64_t>(count * 10));
    if (count >= 1 && is_short) return fmt::format("{}{}", count, unit.name);
  }
  return fmt::format("{}ns", time.count());
}

std::string quote(std::string_view text) {
  constexpr std::size_t longest = 100;
  std::string out = "\"";
  for (const char c : text.substr(0, longest)) {
    const auto byte = static_cast<unsigned char>(c);
    if (byte < 0x20 || byte == 0x7f) {
      out += fmt::format("\\x{:02x}", byte);
    } else {
      if (c == '"' || c == '\\') out += '\\';
      out += c;
    }
  }
  return out += text.size() > longest ? "…\"" : "\"";
}

std::string_view closest(std::string_view name, std::span<const std::string_view> known) {
  std::size_t best = (name.size() + 2) / 3 + 1;
  std::string_view found;
  for (const auto candidate : known) {
    const auto distance = edit_distance(name, candidate);
    if (distance >= best || distance >= name.size()) continue;
    best = distance;
    found = candidate;
  }
  return found;
}

}  // namespace nuncio::server::config
