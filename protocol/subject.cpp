#include <nuncio/protocol/subject.hpp>

#include <algorithm>
#include <array>
#include <cstdint>

namespace nuncio::protocol {
namespace {

bool is_wildcard(std::string_view token) noexcept {
  return token == "*" || token == ">";
}

template <class Predicate>
bool all_tokens(std::string_view subject, Predicate holds) noexcept {
  for (token_reader tokens{subject}; tokens.has_next();) {
    if (!holds(tokens.next())) return false;
  }
  return true;
}

enum flaw : std::uint8_t { empty_token = 1, blank = 2 };

// A dot is half of an empty token.
constexpr std::array<std::uint8_t, 256> byte_flaws = [] {
  std::array<std::uint8_t, 256> out{};
  out['.'] = empty_token;
  for (const char each : {' ', '\t', '\r', '\n'}) out[static_cast<unsigned char>(each)] = blank;
  return out;
}();

// Clients ask for every message, so it is one look at each byte, without a branch.
unsigned flaws_of(std::string_view subject) noexcept {
  unsigned found = 0;
  unsigned before = empty_token;
  for (const char each : subject) {
    const unsigned is = byte_flaws[static_cast<unsigned char>(each)];
    found |= (is & before) | (is & blank);
    before = is;
  }
  return found | (before & empty_token);
}

}  // namespace

std::string_view first_token(std::string_view subject) noexcept {
  return subject.substr(0, subject.find('.'));
}

bool is_literal(std::string_view subject) noexcept {
  return all_tokens(subject, [](std::string_view token) { return !is_wildcard(token); });
}

bool has_only_full_tokens(std::string_view subject) noexcept {
  return (flaws_of(subject) & empty_token) == 0;
}

bool has_blank(std::string_view text) noexcept {
  return (flaws_of(text) & blank) != 0;
}

bool is_publishable(std::string_view subject) noexcept {
  return flaws_of(subject) == 0;
}

bool is_valid_subscription(std::string_view subject) noexcept {
  for (token_reader tokens{subject}; tokens.has_next();) {
    const auto token = tokens.next();
    if (token.empty() || (token == ">" && tokens.has_next())) return false;
  }
  return true;
}

bool is_valid_publish(std::string_view subject) noexcept {
  return all_tokens(subject,
                    [](std::string_view token) { return !token.empty() && !is_wildcard(token); });
}

bool matches(std::string_view subject, std::string_view pattern) noexcept {
  token_reader have{subject};
  token_reader want{pattern};
  while (have.has_next() && want.has_next()) {
    const auto token = have.next();
    const auto wanted = want.next();
    if (wanted == ">") return true;
    if (wanted != "*" && wanted != token) return false;
  }
  return !have.has_next() && !want.has_next();
}

bool covers(std::string_view outer, std::string_view inner) noexcept {
  token_reader wide{outer};
  token_reader narrow{inner};
  while (wide.has_next() && narrow.has_next()) {
    const auto a = wide.next();
    const auto b = narrow.next();
    if (a == ">") return true;
    if (b == ">" || (a != "*" && a != b)) return false;
  }
  return !wide.has_next() && !narrow.has_next();
}

bool overlaps(std::string_view a, std::string_view b) noexcept {
  token_reader left{a};
  token_reader right{b};
  while (left.has_next() && right.has_next()) {
    const auto l = left.next();
    const auto r = right.next();
    if (l == ">" || r == ">") return true;
    if (!is_wildcard(l) && !is_wildcard(r) && l != r) return false;
  }
  return !left.has_next() && !right.has_next();
}

std::size_t count_tokens(std::string_view subject) noexcept {
  return static_cast<std::size_t>(std::count(subject.begin(), subject.end(), '.')) + 1;
}

}  // namespace nuncio::protocol
