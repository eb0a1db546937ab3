#include "text.hpp"

#include <nuncio/protocol/subject.hpp>
#include <nuncio/protocol/subject_transform.hpp>

#include <algorithm>
#include <array>
#include <charconv>
#include <limits>

namespace nuncio::protocol {
namespace {

constexpr std::string_view opening = "{{";
constexpr std::string_view closing = "}}";

std::string quoted(std::string_view text) {
  return std::string("\"").append(text).append("\"");
}

std::string found(std::string_view what, std::string_view expected) {
  return "found " + quoted(what) + ", expected " + std::string(expected);
}

bool is_capital(char c) noexcept {
  return c >= 'A' && c <= 'Z';
}

// `name` has a capital where a word begins; `written` may have a small letter there.
bool is_name(std::string_view written, std::string_view name) noexcept {
  return std::equal(written.begin(), written.end(), name.begin(), name.end(),
                    [](char w, char n) { return w == n || (is_capital(n) && w == n - 'A' + 'a'); });
}

// A 32-bit number, with a sign or without.
std::optional<std::int64_t> to_number(std::string_view text) noexcept {
  if (text.size() > 1 && text.front() == '+' && text[1] != '-') text.remove_prefix(1);
  std::int32_t number = 0;
  const auto [at, failed] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (failed != std::errc{} || at != text.data() + text.size()) return std::nullopt;
  return number;
}

// FNV-1a.
class hash32 {
 public:
  void add(std::string_view text) noexcept {
    for (const char c : text) value_ = (value_ ^ static_cast<unsigned char>(c)) * 16777619U;
  }
  [[nodiscard]] std::uint32_t value() const noexcept { return value_; }

 private:
  std::uint32_t value_ = 2166136261U;
};

void append_number(std::string& out, std::uint32_t number) {
  std::array<char, std::numeric_limits<std::uint32_t>::digits10 + 1> digits{};
  const auto end = std::to_chars(digits.data(), digits.data() + digits.size(), number).ptr;
  out.append(digits.data(), end);
}

// From the token with this index to the end; empty if there is none.
std::string_view from_token(std::string_view subject, std::uint32_t index) noexcept {
  for (; index != 0; --index) {
    const auto dot = subject.find('.');
    if (dot == std::string_view::npos) return {};
    subject.remove_prefix(dot + 1);
  }
  return subject;
}

std::string_view token_at(std::string_view subject, std::uint32_t index) noexcept {
  return first_token(from_token(subject, index));
}

// Bytes of the UTF-8 character that `text` begins with; 1 if it begins with none.
std::size_t character_size(std::string_view text) noexcept {
  const auto lead = static_cast<unsigned char>(text.front());
  const std::size_t wanted = lead >= 0xf0 ? 4 : lead >= 0xe0 ? 3 : lead >= 0xc0 ? 2 : 1;
  if (wanted > text.size()) return 1;
  const auto rest = text.substr(1, wanted - 1);
  const bool is_whole = std::all_of(rest.begin(), rest.end(), [](char c) {
    return (static_cast<unsigned char>(c) & 0xc0U) == 0x80U;
  });
  return is_whole ? wanted : 1;
}

void append_split(std::string& out, std::string_view text, std::string_view separator) {
  bool is_first = true;
  while (!text.empty()) {
    // Without a separator, each character is a piece.
    auto end = separator.empty() ? character_size(text) : text.find(separator);
    end = std::min(end, text.size());
    if (end != 0) {
      if (!is_first) out += '.';
      out.append(text.substr(0, end));
      is_first = false;
    }
    text.remove_prefix(std::min(end + separator.size(), text.size()));
  }
}

void append_cut(std::string& out, std::string_view text, std::size_t at) {
  out.append(text.substr(0, at));
  if (at != 0 && at < text.size()) out += '.';
  out.append(text.substr(at));
}

// The first piece has `first` bytes, the others `size`.
void append_slices(std::string& out, std::string_view text, std::size_t first, std::size_t size) {
  out.append(text.substr(0, first));
  for (text.remove_prefix(first); !text.empty(); text.remove_prefix(std::min(size, text.size()))) {
    out += '.';
    out.append(text.substr(0, size));
  }
}

}  // namespace

/// Reads a destination, token by token.
class subject_transform::reader {
 public:
  reader(std::string_view source, std::string& error) : source_(source), error_(error) {
    std::uint32_t index = 0;
    for (token_reader tokens{source}; tokens.has_next(); ++index) {
      const auto token = tokens.next();
      if (token == "*") wildcards_.push_back(index);
      if (token == ">") rest_ = index;
    }
  }

  bool read(std::string_view destination) {
    if (!is_valid_subscription(source_) || has_blank(source_)) {
      return fail(source_, "a subject, such as \"orders.*\"");
    }
    if (destination.empty()) return fail(destination, "a subject");
    bool has_rest = false;
    for (token_reader tokens{destination}; tokens.has_next();) {
      const auto token = tokens.next();
      if (token == ">" && tokens.has_next()) return fail(destination, "\">\" at its end only");
      has_rest = has_rest || token == ">";
      if (!read_token(token, destination)) return false;
      if (tokens.has_next()) add_text(".");
    }
    if (!has_rest && rest_) {
      return fail(destination, "\">\" at its end, because " + quoted(source_) + " has one");
    }
    return true;
  }

  [[nodiscard]] subject_transform take() { return std::move(made_); }

 private:
  struct function {
    std::string_view name;
    from what;
    std::string_view arguments;  // as messages show them
  };
  static constexpr std::array<function, 10> functions{{
      {"Wildcard", from::token, "the number of a wildcard"},
      {"Partition", from::partition, "the number of partitions, and numbers of wildcards"},
      {"Split", from::split, "the number of a wildcard, and a separator"},
      {"SplitFromLeft", from::split_from_left, "the number of a wildcard, and one of bytes"},
      {"SplitFromRight", from::split_from_right, "the number of a wildcard, and one of bytes"},
      {"SliceFromLeft", from::slice_from_left, "the number of a wildcard, and one of bytes"},
      {"SliceFromRight", from::slice_from_right, "the number of a wildcard, and one of bytes"},
      {"Left", from::left, "the number of a wildcard, and one of bytes"},
      {"Right", from::right, "the number of a wildcard, and one of bytes"},
      {"Random", from::random, "a number"},
  }};
  static constexpr std::string_view known_functions =
      "one of wildcard, partition, split, splitfromleft, splitfromright, slicefromleft, "
      "slicefromright, left, right and random";

  bool fail(std::string_view what, std::string_view expected) {
    error_ = found(what, expected);
    return false;
  }
  bool fail_within(std::string_view what, std::string_view token, std::string_view expected) {
    error_ =
        "found " + quoted(what) + " in " + quoted(token) + ", expected " + std::string(expected);
    return false;
  }

  void add_text(std::string_view text) {
    auto& parts = made_.parts_;
    const bool goes_on = !parts.empty() && parts.back().what == from::text;
    if (!goes_on) parts.push_back({from::text, position(), 0, 0, 0});
    parts.back().size += static_cast<std::uint32_t>(text.size());
    made_.text_ += text;
  }

  [[nodiscard]] std::uint32_t position() const {
    return static_cast<std::uint32_t>(made_.text_.size());
  }

  bool read_token(std::string_view token, std::string_view destination) {
    if (token.find(opening) != std::string_view::npos ||
        token.find(closing) != std::string_view::npos) {
      return read_function(token);
    }
    if (token.empty()) return fail(destination, "no empty token");
    if (has_blank(token)) return fail(destination, "a subject without blanks");
    if (token == "*") {
      return fail_within(token, destination, "a wildcard by its number, as in \"$1\"");
    }
    if (token == ">") {
      if (!rest_) {
        return fail_within(token, destination,
                           "no \">\", because " + quoted(source_) + " has none");
      }
      made_.parts_.push_back({from::rest, 0, 0, *rest_, 0});
      return true;
    }
    if (token.front() == '$') {
      // `$SYS` and the like are plain.
      if (const auto number = to_number(token.substr(1))) {
        part p{from::token, 0, 0, 0, 0};
        if (!read_wildcard(*number, token, p.token)) return false;
        made_.parts_.push_back(p);
        return true;
      }
    }
    add_text(token);
    return true;
  }

  bool read_wildcard(std::int64_t number, std::string_view token, std::uint32_t& index) {
    const auto count = static_cast<std::int64_t>(wildcards_.size());
    if (number >= 1 && number <= count) {
      index = wildcards_[static_cast<std::size_t>(number - 1)];
      return true;
    }
    error_ = "found wildcard " + std::to_string(number) + " in " + quoted(token) + ", expected " +
             (count == 0   ? "none, because "
              : count == 1 ? "1, because "
                           : "1 to " + std::to_string(count) + ", because ") +
             quoted(source_) + " has " + (count == 0 ? "no" : std::to_string(count)) + " \"*\"";
    return false;
  }

  bool read_function(std::string_view token) {
    constexpr std::string_view a_function =
        "a function as a whole token, as in \"{{wildcard(1)}}\"";
    if (!token.starts_with(opening) || !token.ends_with(closing) ||
        token.size() < opening.size() + closing.size()) {
      return fail(token, a_function);
    }
    const auto call = trim(token.substr(2, token.size() - 4));
    const auto open = call.find('(');
    const bool is_call = open != std::string_view::npos && call.back() == ')';
    if (!is_call || call.find(opening) != std::string_view::npos) return fail(token, a_function);
    const auto name = trim(call.substr(0, open));
    const auto* const known =
        std::find_if(functions.begin(), functions.end(),
                     [name](const function& f) { return is_name(name, f.name); });
    if (known == functions.end()) return fail_within(name, token, known_functions);
    return read_arguments(*known, token, call.substr(open + 1, call.size() - open - 2));
  }

  bool read_arguments(const function& f, std::string_view token, std::string_view list) {
    std::vector<std::string_view> arguments;
    for (auto rest = list;;) {
      const auto comma = rest.find(',');
      arguments.push_back(rest.substr(0, comma));
      if (comma == std::string_view::npos) break;
      rest.remove_prefix(comma + 1);
    }
    const std::size_t wanted = f.what == from::token || f.what == from::random ? 1 : 2;
    const bool is_enough =
        f.what == from::partition ? !trim(arguments.front()).empty() : arguments.size() == wanted;
    if (!is_enough) return fail_within(list, token, f.arguments);

    part p{f.what, 0, 0, 0, 0};
    switch (f.what) {
      case from::random:
        if (!read_number(arguments[0], token, p.number)) return false;
        break;
      case from::partition:
        if (!read_number(arguments[0], token, p.number)) return false;
        p.begin = static_cast<std::uint32_t>(made_.hashed_.size());
        for (std::size_t i = 1; i < arguments.size(); ++i) {
          if (!read_index(arguments[i], token, made_.hashed_.emplace_back())) return false;
        }
        p.size = static_cast<std::uint32_t>(arguments.size() - 1);
        break;
      case from::split: {
        if (!read_index(arguments[0], token, p.token)) return false;
        const auto separator = trim_left(arguments[1]);
        if (has_blank(separator)) {
          return fail_within(separator, token, "a separator without blanks");
        }
        p.begin = position();
        p.size = static_cast<std::uint32_t>(separator.size());
        made_.text_ += separator;
        break;
      }
      default:
        if (!read_index(arguments[0], token, p.token)) return false;
        if (wanted == 2 && !read_number(arguments[1], token, p.number)) return false;
        break;
    }
    made_.parts_.push_back(p);
    return true;
  }

  bool read_index(std::string_view argument, std::string_view token, std::uint32_t& index) {
    const auto text = trim(argument);
    const auto number = to_number(text);
    if (!number) return fail_within(text, token, "the number of a wildcard");
    return read_wildcard(*number, token, index);
  }

  bool read_number(std::string_view argument, std::string_view token, std::uint32_t& number) {
    const auto text = trim(argument);
    const auto got = to_number(text);
    if (!got || *got < 0) return fail_within(text, token, "a number from 0 to 2147483647");
    number = static_cast<std::uint32_t>(*got);
    return true;
  }

  std::string_view source_;
  std::string& error_;
  std::vector<std::uint32_t> wildcards_;  // which tokens of the source
  std::optional<std::uint32_t> rest_;
  subject_transform made_;
};

std::optional<subject_transform> subject_transform::parse(std::string_view source,
                                                          std::string_view destination,
                                                          std::string& error) {
  reader reads(source, error);
  if (!reads.read(destination)) return std::nullopt;
  return reads.take();
}

std::optional<std::string_view> subject_transform::constant() const noexcept {
  if (parts_.size() != 1 || parts_.front().what != from::text) return std::nullopt;
  return text_of(parts_.front());
}

void subject_transform::write(std::string_view subject,
                              std::string& out,
                              draw_function draw,
                              void* with) const {
  out.clear();
  for (const part& p : parts_) {
    const auto token = [&] { return token_at(subject, p.token); };
    // Cut at 0 bytes, or behind its end, a token stays as it is.
    const auto cut = [&p](std::string_view text) {
      return p.number == 0 ? text.size() : std::min<std::size_t>(p.number, text.size());
    };
    switch (p.what) {
      case from::text:
        out.append(text_of(p));
        break;
      case from::token:
        out.append(token());
        break;
      case from::rest:
        out.append(from_token(subject, p.token));
        break;
      case from::partition:
        write_partition(p, subject, out);
        break;
      case from::split:
        append_split(out, token(), text_of(p));
        break;
      case from::split_from_left:
        append_cut(out, token(), cut(token()));
        break;
      case from::split_from_right:
        append_cut(out, token(), token().size() - cut(token()));
        break;
      case from::slice_from_left:
        append_slices(out, token(), cut(token()), p.number);
        break;
      case from::slice_from_right: {
        const auto odd = p.number == 0 ? 0 : token().size() % p.number;
        append_slices(out, token(), odd == 0 ? cut(token()) : odd, p.number);
        break;
      }
      case from::left:
        out.append(token().substr(0, cut(token())));
        break;
      case from::right:
        out.append(token().substr(token().size() - cut(token())));
        break;
      case from::random:
        append_number(out, p.number == 0 ? 0 : draw(with, p.number));
        break;
    }
  }
}

void subject_transform::write_partition(const part& p,
                                        std::string_view subject,
                                        std::string& out) const {
  hash32 hash;
  if (p.size == 0) hash.add(subject);
  for (std::uint32_t i = 0; i < p.size; ++i) hash.add(token_at(subject, hashed_[p.begin + i]));
  append_number(out, p.number == 0 ? 0 : hash.value() % p.number);
}

}  // namespace nuncio::protocol
