#include "text.hpp"

#include <nuncio/protocol/parser.hpp>

#include <algorithm>
#include <array>
#include <charconv>

namespace nuncio::protocol {
namespace {

using detail::parsed_line;
using detail::verb;

struct verb_row {
  std::string_view name;
  verb what;
  bool needs_blank;   // at least one blank between verb and arguments
  bool has_argument;  // otherwise all up to the line end is ignored
};

constexpr std::array verbs{
    verb_row{"pub", verb::pub, true, true},          verb_row{"hpub", verb::pub, true, true},
    verb_row{"sub", verb::sub, true, true},          verb_row{"unsub", verb::unsub, true, true},
    verb_row{"connect", verb::connect, false, true}, verb_row{"ping", verb::ping, false, false},
    verb_row{"pong", verb::pong, false, false},      verb_row{"+ok", verb::ok, false, false},
    verb_row{"info", verb::info, false, true},       verb_row{"-err", verb::err, true, true},
};

char lower(char c) noexcept {
  return c >= 'A' && c <= 'Z' ? static_cast<char>(c + ('a' - 'A')) : c;
}

// The row whose name begins `text`, or which `text` may still become.
const verb_row* find_verb(std::string_view text) noexcept {
  for (const auto& row : verbs) {
    if (row.name.front() != lower(text.front())) continue;
    const auto size = std::min(row.name.size(), text.size());
    const bool same = std::equal(row.name.begin(), row.name.begin() + static_cast<long>(size),
                                 text.begin(), [](char a, char b) { return a == lower(b); });
    if (same) return &row;
  }
  return nullptr;
}

struct fields {
  std::array<std::string_view, 5> at;  // one more than any verb takes
  std::size_t count = 0;
};

bool is_blank_or_cr(char c) noexcept {
  return is_blank(c) || c == '\r';
}

template <class IsBlank>
fields split(std::string_view text, IsBlank is_between) noexcept {
  fields out;
  const char* at = text.data();
  const char* const end = at + text.size();
  while (out.count < out.at.size()) {
    at = std::find_if_not(at, end, is_between);
    if (at == end) break;
    const char* const behind = std::find_if(at, end, is_between);
    out.at[out.count++] = {at, static_cast<std::size_t>(behind - at)};
    at = behind;
  }
  return out;
}

std::int64_t size_of(std::string_view text) noexcept {
  return detail::parse_size(text.data(), text.size());
}

errc parse_pub(std::string_view text, bool with_header, parsed_line& out) noexcept {
  const auto parts = split(text, is_blank);
  const std::size_t sizes = with_header ? 2 : 1;
  if (parts.count < sizes + 1 || parts.count > sizes + 2) return errc::bad_arguments;
  auto& op = out.pub;
  op = {};
  op.subject = parts.at[0];
  if (parts.count == sizes + 2) op.reply = parts.at[1];
  op.size_text = parts.at[parts.count - 1];
  const auto size = size_of(op.size_text);
  if (size < 0) return errc::bad_arguments;
  out.size = static_cast<std::uint32_t>(size);
  if (with_header) {
    op.header_text = parts.at[parts.count - 2];
    const auto header = size_of(op.header_text);
    if (header < 0 || header > size) return errc::bad_arguments;
    op.header_size = static_cast<std::uint32_t>(header);
  }
  return errc::none;
}

errc parse_sub(std::string_view text, ops::sub& op) noexcept {
  const auto parts = split(text, is_blank_or_cr);
  if (parts.count < 2 || parts.count > 3) return errc::bad_arguments;
  op.subject = parts.at[0];
  op.queue = parts.count == 3 ? parts.at[1] : std::string_view{};
  op.sid = parts.at[parts.count - 1];
  return errc::none;
}

errc parse_unsub(std::string_view text, ops::unsub& op) noexcept {
  const auto parts = split(text, is_blank_or_cr);
  if (parts.count < 1 || parts.count > 2) return errc::bad_arguments;
  op.sid = parts.at[0];
  // What isn't a number means "at once", as a missing one does.
  op.max = parts.count == 2 ? std::max<std::int64_t>(size_of(parts.at[1]), 0) : 0;
  return errc::none;
}

void append_tail(std::string_view reply,
                 std::string_view header,
                 std::string_view size,
                 std::string_view body,
                 std::string& out) {
  out.reserve(out.size() + reply.size() + header.size() + size.size() + body.size() + 6);
  for (const auto field : {reply, header}) {
    if (field.empty()) continue;
    out += field;
    out += ' ';
  }
  out += size;
  out += "\r\n";
  out += body;
  out += "\r\n";
}

}  // namespace

namespace detail {

void parse_line(const char* data, std::size_t size, const parse_limits& limits, parsed_line& out) {
  const auto fail = [&out](errc code) { out.error = code; };
  out.error = errc::none;
  const std::string_view text{data, size};
  const verb_row* row = find_verb(text);
  if (row == nullptr) return fail(errc::unknown_operation);
  out.what = verb::incomplete;
  if (size <= row->name.size()) return;
  if (row->needs_blank && !is_blank(text[row->name.size()])) return fail(errc::unknown_operation);

  const auto line_end = text.find('\n', row->name.size());
  const auto upto = std::min(line_end, size);
  if (!row->has_argument) {
    if (line_end == std::string_view::npos) return;
    out.what = row->what;
    out.line_size = line_end + 1;
    return;
  }
  auto from = row->name.size();
  while (from < upto && is_blank(text[from])) ++from;
  auto argument = text.substr(from, upto - from);
  // The reference drops the last byte if there is a CR anywhere in the argument.
  if (argument.find('\r') != std::string_view::npos) argument.remove_suffix(1);
  if (argument.size() > limits.max_control_line) return fail(errc::control_line_exceeded);
  if (line_end == std::string_view::npos) return;

  out.line_size = line_end + 1;
  out.what = row->what;
  out.argument = argument;
  const bool is_hpub = row->name == "hpub";
  switch (row->what) {
    case verb::pub:
      if (is_hpub && !limits.headers) return fail(errc::bad_arguments);
      out.error = parse_pub(argument, is_hpub, out);
      break;
    case verb::sub:
      out.error = parse_sub(argument, out.sub);
      break;
    case verb::unsub:
      out.error = parse_unsub(argument, out.unsub);
      break;
    default:
      break;
  }
}

}  // namespace detail

void render_tail(const ops::pub& op, std::string& out) {
  append_tail(op.reply, op.has_header() ? op.header_text : std::string_view{}, op.size_text,
              op.body, out);
}

void render_stripped_tail(const ops::pub& op, std::string& out) {
  if (!op.has_header()) return render_tail(op, out);
  const auto body = op.body.substr(op.header_size);
  std::array<char, 16> digits{};
  const auto end = std::to_chars(digits.data(), digits.data() + digits.size(), body.size()).ptr;
  append_tail(op.reply, {}, {digits.data(), static_cast<std::size_t>(end - digits.data())}, body,
              out);
}

}  // namespace nuncio::protocol
