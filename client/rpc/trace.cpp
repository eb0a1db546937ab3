#include "header_lines.hpp"

#include <nuncio/rpc/context.hpp>
#include <nuncio/rpc/trace.hpp>

#include <algorithm>
#include <cstddef>
#include <span>
#include <vector>

namespace nuncio::rpc {
namespace {

constexpr std::size_t known_size = 55;  // of a traceparent of version 00
constexpr std::size_t max_state_members = 32;
constexpr std::size_t max_key = 256;
constexpr std::size_t max_baggage = 8192;

bool is_lower(char c) noexcept {
  return c >= 'a' && c <= 'z';
}
bool is_digit(char c) noexcept {
  return c >= '0' && c <= '9';
}

int hex_value(char c) noexcept {
  if (is_digit(c)) return c - '0';
  return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/// Fills `out` from as many hexadecimal digits as it needs; false if one isn't.
bool read_hex(std::string_view digits, std::span<std::uint8_t> out) noexcept {
  for (std::size_t i = 0; i < out.size(); ++i) {
    const int high = hex_value(digits[2 * i]);
    const int low = hex_value(digits[2 * i + 1]);
    if (high < 0 || low < 0) return false;
    out[i] = static_cast<std::uint8_t>(high * 16 + low);
  }
  return true;
}

void append_hex(std::string& out, std::span<const std::uint8_t> bytes) {
  constexpr std::string_view digits = "0123456789abcdef";
  for (const auto each : bytes) {
    out += digits[each >> 4];
    out += digits[each & 15];
  }
}

template <std::size_t Size>
bool is_zero(const std::array<std::uint8_t, Size>& id) noexcept {
  return std::all_of(id.begin(), id.end(), [](std::uint8_t each) { return each == 0; });
}

std::string_view trim(std::string_view text) noexcept {
  constexpr std::string_view blanks = " \t";
  const auto from = text.find_first_not_of(blanks);
  if (from == std::string_view::npos) return {};
  return text.substr(from, text.find_last_not_of(blanks) + 1 - from);
}

/// The text before the first `at`, which is taken off `rest` with it.
std::string_view take_until(char at, std::string_view& rest) noexcept {
  const auto out = rest.substr(0, rest.find(at));
  rest.remove_prefix(std::min(out.size() + 1, rest.size()));
  return out;
}

// Of Level 2, which takes all that Level 1 does.
bool is_state_key(std::string_view key) noexcept {
  if (key.empty() || key.size() > max_key || !(is_lower(key[0]) || is_digit(key[0]))) return false;
  return std::all_of(key.begin(), key.end(), [](char c) {
    return is_lower(c) || is_digit(c) ||
           std::string_view("_-*/@").find(c) != std::string_view::npos;
  });
}

bool is_state_value(std::string_view value) noexcept {
  if (value.empty() || value.size() > max_key || value.back() == ' ') return false;
  return std::all_of(value.begin(), value.end(),
                     [](char c) { return c >= ' ' && c <= '~' && c != ',' && c != '='; });
}

// RFC 7230, token.
bool is_token(std::string_view text) noexcept {
  return !text.empty() && std::all_of(text.begin(), text.end(), [](char c) {
    return is_lower(c) || is_digit(c) || (c >= 'A' && c <= 'Z') ||
           std::string_view("!#$%&'*+-.^_`|~").find(c) != std::string_view::npos;
  });
}

bool is_baggage_value(std::string_view text) noexcept {
  return std::all_of(text.begin(), text.end(), [](char c) {
    return c > ' ' && c <= '~' && c != '"' && c != ',' && c != ';' && c != '\\';
  });
}

// `key = value` of baggage; a property needs no value.
bool is_pair(std::string_view text, bool needs_value) noexcept {
  const auto equals = text.find('=');
  if (!is_token(trim(text.substr(0, equals)))) return false;
  if (equals == std::string_view::npos) return !needs_value;
  return is_baggage_value(trim(text.substr(equals + 1)));
}

bool is_same_name(std::string_view name, std::string_view lower) noexcept {
  return std::equal(name.begin(), name.end(), lower.begin(), lower.end(), [](char a, char b) {
    return (a >= 'A' && a <= 'Z' ? static_cast<char>(a - 'A' + 'a') : a) == b;
  });
}

// Several headers of the same name are one list.
void append_list(std::string& list, std::string_view more) {
  if (!list.empty()) list += ',';
  list += more;
}

}  // namespace

std::optional<trace_parent> parse_traceparent(std::string_view text) noexcept {
  std::array<std::uint8_t, 1> version{};
  if (text.size() < known_size || !read_hex(text.substr(0, 2), version) || version[0] == 0xff) {
    return std::nullopt;
  }
  if (version[0] == 0 && text.size() != known_size) return std::nullopt;
  if (text.size() > known_size && text[known_size] != '-') return std::nullopt;
  if (text[2] != '-' || text[35] != '-' || text[52] != '-') return std::nullopt;
  trace_parent out;
  std::array<std::uint8_t, 1> flags{};
  if (!read_hex(text.substr(3, 32), out.trace_id) || !read_hex(text.substr(36, 16), out.span_id) ||
      !read_hex(text.substr(53, 2), flags)) {
    return std::nullopt;
  }
  if (is_zero(out.trace_id) || is_zero(out.span_id)) return std::nullopt;
  out.flags = flags[0] & trace_parent::sampled;
  return out;
}

std::string to_traceparent(const trace_parent& of) {
  std::string out = "00-";
  out.reserve(known_size);
  append_hex(out, of.trace_id);
  out += '-';
  append_hex(out, of.span_id);
  out += '-';
  append_hex(out, std::span(&of.flags, 1));
  return out;
}

bool is_tracestate(std::string_view text) {
  std::vector<std::string_view> keys;
  while (!text.empty()) {
    const auto member = trim(take_until(',', text));
    if (member.empty()) continue;
    const auto equals = member.find('=');
    if (equals == std::string_view::npos) return false;
    const auto key = member.substr(0, equals);
    if (!is_state_key(key) || !is_state_value(member.substr(equals + 1))) return false;
    if (std::find(keys.begin(), keys.end(), key) != keys.end()) return false;
    keys.push_back(key);
    if (keys.size() > max_state_members) return false;
  }
  return !keys.empty();
}

bool is_baggage(std::string_view text) {
  if (text.empty() || text.size() > max_baggage) return false;
  for (auto rest = text; !rest.empty();) {
    auto member = take_until(',', rest);
    if (!is_pair(take_until(';', member), true)) return false;
    while (!member.empty()) {
      if (!is_pair(take_until(';', member), false)) return false;
    }
  }
  return true;
}

trace_context read_trace(const metadata& headers) {
  trace_context out;
  bool has_parent = false;  // the first counts, well-formed or not
  for_each_header(headers.lines(), [&](std::string_view name, std::string_view value) {
    if (is_same_name(name, "traceparent")) {
      if (!has_parent) out.parent = parse_traceparent(value);
      has_parent = true;
    } else if (is_same_name(name, "tracestate")) {
      append_list(out.state, value);
    } else if (is_same_name(name, "baggage")) {
      append_list(out.baggage, value);
    }
    return true;
  });
  if (!out.parent || !is_tracestate(out.state)) out.state.clear();
  if (!is_baggage(out.baggage)) out.baggage.clear();
  return out;
}

trace_context context::trace() const {
  return read_trace(headers_);
}

}  // namespace nuncio::rpc
