#include "text_parser.hpp"

#include "conversions.hpp"

#include <algorithm>
#include <array>

// The grammar.
namespace nuncio::server::config {
namespace {

/// Editors of Windows begin a file with a mark of its encoding, which belongs to no key.
std::string_view without_mark(std::string_view text) {
  constexpr std::string_view mark = "\xEF\xBB\xBF";
  if (text.starts_with(mark)) text.remove_prefix(mark.size());
  return text;
}

bool is_same(place a, place b) noexcept {
  return a.file == b.file && a.line == b.line && a.column == b.column;
}

/// Whether the value of such a key may be a secret, or have one in it as a URL may: by the names of
/// options, and by those that one gives to variables.
bool is_secret(std::string_view key) {
  const auto name = to_lower(key);
  constexpr std::array<std::string_view, 4> parts{"pass", "secret", "seed", "url"};
  constexpr std::array<std::string_view, 6> ends{"token", "key", "pw", "pwd", "ek", "resolver"};
  constexpr std::array<std::string_view, 3> others{"tokens", "routes", "default_sentinel"};
  const auto has = [&name](std::string_view part) { return name.find(part) != name.npos; };
  const auto ends_so = [&name](std::string_view end) { return name.ends_with(end); };
  return std::any_of(parts.begin(), parts.end(), has) ||
         std::any_of(ends.begin(), ends.end(), ends_so) ||
         std::find(others.begin(), others.end(), name) != others.end();
}

}  // namespace

text_parser::text_parser(parsing& shared,
                         std::string_view text,
                         const std::string& path,
                         std::size_t depth,
                         std::vector<problem>& problems,
                         std::optional<place> fixed_place)
    : shared_(shared),
      in_(fixed_place ? text : without_mark(text)),
      folder_(std::filesystem::path(path).parent_path()),
      depth_(depth),
      problems_(problems),
      fixed_place_(fixed_place),
      complain_([this](std::size_t offset, std::string_view found, std::string_view expected) {
        complain(offset, found, expected);
      }) {
  if (fixed_place) return;
  const auto known = std::find(shared.files.begin(), shared.files.end(), path);
  file_ = static_cast<std::uint32_t>(known - shared.files.begin());
  if (known == shared.files.end()) shared.files.push_back(path);
}

open_map text_parser::read() {
  open_map root;
  root.is.at = place_of(0);
  if (const auto zero = in_.text().find('\0'); zero != std::string_view::npos) {
    complain(zero, "found a byte of zero, expected text in UTF-8");
    return root;
  }
  maps_.push_back(&root);
  read_document();
  maps_.pop_back();
  return root;
}

place text_parser::place_of(std::size_t offset) const {
  return fixed_place_ ? *fixed_place_ : in_.place_of(offset, file_);
}

void text_parser::complain(std::size_t offset, std::string what) {
  const auto at = place_of(offset);
  // What is wrong in several ways is said to be so in the first.
  const bool is_told = !problems_.empty() && !fixed_place_ && is_same(problems_.back().at, at);
  if (has_given_up_ || is_told) return;
  if (problems_.size() + 1 == most_problems) {
    what += "; there are more mistakes than are worth telling";
    has_given_up_ = true;
    in_.move_to(in_.text().size());
  }
  problems_.push_back({.at = at, .text = std::move(what)});
}

void text_parser::complain(std::size_t offset, std::string_view found, std::string_view expected) {
  const auto shown = hides(offset) ? "what may be a secret" : found;
  complain(offset, "found " + std::string(shown) + ", expected " + std::string(expected));
}

bool text_parser::hides(std::size_t offset) const {
  if (offset >= in_.text().size() || in_.text()[offset] == '\n' || in_.text()[offset] == '\r') {
    return false;  // an end, which says nothing
  }
  // What the environment has is as likely to be one as not.
  return fixed_place_ || offset < secret_end_ || (secret_start_ && offset >= *secret_start_);
}

std::string text_parser::value_for(const statement& said) const {
  return hides(said.key_start) ? "a value" : "a value for " + in_quotes(said.key);
}

void text_parser::unexpected(std::string_view expected) {
  complain(in_.position(), in_.found_at(in_.position()), expected);
}

void text_parser::unexpected_end(std::string_view expected) {
  // Nor is it worth a word where the last line has a mistake, as it may be in that.
  const auto end = place_of(in_.position());
  const bool is_told = !problems_.empty() && problems_.back().at.file == end.file &&
                       problems_.back().at.line == end.line;
  if (!std::exchange(has_told_end_, true) && !is_told) unexpected(expected);
}

void text_parser::read_document() {
  std::size_t braces = 0;
  while (!has_given_up_) {
    in_.skip_spaces_and_comments();
    if (in_.at_end()) return;
    if (in_.peek() == '{') {
      ++braces;
      in_.advance();
    } else if (in_.peek() == '}' && braces > 0) {
      in_.advance();
      if (--braces > 0) end_inner_braces();
    } else if (in_.peek() == '}') {
      // One too many is fine at the end, as a document may look like JSON.
      const auto at = in_.position();
      in_.advance();
      in_.skip_spaces();
      if (!in_.at_end()) complain(at, in_quotes("}"), "a key");
    } else {
      read_statement(braces > 0 ? scope::braces : scope::top, depth_, false);
    }
  }
}

void text_parser::end_inner_braces() {
  for (;;) {
    in_.skip_blanks();
    if (in_.at_comment() || in_.peek() == '}') return;
    const bool is_ignored = in_.at_line_end() || in_.peek() == '/';
    if (!is_ignored && in_.peek() != ',' && in_.peek() != ';') break;
    in_.advance();
    if (!is_ignored) return;
  }
  if (in_.at_end()) {
    unexpected_end("\"}\"");
  } else {
    unexpected("\",\" or \"}\"");
  }
}

value text_parser::read_map(std::size_t start, std::size_t depth, bool in_list) {
  open_map map;
  map.is.at = place_of(start);
  maps_.push_back(&map);
  for (;;) {
    in_.skip_spaces_and_comments();
    if (in_.at_end()) {
      unexpected_end("\"}\" for the \"{\" on line " + std::to_string(place_of(start).line));
      break;
    }
    if (in_.peek() == '}') {
      in_.advance();
      break;
    }
    if (in_.peek() == ']') {
      unexpected("a key or \"}\"");
      if (in_list) break;
      in_.advance();
      continue;
    }
    read_statement(scope::map, depth, in_list);
  }
  maps_.pop_back();
  return std::move(map.is);
}

value text_parser::read_list(std::size_t start, std::size_t depth) {
  value list{.what = kind::list, .at = place_of(start)};
  for (;;) {
    in_.skip_spaces_and_comments();
    const char c = in_.peek();
    if (in_.at_end()) {
      unexpected_end("\"]\" for the \"[\" on line " + std::to_string(place_of(start).line));
      return list;
    }
    if (c == ']') {
      in_.advance();
      return list;
    }
    if (c == '}') {
      unexpected("\"]\"");
      return list;
    }
    if (c == ',' || c == ';') {
      unexpected("a value or \"]\"");
      in_.advance();
      continue;
    }
    if (c == '/') {
      unexpected("a value in quotes");
      skip_to_end_of_item();
    } else {
      value item;
      if (read_value(item, depth, true)) list.items.push_back(std::move(item));
    }
    end_item();
  }
}

void text_parser::end_item() {
  in_.skip_blanks();
  if (in_.at_comment()) in_.skip_line();
  if (in_.at_end() || in_.peek() == ']' || in_.peek() == '}') return;
  if (in_.peek() != ',' && in_.peek() != '/' && !in_.at_line_end()) {
    unexpected("a new line, \",\" or \"]\"");
    skip_to_end_of_item();
    if (in_.peek() == ']' || in_.peek() == '}') return;
  }
  in_.advance();
}

void text_parser::read_statement(scope where, std::size_t depth, bool in_list) {
  statement said{.key_start = in_.position(), .problems = problems_.size()};
  if (!read_key(where, said)) return;
  value what;
  bool is_good = false;
  const auto outer_secret = secret_start_;
  if (!secret_start_ && is_secret(said.key)) secret_start_ = said.key_end;
  const bool has_secret = secret_start_.has_value();
  if (said.is_raw_key && in_.space_here() > 0 && same_name(said.key, "include")) {
    read_include(depth);
    static_cast<void>(end_statement(where, said, depth, in_list));
    secret_start_ = outer_secret;
    return;
  }
  if (find_value(where, said)) {
    said.is_scalar = in_.peek() != '{' && in_.peek() != '[';
    is_good = read_value(what, depth, false);
  } else {
    in_.skip_to_any_of(",;}");
  }
  if (has_secret) {
    // Without quotes it may go on behind what ends it for us: `my,password`.
    const auto end = in_.text().find_first_of(" \t\r\n", in_.position());
    secret_end_ = std::max(secret_end_, std::min(end, in_.text().size()));
  }
  const bool is_kept = end_statement(where, said, depth, in_list);
  secret_start_ = outer_secret;
  if (!is_kept) return;
  auto& map = *maps_.back();
  if (is_good) {
    map.broken.erase(said.key);
    map.set({.key = said.key, .at = place_of(said.key_start), .is = std::move(what)});
  } else {
    map.broken.insert(said.key);
  }
}

bool text_parser::read_key(scope where, statement& said) {
  const char c = in_.peek();
  if (c == ':' || c == '=' || c == '/') {
    unexpected("a key");
    in_.skip_to_any_of(",;}");
    if (where == scope::top || in_.peek() != '}') in_.advance();
    return false;
  }
  if (c == '"' || c == '\'') {
    const auto end = in_.text().find(c, in_.position() + 1);
    if (end == std::string_view::npos) {
      complain(in_.position(), in_.found_at(in_.position()) + " without its end",
               std::string("a closing ") + c);
      in_.skip_line();
      return false;
    }
    said.key = in_.text().substr(in_.position() + 1, end - in_.position() - 1);
    in_.move_to(end + 1);
  } else {
    // The first character belongs to it, whatever it is.
    do {
      in_.advance();
    } while (!in_.at_end() && in_.space_here() == 0 && in_.peek() != ':' && in_.peek() != '=');
    said.key = in_.since(said.key_start);
    said.is_raw_key = true;
  }
  said.key_end = in_.position();
  return true;
}

bool text_parser::find_value(scope where, statement& said) {
  const auto missing = value_for(said);
  in_.skip_spaces();
  const bool has_separator = in_.peek() == ':' || in_.peek() == '=';
  if (has_separator) in_.advance();
  if (where == scope::map) {
    in_.skip_spaces();
  } else if (has_separator) {
    in_.skip_blanks();
  }
  said.value_start = in_.position();
  if (in_.at_end() && (where == scope::map || !has_separator)) {
    unexpected_end(missing);
    return false;
  }
  const bool is_missing =
      in_.at_line_end() || (where == scope::map && (in_.peek() == ',' || in_.peek() == '}'));
  if (!is_missing) return true;
  // One character, which is no part of a secret.
  complain(in_.position(), "found " + in_.found_at(in_.position()) + ", expected " + missing);
  if (!in_.at_line_end()) return false;
  // What opens a map or a list on the next line is meant as the value.
  in_.skip_spaces();
  if (in_.peek() == '{' || in_.peek() == '[') return true;
  in_.move_to(said.value_start);
  return false;
}

bool text_parser::read_value(value& into, std::size_t depth, bool in_list) {
  const auto start = in_.position();
  if (in_.peek() == '{' || in_.peek() == '[') {
    if (depth == deepest_nesting) {
      complain(start, in_.found_at(start), too_deep());
      if (in_.skip_brackets()) return false;
      has_told_end_ = true;
      in_.move_to(in_.text().size());
      return false;
    }
    const bool is_map = in_.peek() == '{';
    in_.advance();
    into = is_map ? read_map(start, depth + 1, in_list) : read_list(start, depth + 1);
    return true;
  }
  auto one = read_scalar(in_, in_list, complain_);
  if (one.is_broken) return false;
  if (one.is_reference) return resolve(one.is.text, start, depth, into);
  into = std::move(one.is);
  into.at = place_of(start);
  into.is_from_environment = fixed_place_.has_value();
  return true;
}

std::string text_parser::too_deep() {
  return "no more than " + std::to_string(deepest_nesting) + " maps and lists in each other";
}

bool text_parser::end_statement(scope where,
                                const statement& said,
                                std::size_t depth,
                                bool in_list) {
  for (;;) {
    in_.skip_blanks();
    if (in_.at_comment()) {
      in_.skip_line();
    } else if (in_.peek() == '/' && where != scope::map) {
      in_.advance();  // nats-server takes it for a blank
    } else {
      break;
    }
  }
  const char c = in_.peek();
  if (in_.at_end()) {
    if (where == scope::braces) unexpected_end("a new line or \"}\"");
    return true;
  }
  if (c == '}') {
    if (where == scope::top) in_.advance();
    return true;
  }
  if (in_.at_line_end() || c == ',' || c == ';' || (c == '/' && where == scope::map)) {
    in_.advance();
    return true;
  }
  if (c == ']' && in_list) return true;  // a `}` is missing; whoever reads the map says so
  if (explain(where, said, depth, in_list)) return false;
  std::string expected = where == scope::top ? "a new line or \",\"" : "a new line, \",\" or \"}\"";
  if (hides(in_.position())) expected += ", or quotes around the whole value";
  unexpected(expected);
  in_.skip_to_any_of(",;}");
  if (where == scope::top || in_.peek() != '}') in_.advance();
  return true;
}

bool text_parser::explain(scope where, const statement& said, std::size_t depth, bool in_list) {
  if (!said.is_scalar || has_given_up_) return false;
  const auto text = in_.text();
  // `cluster{`, or `cluster{name` where the rest is another key.
  if (said.is_raw_key && said.key.size() > 1 && said.key.ends_with('{') &&
      depth < deepest_nesting) {
    take_back(said);
    complain(said.key_end - 1, in_quotes(said.key), "a blank or \":\" before \"{\"");
    in_.move_to(said.key_end);
    auto key = said.key.substr(0, said.key.size() - 1);
    auto map = read_map(said.key_end - 1, depth + 1, in_list);
    maps_.back()->set(
        {.key = std::move(key), .at = place_of(said.key_start), .is = std::move(map)});
    static_cast<void>(end_statement(where, {.key = said.key}, depth, in_list));
    return true;
  }
  // A key without a value took the next line's key for its value.
  const auto before_value = text.substr(said.key_end, said.value_start - said.key_end);
  if (const auto line_end = before_value.find_first_of("\r\n"); line_end != text.npos) {
    take_back(said);
    complain(said.key_end + line_end, "a new line", value_for(said));
    in_.move_to(said.key_end + line_end + 1);
    return true;
  }
  // A quote that was forgotten is closed by the next one, lines later.
  const char quote = text[said.value_start];
  const auto line_break = in_.since(said.value_start).find('\n');
  if ((quote == '"' || quote == '\'') && line_break != text.npos) {
    take_back(said);
    complain(said.value_start, in_.found_at(said.value_start) + " without its end",
             std::string("a closing ") + quote);
    in_.move_to(said.value_start + line_break + 1);
    return true;
  }
  return false;
}

void text_parser::take_back(const statement& said) {
  problems_.resize(std::min(problems_.size(), said.problems));
  maps_.back()->broken.insert(said.key);
}

}  // namespace nuncio::server::config
