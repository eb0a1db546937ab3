#include "query.hpp"

#include "core/quoted.hpp"
#include "core/same_text.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <cstddef>
#include <optional>
#include <system_error>

namespace nuncio::server::monitor {
namespace {

// More than any page knows; what is beyond is noise.
constexpr std::size_t most_parameters = 64;

std::optional<unsigned> hex_digit(char c) noexcept {
  if (c >= '0' && c <= '9') return static_cast<unsigned>(c - '0');
  const char lower = static_cast<char>(c | 0x20);
  if (lower >= 'a' && lower <= 'f') return static_cast<unsigned>(lower - 'a') + 10;
  return std::nullopt;
}

std::string complaint(std::string_view type,
                      std::string_view name,
                      std::string_view function,
                      std::string_view value,
                      std::string_view why) {
  return fmt::format("Error decoding {} for '{}': strconv.{}: parsing {}: {}", type, name, function,
                     quoted(value), why);
}

constexpr std::string_view bad_syntax = "invalid syntax";
constexpr std::string_view out_of_range = "value out of range";

template <class Integer>
std::string_view parse(std::string_view text, Integer& out) {
  const auto* const begin = text.data();
  const auto* const end = begin + text.size();
  const auto [at, failed] = std::from_chars(begin, end, out);
  if (failed == std::errc::result_out_of_range) return out_of_range;  // whatever comes behind
  return at != end || failed != std::errc{} ? bad_syntax : std::string_view{};
}

}  // namespace

bool percent_decode(std::string_view text, bool has_plus, std::string& out) {
  out.clear();
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] != '%') {
      out += has_plus && text[i] == '+' ? ' ' : text[i];
      continue;
    }
    if (text.size() - i < 3) return false;
    const auto high = hex_digit(text[i + 1]);
    const auto low = hex_digit(text[i + 2]);
    if (!high || !low) return false;
    out += static_cast<char>(*high << 4U | *low);
    i += 2;
  }
  return true;
}

query::query(std::string_view text) {
  while (!text.empty() && all_.size() < most_parameters) {
    const auto one = text.substr(0, text.find('&'));
    text.remove_prefix(std::min(one.size() + 1, text.size()));
    if (one.empty() || one.find(';') != std::string_view::npos) continue;  // as Go has it
    const auto equals = one.find('=');
    const auto value =
        equals == std::string_view::npos ? std::string_view{} : one.substr(equals + 1);
    std::pair<std::string, std::string> found;
    if (percent_decode(one.substr(0, equals), true, found.first) &&
        percent_decode(value, true, found.second)) {
      all_.push_back(std::move(found));
    }
  }
}

std::string_view query::text(std::string_view name) const noexcept {
  const auto found = std::find_if(all_.begin(), all_.end(),
                                  [name](const auto& each) { return each.first == name; });
  return found == all_.end() ? std::string_view{} : std::string_view(found->second);
}

bool query::boolean(std::string_view name) {
  constexpr std::array<std::string_view, 6> yes{"1", "t", "T", "true", "TRUE", "True"};
  constexpr std::array<std::string_view, 6> no{"0", "f", "F", "false", "FALSE", "False"};
  const auto value = text(name);
  if (!error_.empty() || value.empty()) return false;
  if (std::find(yes.begin(), yes.end(), value) != yes.end()) return true;
  if (std::find(no.begin(), no.end(), value) == no.end()) {
    fail(complaint("boolean", name, "ParseBool", value, bad_syntax));
  }
  return false;
}

std::int64_t query::integer(std::string_view name) {
  const auto value = text(name);
  if (!error_.empty() || value.empty()) return 0;
  auto digits = value;
  if (digits.size() > 1 && digits[0] == '+' && digits[1] != '-') digits.remove_prefix(1);
  std::int64_t out = 0;
  const auto wrong = parse(digits, out);
  if (wrong.empty()) return out;
  fail(complaint("int", name, "Atoi", value, wrong));
  return 0;
}

std::uint64_t query::unsigned_integer(std::string_view name) {
  const auto value = text(name);
  if (!error_.empty() || value.empty()) return 0;
  std::uint64_t out = 0;
  const auto wrong = parse(value, out);
  if (wrong.empty()) return out;
  fail(complaint("uint64", name, "ParseUint", value, wrong));
  return 0;
}

subscription_list query::subscriptions(std::string_view name) {
  if (error_.empty() && same_text(text(name), "detail")) return subscription_list::detail;
  return boolean(name) ? subscription_list::subjects : subscription_list::none;
}

state_filter query::state(std::string_view name) {
  const auto value = text(name);
  if (!error_.empty() || value.empty() || same_text(value, "open")) return state_filter::open;
  if (same_text(value, "closed")) return state_filter::closed;
  if (same_text(value, "all") || same_text(value, "any")) return state_filter::all;
  fail(fmt::format("Error decoding state for {}", value));
  return state_filter::open;
}

void query::fail(std::string text) {
  if (error_.empty()) error_ = std::move(text);
}

}  // namespace nuncio::server::monitor
