#include "text.hpp"

#include <nuncio/protocol/limits.hpp>
#include <nuncio/protocol/message_parser.hpp>

#include <algorithm>
#include <array>
#include <optional>
#include <utility>

namespace nuncio::protocol {
namespace {

using kind = server_event::kind;

/// Verbs whose line says it all. MSG and HMSG are handled apart.
struct event_row {
  std::string_view name;  ///< in capitals
  kind what;
  bool has_text;
};

constexpr std::array events{
    event_row{"PING", kind::ping, false}, event_row{"PONG", kind::pong, false},
    event_row{"+OK", kind::ok, false},    event_row{"-ERR", kind::err, true},
    event_row{"INFO", kind::info, true},
};

/// One large message shall not keep its memory for as long as the connection lives.
constexpr std::size_t kept_capacity = 1024UL * 1024;

char upper(char c) {
  return c >= 'a' && c <= 'z' ? static_cast<char>(c - 32) : c;
}

bool starts_with_verb(std::string_view line, std::string_view name) {
  return line.size() >= name.size() &&
         std::equal(name.begin(), name.end(), line.begin(),
                    [](char wanted, char have) { return wanted == upper(have); });
}

std::string_view unquote(std::string_view text) {
  if (text.size() >= 2 && text.front() == '\'' && text.back() == '\'') {
    return text.substr(1, text.size() - 2);
  }
  return text;
}

/// The fields of a line, one after the other.
class field_reader {
 public:
  // Looking for one byte is the library's, which looks at many at once.
  explicit field_reader(std::string_view line) noexcept
      : rest_(trim(line)), has_tabs_(rest_.find('\t') != std::string_view::npos) {}

  /// The next one; empty behind the last.
  std::string_view next() noexcept {
    const auto end = has_tabs_ ? rest_.find_first_of(" \t") : rest_.find(' ');
    const auto out = rest_.substr(0, end);
    rest_.remove_prefix(out.size());
    rest_ = trim_left(rest_);
    return out;
  }
  [[nodiscard]] bool is_at_end() const noexcept { return rest_.empty(); }

 private:
  std::string_view rest_;
  bool has_tabs_;
};

std::optional<std::size_t> to_size(std::string_view text) {
  if (text.empty() || text.size() > max_size_digits) return std::nullopt;
  std::size_t value = 0;
  for (const char c : text) {
    if (c < '0' || c > '9') return std::nullopt;
    value = value * 10 + static_cast<std::size_t>(c - '0');
  }
  return value;
}

server_event malformed(std::string_view why) {
  server_event event;
  event.what = kind::malformed;
  event.text = why;
  return event;
}

}  // namespace

std::string_view to_string(server_event::kind value) noexcept {
  switch (value) {
    case kind::need_more:
      return "need_more";
    case kind::info:
      return "info";
    case kind::message:
      return "message";
    case kind::ping:
      return "ping";
    case kind::pong:
      return "pong";
    case kind::ok:
      return "ok";
    case kind::err:
      return "err";
    case kind::malformed:
      return "malformed";
  }
  return "unknown";
}

void message_parser::feed(std::string_view bytes) {
  drop_spent();
  input_ = bytes;
}

server_event message_parser::next() {
  if (!failure_.empty()) return malformed(failure_);
  drop_spent();
  return kept_.empty() ? from_input() : from_kept();
}

void message_parser::drop_spent() {
  if (!is_spent_) return;
  is_spent_ = false;
  kept_.clear();
  if (kept_.capacity() > kept_capacity) kept_.shrink_to_fit();
}

server_event message_parser::from_input() {
  server_event event;
  std::size_t used = 0;
  needed_ = 0;
  parse_one(input_, event, used);
  if (event.what == kind::malformed) return fail(event.text);
  if (event.what == kind::need_more) {
    // The size is known and bounded: growing step by step would copy a large payload again and
    // again.
    kept_.reserve(needed_);
    kept_ = input_;
    input_ = {};
    return event;
  }
  input_.remove_prefix(used);
  return event;
}

server_event message_parser::from_kept() {
  server_event event;
  while (!input_.empty()) {
    std::size_t take = input_.size();
    if (needed_ != 0) {
      take = std::min(take, needed_ - kept_.size());
    } else if (const auto end = input_.find('\n'); end != std::string_view::npos) {
      take = end + 1;
    }
    // One byte over the limit is enough to know that the line is too long.
    if (needed_ == 0 && kept_.size() + take > limits_.max_line + 1) {
      take = limits_.max_line + 1 - kept_.size();
    }
    kept_ += input_.substr(0, take);
    input_.remove_prefix(take);
    if (kept_.size() < needed_) break;

    std::size_t used = 0;
    parse_one(kept_, event, used);
    if (event.what == kind::malformed) return fail(event.text);
    if (event.what != kind::need_more) {
      is_spent_ = true;
      return event;
    }
    if (needed_ != 0 && kept_.capacity() < needed_) kept_.reserve(needed_);
  }
  return event;
}

server_event message_parser::fail(std::string_view why) {
  failure_ = why;
  input_ = {};
  kept_.clear();
  return malformed(why);
}

void message_parser::parse_one(std::string_view bytes, server_event& out, std::size_t& used) {
  if (bytes.empty()) return;
  const auto line_end = bytes.substr(0, limits_.max_line).find('\n');
  if (line_end == std::string_view::npos) {
    if (bytes.size() >= limits_.max_line) out = malformed("a line is longer than max_line");
    return;
  }
  auto line = bytes.substr(0, line_end);
  if (!line.empty() && line.back() == '\r') line.remove_suffix(1);

  used = line_end + 1;
  for (const bool has_header : {false, true}) {
    const std::string_view name = has_header ? "HMSG" : "MSG";
    if (starts_with_verb(line, name) && line.size() > name.size() && is_blank(line[name.size()])) {
      return parse_message(line.substr(name.size()), bytes, has_header, out, used);
    }
  }
  for (const auto& row : events) {
    if (!starts_with_verb(line, row.name)) continue;
    out.what = row.what;
    if (row.has_text) out.text = trim(line.substr(row.name.size()));
    if (row.what == kind::err) out.text = unquote(out.text);
    return;
  }
  out = malformed("unknown operation");
}

void message_parser::parse_message(std::string_view line,
                                   std::string_view bytes,
                                   bool has_header,
                                   server_event& out,
                                   std::size_t& used) {
  field_reader fields(line);
  const auto subject = fields.next();
  const auto sid = fields.next();
  auto reply = fields.next();
  auto header_size = has_header ? fields.next() : std::string_view{};
  auto total_size = fields.next();
  if (total_size.empty()) {
    total_size = has_header ? std::exchange(header_size, reply) : reply;
    reply = {};
  }
  if (total_size.empty() || !fields.is_at_end()) {
    out = malformed("a message line has a wrong number of fields");
    return;
  }
  const auto total = to_size(total_size);
  const auto header = has_header ? to_size(header_size) : std::size_t{0};
  if (!total || !header || *header > *total) {
    out = malformed("a message line has a bad size");
    return;
  }
  if (*total > limits_.max_payload) {
    out = malformed("a message is larger than max_payload");
    return;
  }
  const std::size_t whole = used + *total + 2;
  if (bytes.size() < whole) {
    needed_ = whole;
    return;
  }
  if (bytes.substr(whole - 2, 2) != "\r\n") {
    out = malformed("a payload doesn't end where its size says");
    return;
  }
  const auto body = bytes.substr(used, *total);
  out.what = kind::message;
  out.message.subject = subject;
  out.message.sid = sid;
  out.message.reply = reply;
  out.message.header_block = body.substr(0, *header);
  out.message.payload = body.substr(*header);
  used = whole;
}

}  // namespace nuncio::protocol
