#include "text.hpp"

#include <nuncio/protocol/rpc.hpp>

#include <algorithm>
#include <array>
#include <charconv>
#include <utility>

namespace nuncio::protocol {
namespace {

constexpr std::size_t usual_size = 120;  // of a block: it is written in one piece of memory
constexpr std::string_view line_start = "NATS/1.0\r\nNuncio: ";

constexpr std::array<std::string_view, 12> frame_names{"",       "server", "client", "bidi",
                                                       "accept", "data",   "ack",    "ping",
                                                       "end",    "cancel", "drain",  "unknown"};

struct code_row {
  std::string_view name;
  int number;
};

// In the order of rpc_code. Source: docs/rpc-wire.md, section 3.
constexpr std::array<code_row, 17> codes{{{"OK", 200},
                                          {"CANCELLED", 499},
                                          {"UNKNOWN", 500},
                                          {"INVALID_ARGUMENT", 400},
                                          {"DEADLINE_EXCEEDED", 504},
                                          {"NOT_FOUND", 404},
                                          {"ALREADY_EXISTS", 409},
                                          {"PERMISSION_DENIED", 403},
                                          {"RESOURCE_EXHAUSTED", 429},
                                          {"FAILED_PRECONDITION", 400},
                                          {"ABORTED", 409},
                                          {"OUT_OF_RANGE", 400},
                                          {"UNIMPLEMENTED", 501},
                                          {"INTERNAL", 500},
                                          {"UNAVAILABLE", 503},
                                          {"DATA_LOSS", 500},
                                          {"UNAUTHENTICATED", 401}}};

constexpr bool may_stand(char c) noexcept {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '.' ||
         c == '_' || c == ':' || c == '/' || c == '-';
}

template <class Number>
bool to_number(std::string_view text, Number& out) noexcept {
  const auto [at, error] = std::from_chars(text.data(), text.data() + text.size(), out);
  return error == std::errc{} && at == text.data() + text.size();
}

bool to_amount(std::string_view text, std::optional<rpc_amount>& out) noexcept {
  const auto slash = text.find('/');
  rpc_amount amount;
  if (slash == std::string_view::npos || !to_number(text.substr(0, slash), amount.frames) ||
      !to_number(text.substr(slash + 1), amount.bytes)) {
    return false;
  }
  out = amount;
  return true;
}

bool is_value(std::string_view text) noexcept {
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '%') {
      if (text.size() - i < 3 || hex_digit(text[i + 1]) < 0 || hex_digit(text[i + 2]) < 0) {
        return false;
      }
      i += 2;
    } else if (!may_stand(text[i])) {
      return false;
    }
  }
  return true;
}

bool is_key(std::string_view text) noexcept {
  return !text.empty() && std::all_of(text.begin(), text.end(), [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
  });
}

rpc_frame to_frame(std::string_view name) noexcept {
  for (std::size_t i = 1; i + 1 < frame_names.size(); ++i) {
    if (frame_names[i] == name) return static_cast<rpc_frame>(i);
  }
  return rpc_frame::unknown;
}

// Which keys have been read, since the first of a repeated one counts.
class seen_keys {
 public:
  bool add(std::string_view key) noexcept {
    const auto bit = key == "id" ? 1U << 26U
                     : key.size() == 1 && key[0] >= 'a' && key[0] <= 'z'
                         ? 1U << static_cast<unsigned>(key[0] - 'a')
                         : 0U;
    return (std::exchange(bits_, bits_ | bit) & bit) == 0;
  }

 private:
  std::uint32_t bits_ = 0;
};

bool take(std::string_view key, std::string_view value, rpc_line& out) noexcept {
  if (key == "id") {
    out.call_id = value;
    return !value.empty();
  }
  if (key.size() != 1) return true;
  switch (key[0]) {
    case 'a':
      return to_number(value, out.attempt) && out.attempt > 0;
    case 'c':
      out.takes_accept = true;
      return true;
    case 'd':
      out.has_item = true;
      return true;
    case 'e':
      out.is_closed = true;
      return true;
    case 'f':
      out.frame = to_frame(value);
      return !value.empty();
    case 'i':
      out.is_idempotent = true;
      return true;
    case 'k':
      out.hash_key = value;
      return !value.empty();
    case 'o':
      out.is_one_way = true;
      return true;
    case 'p':
      return to_number(value, out.priority) && out.priority <= 3;
    case 'r':
      return to_amount(value, out.taken);
    case 's':
      return to_number(value, out.number.emplace());
    case 't':
      return to_number(value, out.timeout_us.emplace());
    case 'w':
      return to_amount(value, out.window);
    default:
      return true;
  }
}

class value_writer {
 public:
  explicit value_writer(std::string& out) noexcept : out_(out) {}
  void flag(char key, bool is_set) {
    if (is_set) name({&key, 1});
  }
  void text(std::string_view key, std::string_view value) {
    if (value.empty()) return;
    name(key);
    out_ += '=';
    out_ += value;
  }
  void number(char key, std::optional<std::uint64_t> value) {
    if (!value) return;
    name({&key, 1});
    out_ += '=';
    digits(*value);
  }
  void amount(char key, const std::optional<rpc_amount>& value) {
    if (!value) return;
    name({&key, 1});
    out_ += '=';
    digits(value->frames);
    out_ += '/';
    digits(value->bytes);
  }

 private:
  void name(std::string_view key) {
    if (!std::exchange(is_first_, false)) out_ += ',';
    out_ += key;
  }
  void digits(std::uint64_t value) {
    std::array<char, 20> buffer{};
    const auto end = std::to_chars(buffer.data(), buffer.data() + buffer.size(), value).ptr;
    out_.append(buffer.data(), end);
  }

  std::string& out_;
  bool is_first_ = true;
};

}  // namespace

std::string_view to_string(rpc_frame frame) noexcept {
  return frame == rpc_frame::none ? "none" : frame_names[static_cast<std::size_t>(frame)];
}

rpc_line_state read_rpc_line(std::string_view header_block, rpc_line& out) noexcept {
  out = {};
  if (!header_block.starts_with(line_start)) return rpc_line_state::absent;
  auto rest = header_block.substr(line_start.size());
  const auto end = rest.find('\r');
  if (end == std::string_view::npos) return rpc_line_state::malformed;
  rest = rest.substr(0, end);

  rpc_line line;
  seen_keys seen;
  for (bool is_more = true; is_more;) {
    const auto comma = rest.find(',');
    is_more = comma != std::string_view::npos;
    const auto pair = rest.substr(0, comma);
    if (is_more) rest.remove_prefix(comma + 1);
    const auto equals = pair.find('=');
    const auto key = pair.substr(0, equals);
    const auto value =
        equals == std::string_view::npos ? std::string_view{} : pair.substr(equals + 1);
    if (!is_key(key) || !is_value(value)) return rpc_line_state::malformed;
    if (seen.add(key) && !take(key, value, line)) return rpc_line_state::malformed;
  }
  out = line;
  return rpc_line_state::present;
}

void append_rpc_line_value(std::string& out, const rpc_line& line) {
  value_writer writer(out);
  if (line.frame != rpc_frame::none) writer.text("f", to_string(line.frame));
  writer.number('t', line.timeout_us);
  writer.flag('c', line.takes_accept);
  writer.flag('i', line.is_idempotent);
  writer.flag('o', line.is_one_way);
  writer.flag('d', line.has_item);
  writer.flag('e', line.is_closed);
  if (line.attempt != 1) writer.number('a', line.attempt);
  if (line.priority != 1) writer.number('p', line.priority);
  writer.number('s', line.number);
  writer.amount('w', line.window);
  writer.amount('r', line.taken);
  writer.text("id", line.call_id);
  writer.text("k", line.hash_key);
}

std::string to_rpc_value(std::string_view text) {
  constexpr std::string_view digits = "0123456789ABCDEF";
  std::string out;
  for (const char c : text) {
    if (may_stand(c)) {
      out += c;
      continue;
    }
    const auto byte = static_cast<unsigned char>(c);
    out += '%';
    out += digits[byte >> 4U];
    out += digits[byte & 15U];
  }
  return out;
}

std::optional<std::string> from_rpc_value(std::string_view value) {
  if (!is_value(value)) return std::nullopt;
  return percent_decode(value);
}

std::string_view to_string(rpc_code code) noexcept {
  return codes[static_cast<std::size_t>(code)].name;
}

std::optional<rpc_code> parse_rpc_code(std::string_view name) noexcept {
  for (std::size_t i = 0; i < codes.size(); ++i) {
    if (codes[i].name == name) return static_cast<rpc_code>(i);
  }
  return std::nullopt;
}

int to_number(rpc_code code) noexcept {
  return codes[static_cast<std::size_t>(code)].number;
}

// Source: docs/rpc-wire.md, section 3, below the table.
rpc_code rpc_code_of(int number) noexcept {
  switch (number) {
    case 400:
      return rpc_code::invalid_argument;
    case 401:
      return rpc_code::unauthenticated;
    case 403:
      return rpc_code::permission_denied;
    case 404:
      return rpc_code::not_found;
    case 408:
    case 504:
      return rpc_code::deadline_exceeded;
    case 409:
      return rpc_code::aborted;
    case 429:
      return rpc_code::resource_exhausted;
    case 499:
      return rpc_code::cancelled;
    case 500:
      return rpc_code::internal;
    case 501:
      return rpc_code::unimplemented;
    case 502:
    case 503:
      return rpc_code::unavailable;
    default:
      return number >= 400 && number < 500 ? rpc_code::failed_precondition : rpc_code::unknown;
  }
}

std::optional<rpc_status> read_rpc_failure(const header_view& headers) {
  rpc_status out;
  bool is_failure = false;
  std::uint32_t seen = 0;
  const auto is_first = [&seen](unsigned which) {
    return (std::exchange(seen, seen | 1U << which) & 1U << which) == 0;
  };
  std::optional<rpc_code> named;
  for (const auto& [key, value] : headers) {
    if (!key.starts_with("Nats-Service-Error") && !key.starts_with("Nuncio-")) {
      if (key == "Content-Type" && is_first(0)) out.details_content_type = value;
    } else if (key == "Nats-Service-Error" && is_first(1)) {
      is_failure = true;
      out.text = value;
    } else if (key == "Nats-Service-Error-Code" && is_first(2)) {
      is_failure = true;
      if (!to_number(value, out.number)) out.number = 0;
    } else if (key == "Nuncio-Status" && is_first(3)) {
      named = parse_rpc_code(value);
    } else if (key == "Nuncio-Executed" && is_first(4)) {
      out.surely_not_run = value == "no";
    } else if (key == "Nuncio-Retry-After" && is_first(5)) {
      std::int64_t milliseconds = 0;
      if (to_number(value, milliseconds)) out.retry_after = std::chrono::milliseconds(milliseconds);
    } else if (key == "Nuncio-Reason" && is_first(6)) {
      out.reason = value;
    } else if (key == "Nuncio-Error-Type" && is_first(7)) {
      out.details_type = value;
    } else if (key == "Nuncio-Instance" && is_first(8)) {
      out.instance = value;
    }
  }
  if (!is_failure) return std::nullopt;
  out.code = named && *named != rpc_code::ok ? *named : rpc_code_of(out.number);
  if (out.details_type.empty()) out.details_content_type.clear();
  return out;
}

rpc_block::rpc_block(const rpc_line& line) {
  text_.reserve(usual_size);
  text_ += line_start;
  const auto size = text_.size();
  append_rpc_line_value(text_, line);
  if (text_.size() == size) {
    text_.clear();  // it says nothing
    return;
  }
  text_ += "\r\n";
  first_ = text_.size();
}

void rpc_block::begin() {
  if (!text_.empty()) return;
  text_ = "NATS/1.0\r\n";
  first_ = text_.size();
}

bool rpc_block::add(std::string_view key, std::string_view value) {
  if (!is_header_key(key)) return false;
  begin();
  text_ += key;
  text_ += ": ";
  for (const char c : value) {
    if (c != '\r' && c != '\n' && c != '\0') text_ += c;
  }
  text_ += "\r\n";
  return true;
}

void rpc_block::add_lines(std::string_view lines) {
  if (lines.empty()) return;
  begin();
  text_ += lines;
}

void rpc_block::add_failure(const rpc_status& status) {
  const auto name = to_string(status.code);
  const auto number = std::to_string(status.number != 0 ? status.number : to_number(status.code));
  add("Nats-Service-Error", status.text.empty() ? name : std::string_view(status.text));
  add("Nats-Service-Error-Code", number);
  add("Nuncio-Status", name);
  if (status.surely_not_run) add("Nuncio-Executed", "no");
  if (status.retry_after) add("Nuncio-Retry-After", std::to_string(status.retry_after->count()));
  if (!status.reason.empty()) add("Nuncio-Reason", status.reason);
  if (!status.instance.empty()) add("Nuncio-Instance", status.instance);
  if (!status.details_type.empty()) {
    add("Nuncio-Error-Type", status.details_type);
    if (!status.details_content_type.empty()) add("Content-Type", status.details_content_type);
  }
}

std::string_view rpc_block::finish() {
  if (!text_.empty() && !std::exchange(is_finished_, true)) text_ += "\r\n";
  return text_;
}

std::string_view rpc_block::lines() const noexcept {
  return std::string_view(text_).substr(first_);
}

}  // namespace nuncio::protocol
