#include "digest.hpp"

#include <sodium/crypto_hash_sha256.h>
#include <sodium/utils.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <cstdlib>

namespace nuncio::server::config {

namespace {

/// How many bytes the letter at the start takes in UTF-8; 0 if it is none.
std::size_t letter_size(std::string_view text) noexcept {
  const auto byte = [&](std::size_t at) {
    return at < text.size() ? static_cast<unsigned char>(text[at]) : 0U;
  };
  const auto is_in = [](unsigned what, unsigned low, unsigned high) {
    return what >= low && what <= high;
  };
  const auto first = byte(0);
  if (first < 0x80) return 1;
  if (is_in(first, 0xC2, 0xDF)) return is_in(byte(1), 0x80, 0xBF) ? 2 : 0;
  const bool is_third = is_in(byte(2), 0x80, 0xBF);
  if (is_in(first, 0xE0, 0xEF)) {
    // Neither longer than needed nor a half of a pair of UTF-16.
    const auto low = first == 0xE0 ? 0xA0U : 0x80U;
    const auto high = first == 0xED ? 0x9FU : 0xBFU;
    return is_in(byte(1), low, high) && is_third ? 3 : 0;
  }
  if (is_in(first, 0xF0, 0xF4)) {
    const auto low = first == 0xF0 ? 0x90U : 0x80U;
    const auto high = first == 0xF4 ? 0x8FU : 0xBFU;
    return is_in(byte(1), low, high) && is_third && is_in(byte(3), 0x80, 0xBF) ? 4 : 0;
  }
  return 0;
}

/// Appends what stands for an ASCII character, or the character.
void write_ascii(std::string& out, char c) {
  constexpr std::string_view digits = "0123456789abcdef";
  constexpr std::string_view plain = "\"\\\b\f\n\r\t";
  constexpr std::string_view names = "\"\\bfnrt";
  if (const auto which = plain.find(c); which != plain.npos) {
    out += '\\';
    out += names[which];
  } else if (static_cast<unsigned char>(c) < 0x20 || c == '<' || c == '>' || c == '&') {
    const auto byte = static_cast<unsigned char>(c);
    out += "\\u00";
    out += digits[byte >> 4U];
    out += digits[byte & 15U];
  } else {
    out += c;
  }
}

void write(std::string& out, std::string_view text) {
  out += '"';
  while (!text.empty()) {
    const auto size = letter_size(text);
    const auto letter = text.substr(0, std::max<std::size_t>(size, 1));
    if (size == 0) {
      out += "\\ufffd";
    } else if (size == 1) {
      write_ascii(out, letter.front());
    } else if (letter == "\xE2\x80\xA8") {  // these two end a line in JavaScript
      out += "\\u2028";
    } else if (letter == "\xE2\x80\xA9") {
      out += "\\u2029";
    } else {
      out += letter;
    }
    text.remove_prefix(letter.size());
  }
  out += '"';
}

/// The fewest digits that are read as the same number; the form of JavaScript.
void write(std::string& out, double number) {
  std::array<char, 64> buffer{};
  const auto [end, failed] = std::to_chars(buffer.data(), buffer.data() + buffer.size(), number,
                                           std::chars_format::scientific);
  std::string_view shortest(buffer.data(), static_cast<std::size_t>(end - buffer.data()));
  if (shortest.front() == '-') {
    out += '-';
    shortest.remove_prefix(1);
  }
  const auto e = shortest.find('e');
  const int exponent = std::atoi(shortest.data() + e + 1);  // the buffer is zero behind it
  std::string digits(1, shortest.front());
  if (e > 2) digits += shortest.substr(2, e - 2);

  const auto size = std::abs(number);
  if (size != 0 && (size < 1e-6 || size >= 1e21)) {
    out += digits.front();
    if (digits.size() > 1) out.append(1, '.').append(digits, 1);
    out += exponent < 0 ? "e-" : "e+";
    out += std::to_string(std::abs(exponent));
  } else if (exponent < 0) {
    out += "0.";
    out.append(static_cast<std::size_t>(-exponent - 1), '0').append(digits);
  } else {
    const auto whole = static_cast<std::size_t>(exponent) + 1;
    if (digits.size() < whole) digits.append(whole - digits.size(), '0');
    out.append(digits, 0, whole);
    if (digits.size() > whole) out.append(1, '.').append(digits, whole);
  }
}

void write(std::string& out, const value& what) {
  switch (what.what) {
    case kind::boolean:
      out += what.boolean ? "true" : "false";
      return;
    case kind::integer:
      out += std::to_string(what.integer);
      return;
    case kind::real:
      write(out, what.real);
      return;
    case kind::time:
    case kind::text:
      write(out, what.text);
      return;
    case kind::list:
      out += '[';
      for (const auto& item : what.items) {
        if (&item != &what.items.front()) out += ',';
        write(out, item);
      }
      out += ']';
      return;
    case kind::map:
      std::vector<const member*> sorted;
      sorted.reserve(what.members.size());
      for (const auto& one : what.members) sorted.push_back(&one);
      std::sort(sorted.begin(), sorted.end(),
                [](const member* a, const member* b) { return a->key < b->key; });
      out += '{';
      for (const auto* one : sorted) {
        if (one != sorted.front()) out += ',';
        write(out, one->key);
        out += ':';
        write(out, one->is);
      }
      out += '}';
      return;
  }
}

template <class What>
std::string written(const What& what) {
  std::string out;
  write(out, what);
  return out;
}

}  // namespace

std::string to_json(const value& what) {
  return written(what);
}
std::string to_json(std::string_view text) {
  return written(text);
}
std::string to_json(double number) {
  return written(number);
}

std::string digest_of(const value& root) {
  const auto json = to_json(root) + "\n";
  std::array<unsigned char, crypto_hash_sha256_BYTES> hash{};
  crypto_hash_sha256(hash.data(), reinterpret_cast<const unsigned char*>(json.data()), json.size());
  std::array<char, 2 * crypto_hash_sha256_BYTES + 1> hex{};
  sodium_bin2hex(hex.data(), hex.size(), hash.data(), hash.size());
  return std::string("sha256:") + hex.data();
}

}  // namespace nuncio::server::config
