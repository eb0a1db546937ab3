#include "json_text.hpp"

#include "core/code_point.hpp"

#include <boost/json/array.hpp>
#include <boost/json/object.hpp>
#include <boost/json/value.hpp>

#include <array>
#include <charconv>
#include <cmath>
#include <cstddef>
#include <cstdint>

namespace nuncio::server::monitor {
namespace {

namespace json = boost::json;

std::string_view view(const json::string& text) noexcept {
  return {text.data(), text.size()};
}

void append_escape(char32_t unit, std::string& out) {
  constexpr std::string_view digits = "0123456789abcdef";
  out += "\\u";
  for (int shift = 12; shift >= 0; shift -= 4) out += digits[(unit >> shift) & 0xfU];
}

void append_control(char c, std::string& out) {
  constexpr std::string_view short_ones = "\b\f\n\r\t";
  constexpr std::string_view letters = "bfnrt";
  if (const auto at = short_ones.find(c); at != std::string_view::npos) {
    out += '\\';
    out += letters[at];
  } else {
    append_escape(static_cast<unsigned char>(c), out);
  }
}

// Of a character that has no place in a text as it is.
void append_special(const code_point& what, std::string_view bytes, std::string& out) {
  constexpr char32_t replacement = 0xfffd;
  if (what.size == 0) return append_escape(replacement, out);
  if (bytes == "\"" || bytes == "\\") {
    out += '\\';
    out += bytes;
  } else if (what.value < ' ') {
    append_control(bytes.front(), out);
  } else {
    append_escape(what.value, out);
  }
}

bool is_special(const code_point& what) noexcept {
  switch (what.value) {
    case '"':
    case '\\':
    case '<':
    case '>':
    case '&':
    case 0x2028:  // line and paragraph separator, which end a line of JavaScript
    case 0x2029:
      return true;
    default:
      return what.size == 0 || what.value < ' ';
  }
}

void append_text(std::string_view text, std::string& out) {
  out += '"';
  std::size_t plain = 0;  // of `text`, what is looked at and can be taken as it is
  while (plain < text.size()) {
    const auto next = first_code_point(text.substr(plain));
    if (!is_special(next)) {
      plain += next.size;
      continue;
    }
    const auto size = next.size == 0 ? 1 : next.size;
    out += text.substr(0, plain);
    append_special(next, text.substr(plain, size), out);
    text.remove_prefix(plain + size);
    plain = 0;
  }
  out += text;
  out += '"';
}

// Digits without a point, and where the point would be: 0.digits * 10^point.
struct decimal {
  bool is_negative = false;
  std::string digits;
  int point = 0;
};

// The shortest that means this number and no other.
decimal to_decimal(double number) {
  std::array<char, 32> text{};
  const auto end =
      std::to_chars(text.data(), text.data() + text.size(), number, std::chars_format::scientific)
          .ptr;
  std::string_view left(text.data(), static_cast<std::size_t>(end - text.data()));
  decimal out;
  out.is_negative = left.starts_with('-');
  if (out.is_negative) left.remove_prefix(1);
  const auto e = left.find('e');
  for (const char c : left.substr(0, e)) {
    if (c != '.') out.digits += c;
  }
  const auto exponent = left.substr(left[e + 1] == '+' ? e + 2 : e + 1);
  std::from_chars(exponent.data(), exponent.data() + exponent.size(), out.point);
  ++out.point;
  return out;
}

std::string in_full(const decimal& from) {
  const auto count = static_cast<int>(from.digits.size());
  if (from.point <= 0) {
    return "0." + std::string(static_cast<std::size_t>(-from.point), '0') + from.digits;
  }
  const auto point = static_cast<std::size_t>(from.point);
  if (count <= from.point) {
    return from.digits + std::string(point - from.digits.size(), '0');
  }
  return from.digits.substr(0, point) + "." + from.digits.substr(point);
}

std::string with_exponent(const decimal& from) {
  std::string out = from.digits.substr(0, 1);
  if (from.digits.size() > 1) out += "." + from.digits.substr(1);
  const int exponent = from.point - 1;
  return out + (exponent < 0 ? "e" : "e+") + std::to_string(exponent);
}

class writer {
 public:
  explicit writer(std::string_view indent) : indent_(indent) {}

  void write(const json::value& what) {
    switch (what.kind()) {
      case json::kind::null:
        out_ += "null";
        return;
      case json::kind::bool_:
        out_ += what.get_bool() ? "true" : "false";
        return;
      case json::kind::int64:
        out_ += std::to_string(what.get_int64());
        return;
      case json::kind::uint64:
        out_ += std::to_string(what.get_uint64());
        return;
      case json::kind::double_:
        out_ += to_json_text(what.get_double());
        return;
      case json::kind::string:
        return append_text(view(what.get_string()), out_);
      case json::kind::array:
        return write(what.get_array());
      case json::kind::object:
        return write(what.get_object());
    }
  }

  [[nodiscard]] std::string take() { return std::move(out_); }

 private:
  void write(const json::array& what) {
    out_ += '[';
    ++depth_;
    bool is_first = true;
    for (const auto& each : what) {
      begin_element(is_first);
      write(each);
    }
    end(']', is_first);
  }

  void write(const json::object& what) {
    out_ += '{';
    ++depth_;
    bool is_first = true;
    for (const auto& [key, value] : what) {
      begin_element(is_first);
      append_text({key.data(), key.size()}, out_);
      out_ += indent_.empty() ? ":" : ": ";
      write(value);
    }
    end('}', is_first);
  }

  void begin_element(bool& is_first) {
    if (!is_first) out_ += ',';
    is_first = false;
    begin_line();
  }

  void end(char bracket, bool is_empty) {
    --depth_;
    if (!is_empty) begin_line();
    out_ += bracket;
  }

  void begin_line() {
    if (indent_.empty()) return;
    out_ += '\n';
    for (std::size_t i = 0; i < depth_; ++i) out_ += indent_;
  }

  const std::string_view indent_;
  std::size_t depth_ = 0;
  std::string out_;
};

}  // namespace

std::string to_json_text(const json::value& what, std::string_view indent) {
  writer to(indent);
  to.write(what);
  return to.take();
}

std::string to_json_text(double number) {
  constexpr double smallest_in_full = 1e-6;
  constexpr double largest_in_full = 1e21;
  if (!std::isfinite(number)) return "null";
  const double size = std::abs(number);
  const auto from = to_decimal(number);
  const bool is_in_full = size == 0 || (size >= smallest_in_full && size < largest_in_full);
  return (from.is_negative ? "-" : "") + (size == 0    ? "0"
                                          : is_in_full ? in_full(from)
                                                       : with_exponent(from));
}

}  // namespace nuncio::server::monitor
