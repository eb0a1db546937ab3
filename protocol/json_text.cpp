#include "json_text.hpp"

#include "text.hpp"

#include <boost/json/parse.hpp>
#include <boost/json/parse_options.hpp>

#include <algorithm>
#include <array>
#include <cstddef>
#include <utility>

namespace nuncio::protocol {
namespace {

constexpr std::string_view replacement = "\xEF\xBF\xBD";

unsigned byte_at(std::string_view text, std::size_t at) {
  return static_cast<unsigned char>(text[at]);
}

/// Bytes of the UTF-8 sequence at the start of `text`, 0 if there is no valid one.
/// Source: Unicode standard, table 3-7.
std::size_t utf8_sequence(std::string_view text) {
  const unsigned first = byte_at(text, 0);
  if (first < 0x80) return 1;
  std::size_t size = 0;
  unsigned low = 0x80;
  unsigned high = 0xBF;
  if (first >= 0xC2 && first <= 0xDF) {
    size = 2;
  } else if (first >= 0xE0 && first <= 0xEF) {
    size = 3;
    if (first == 0xE0) low = 0xA0;
    if (first == 0xED) high = 0x9F;
  } else if (first >= 0xF0 && first <= 0xF4) {
    size = 4;
    if (first == 0xF0) low = 0x90;
    if (first == 0xF4) high = 0x8F;
  }
  if (size == 0 || text.size() < size) return 0;
  if (byte_at(text, 1) < low || byte_at(text, 1) > high) return 0;
  for (std::size_t i = 2; i < size; ++i) {
    if ((byte_at(text, i) & 0xC0) != 0x80) return 0;
  }
  return size;
}

/// The value of four hex digits, or -1.
int hex4(std::string_view text) {
  if (text.size() < 4) return -1;
  int value = 0;
  for (const char c : text.substr(0, 4)) {
    const int digit = hex_digit(c);
    if (digit < 0) return -1;
    value = value * 16 + digit;
  }
  return value;
}

bool is_high_surrogate(int unit) {
  return unit >= 0xD800 && unit <= 0xDBFF;
}
bool is_low_surrogate(int unit) {
  return unit >= 0xDC00 && unit <= 0xDFFF;
}

/// `\uXXXX` at the start of `text`, or -1.
int escaped_unit(std::string_view text) {
  return text.starts_with("\\u") ? hex4(text.substr(2)) : -1;
}

/// Boost.JSON refuses escapes of half a surrogate pair; Go reads U+FFFD.
std::string replace_lone_surrogates(std::string_view json) {
  std::string out;
  out.reserve(json.size());
  while (!json.empty()) {
    std::size_t size = 1;
    if (json[0] == '\\') {
      const int unit = escaped_unit(json);
      if (is_high_surrogate(unit) && is_low_surrogate(escaped_unit(json.substr(6)))) {
        size = 12;
      } else if (is_high_surrogate(unit) || is_low_surrogate(unit)) {
        out += "\\ufffd";
        json.remove_prefix(6);
        continue;
      } else {
        size = std::min<std::size_t>(2, json.size());  // an escaped backslash starts no escape
      }
    }
    out += json.substr(0, size);
    json.remove_prefix(size);
  }
  return out;
}

void append_string(std::string& out, std::string_view text) {
  constexpr std::string_view hex = "0123456789abcdef";
  const auto is_plain = [](char c) { return c >= ' ' && c <= '~' && c != '"' && c != '\\'; };
  out += '"';
  while (!text.empty()) {
    const auto special = std::find_if_not(text.begin(), text.end(), is_plain);
    out.append(text.begin(), special);
    text.remove_prefix(static_cast<std::size_t>(special - text.begin()));
    if (text.empty()) break;
    const std::size_t size = utf8_sequence(text);
    const unsigned c = byte_at(text, 0);
    if (size == 0) {
      out += replacement;
    } else if (c == '"' || c == '\\') {
      out += '\\';
      out += text[0];
    } else if (c < 0x20) {
      out += "\\u00";
      out += hex[c >> 4];
      out += hex[c & 15];
    } else {
      out += text.substr(0, size);
    }
    text.remove_prefix(std::max<std::size_t>(size, 1));
  }
  out += '"';
}

}  // namespace

std::string to_valid_utf8(std::string_view text) {
  std::string out;
  out.reserve(text.size());
  while (!text.empty()) {
    const std::size_t size = utf8_sequence(text);
    out += size == 0 ? replacement : text.substr(0, size);
    text.remove_prefix(std::max<std::size_t>(size, 1));
  }
  return out;
}

bool equals_ignoring_case(std::string_view a, std::string_view b) noexcept {
  const auto lower = [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c; };
  return std::equal(a.begin(), a.end(), b.begin(), b.end(),
                    [&](char x, char y) { return lower(x) == lower(y); });
}

bool parse_json(std::string_view text,
                boost::json::value& out,
                const boost::json::storage_ptr& storage) {
  boost::json::parse_options options;
  options.allow_invalid_utf8 = true;
  options.max_depth = 10000;  // as deep as Go goes
  std::string repaired;
  if (text.find("\\u") != std::string_view::npos) {
    repaired = replace_lone_surrogates(text);
    text = repaired;
  }
  boost::json::error_code error;
  out = boost::json::parse(boost::json::string_view(text.data(), text.size()), error, storage,
                           options);
  return !error;
}

void json_writer::start_member(std::string_view key) {
  if (text_.size() > 1) text_ += ',';
  append_string(text_, key);
  text_ += ':';
}

json_writer& json_writer::member(std::string_view key, std::string_view value) {
  start_member(key);
  append_string(text_, value);
  return *this;
}

json_writer& json_writer::member(std::string_view key, bool value) {
  return raw_member(key, value ? "true" : "false");
}

json_writer& json_writer::member(std::string_view key, std::int64_t value) {
  return raw_member(key, std::to_string(value));
}

json_writer& json_writer::member(std::string_view key, std::uint64_t value) {
  return raw_member(key, std::to_string(value));
}

json_writer& json_writer::member(std::string_view key, const std::vector<std::string>& values) {
  start_member(key);
  char separator = '[';
  if (values.empty()) text_ += separator;
  for (const auto& value : values) {
    text_ += separator;
    append_string(text_, value);
    separator = ',';
  }
  text_ += ']';
  return *this;
}

json_writer& json_writer::raw_member(std::string_view key, std::string_view json) {
  start_member(key);
  text_ += json;
  return *this;
}

std::string json_writer::finish() {
  text_ += '}';
  return std::move(text_);
}

}  // namespace nuncio::protocol
