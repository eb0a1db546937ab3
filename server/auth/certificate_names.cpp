#include "certificate_names.hpp"

#include <algorithm>
#include <array>
#include <utility>

namespace nuncio::server {
namespace {

int hex_digit(char c) noexcept {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

char lower(char c) noexcept {
  return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c;
}

bool is_special(char c) noexcept {
  return std::string_view(" \"#+,;<=>\\").find(c) != std::string_view::npos;
}

// Reads one name, character by character.
class name_reader {
 public:
  explicit name_reader(std::string_view text) : rest_(text) {}

  std::optional<distinguished_name> read() {
    distinguished_name out;
    if (rest_.find_first_not_of(' ') == std::string_view::npos) return out;
    for (bool goes_on = true; goes_on;) {
      auto& part = out.parts.emplace_back();
      do {
        auto one = read_attribute();
        if (!one) return std::nullopt;
        part.push_back(std::move(*one));
        if (!take_separator()) return std::nullopt;
      } while (separator_ == '+');
      goes_on = separator_ != '\0';
    }
    return out;
  }

 private:
  std::optional<distinguished_name::attribute> read_attribute() {
    skip_blanks();
    const auto equals = rest_.find('=');
    if (equals == std::string_view::npos) return std::nullopt;
    auto type = rest_.substr(0, equals);
    while (!type.empty() && type.back() == ' ') type.remove_suffix(1);
    if (type.empty() || type.find_first_of(",+") != std::string_view::npos) return std::nullopt;
    rest_.remove_prefix(equals + 1);
    skip_blanks();
    auto value = read_value();
    if (!value) return std::nullopt;
    return distinguished_name::attribute{std::string(type), std::move(*value)};
  }

  // To a separator that isn't escaped. Blanks at the end don't count, unless they are.
  std::optional<std::string> read_value() {
    std::string out;
    std::size_t kept = 0;
    while (!rest_.empty() && rest_.front() != ',' && rest_.front() != '+') {
      char c = rest_.front();
      rest_.remove_prefix(1);
      const bool is_escaped = c == '\\';
      if (is_escaped) {
        if (rest_.empty()) return std::nullopt;
        c = rest_.front();
        rest_.remove_prefix(1);
        if (!is_special(c)) {
          const int high = hex_digit(c);
          const int low = rest_.empty() ? -1 : hex_digit(rest_.front());
          if (high < 0 || low < 0) return std::nullopt;
          rest_.remove_prefix(1);
          c = static_cast<char>(high * 16 + low);
        }
      }
      out += c;
      if (is_escaped || c != ' ') kept = out.size();
    }
    out.resize(kept);
    return out;
  }

  bool take_separator() {
    separator_ = '\0';
    if (rest_.empty()) return true;
    separator_ = rest_.front();
    rest_.remove_prefix(1);
    return !rest_.empty();
  }

  void skip_blanks() {
    while (!rest_.empty() && rest_.front() == ' ') rest_.remove_prefix(1);
  }

  std::string_view rest_;
  char separator_ = '\0';
};

bool same_part(const distinguished_name::part& a, const distinguished_name::part& b) {
  return a.size() == b.size() && std::is_permutation(a.begin(), a.end(), b.begin());
}

std::string escaped(std::string_view value) {
  std::string out;
  for (std::size_t i = 0; i < value.size(); ++i) {
    const char c = value[i];
    const bool is_edge = (i == 0 && (c == '#' || c == ' ')) || (i + 1 == value.size() && c == ' ');
    if (is_edge || std::string_view(",+\"\\<>;").find(c) != std::string_view::npos) out += '\\';
    out += c;
  }
  return out;
}

}  // namespace

bool operator==(const distinguished_name::attribute& a,
                const distinguished_name::attribute& b) noexcept {
  return a.value == b.value &&
         std::equal(a.type.begin(), a.type.end(), b.type.begin(), b.type.end(),
                    [](char x, char y) { return lower(x) == lower(y); });
}

std::optional<distinguished_name> parse_distinguished_name(std::string_view text) {
  return name_reader(text).read();
}

bool same_name(const distinguished_name& a, const distinguished_name& b) {
  return std::equal(a.parts.begin(), a.parts.end(), b.parts.begin(), b.parts.end(), same_part);
}

bool same_parts(const distinguished_name& a, const distinguished_name& b) {
  return a.parts.size() == b.parts.size() &&
         std::is_permutation(a.parts.begin(), a.parts.end(), b.parts.begin(), same_part);
}

std::vector<std::string> subject_texts(const distinguished_name& subject) {
  // The other way round than they are kept.
  constexpr std::array<std::string_view, 9> order{
      "SERIALNUMBER", "CN", "POSTALCODE", "STREET", "ST", "L", "OU", "O", "C"};
  const auto values_of = [&](std::string_view type) {
    std::vector<std::string_view> out;
    for (const auto& part : subject.parts) {
      for (const auto& one : part) {
        if (one.type == type) out.emplace_back(one.value);
      }
    }
    return out;
  };
  std::string text;
  for (const auto type : order) {
    auto values = values_of(type);
    // Of these there is one only, the last.
    if ((type == "CN" || type == "SERIALNUMBER") && values.size() > 1) values = {values.back()};
    for (std::size_t i = 0; i < values.size(); ++i) {
      if (!text.empty()) text += i == 0 ? ',' : '+';
      text.append(type).append("=").append(escaped(values[i]));
    }
  }
  std::vector<std::string> out;
  std::string with_domain = text;
  for (const auto value : values_of("DC")) {
    if (!with_domain.empty()) with_domain += ',';
    with_domain.append("DC=").append(value);
  }
  if (with_domain != text) out.push_back(std::move(with_domain));
  if (!text.empty()) out.push_back(std::move(text));
  return out;
}

}  // namespace nuncio::server
