#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string>
#include <string_view>

#ifdef __SSE2__
#include <emmintrin.h>
#endif

#include <nuncio/protocol/error.hpp>
#include <nuncio/protocol/limits.hpp>
#include <nuncio/protocol/ops.hpp>

/// The server's side of the client protocol: bytes in, operations out.
///
/// No state survives between two calls but what the caller keeps: the bytes that were not consumed,
/// and how many are needed before it is worth trying again. So any cut gives the same operations.
/// The bytes must be followed by `parser_padding` readable ones, since they are scanned in vectors.
/// Source: nats-server 2.15.2, server/parser.go, with its odd corners checked against a live one.
namespace nuncio::protocol {

/// Bytes behind the input that must be readable; their values don't matter.
inline constexpr std::size_t parser_padding = 64;

/// What the one who handles an operation wants next.
enum class flow : std::uint8_t {
  go_on,
  suspended,  ///< stop after this operation; the rest is parsed later
  again,      ///< stop before this operation; it is parsed once more, later
  closed,     ///< the connection is over; the rest is nobody's
};

/// What a client may send; more is an error.
struct parse_limits {
  std::uint32_t max_control_line = default_max_control_line;  ///< bytes of arguments
  std::int64_t max_payload = default_max_payload;             ///< bytes; negative: unlimited
  bool headers = false;                                       ///< HPUB is allowed
};

/// How far the parser has come.
struct parse_result {
  std::size_t consumed = 0;  ///< bytes of whole operations
  /// Bytes from the first unconsumed one that make the next operation whole, where that is known;
  /// 0 if another line end must come first.
  std::size_t needed = 0;
  flow next = flow::go_on;  ///< what the last handler wanted
};

namespace detail {

/// Verbs that are not worth a fast path, already cut into arguments.
enum class verb : std::uint8_t {
  pub,
  sub,
  unsub,
  connect,
  ping,
  pong,
  ok,
  info,
  err,
  incomplete,
  bad
};

struct parsed_line {
  verb what = verb::bad;
  errc error = errc::none;
  std::size_t line_size = 0;  ///< with its line end
  std::string_view argument;  ///< JSON of CONNECT and INFO, text of -ERR
  ops::pub pub;               ///< body and tail are not set
  std::uint32_t size = 0;
  ops::sub sub;
  ops::unsub unsub;
};

/// Any line, the slow way. Sets `what` and `error`, and of the rest what belongs to `what`.
void parse_line(const char* data, std::size_t size, const parse_limits& limits, parsed_line& out);

/// -1 unless `text` is 1 to 9 digits.
inline std::int64_t parse_size(const char* text, std::size_t size) noexcept {
  if (size == 0 || size > max_size_digits) return -1;
  std::int64_t value = 0;
  for (std::size_t i = 0; i < size; ++i) {
    const auto digit = static_cast<unsigned>(static_cast<unsigned char>(text[i])) - '0';
    if (digit > 9) return -1;
    value = value * 10 + digit;
  }
  return value;
}

/// Bit i is set if byte i of the 16 at `data` is a blank or a control character.
inline unsigned blanks16(const char* data) noexcept {
#ifdef __SSE2__
  const __m128i bytes = _mm_loadu_si128(reinterpret_cast<const __m128i*>(data));
  const __m128i capped = _mm_min_epu8(bytes, _mm_set1_epi8(' '));
  return static_cast<unsigned>(_mm_movemask_epi8(_mm_cmpeq_epi8(capped, bytes)));
#else
  unsigned mask = 0;
  for (unsigned i = 0; i < 16; ++i) {
    mask |= static_cast<unsigned>(static_cast<unsigned char>(data[i]) <= ' ') << i;
  }
  return mask;
#endif
}

/// Cuts `subject[ reply][ header] size CRLF`, single blanks only; false if the line is incomplete
/// or spelled in another way. Fields may be empty.
struct fast_fields {
  std::uint32_t end[4];  ///< offset of the delimiter behind each field
  unsigned count = 0;

  [[nodiscard]] std::uint32_t begin(unsigned i) const noexcept {
    return i == 0 ? 0 : end[i - 1] + 1;
  }
};
inline bool cut_fields(const char* text, const char* end, fast_fields& out) noexcept {
  unsigned count = 0;
  for (const char* at = text; at < end; at += 16) {
    for (unsigned mask = blanks16(at); mask != 0; mask &= mask - 1) {
      const char* delimiter = at + __builtin_ctz(mask);
      out.end[count++] = static_cast<std::uint32_t>(delimiter - text);
      if (*delimiter == ' ') {
        if (count == 4) return false;
        continue;
      }
      out.count = count;
      return delimiter + 1 < end && *delimiter == '\r' && delimiter[1] == '\n';
    }
  }
  return false;
}

inline std::uint32_t load4(const char* data) noexcept {
  std::uint32_t value = 0;
  std::memcpy(&value, data, 4);
  return value;
}

constexpr std::uint32_t word(char a, char b, char c, char d) noexcept {
  return static_cast<std::uint32_t>(static_cast<unsigned char>(a)) |
         static_cast<std::uint32_t>(static_cast<unsigned char>(b)) << 8 |
         static_cast<std::uint32_t>(static_cast<unsigned char>(c)) << 16 |
         static_cast<std::uint32_t>(static_cast<unsigned char>(d)) << 24;
}

}  // namespace detail

/// Appends to `out` what `tail` of the operation would be, had the publisher used single blanks.
void render_tail(const ops::pub& op, std::string& out);
/// The same for a receiver that can't take headers: the block is left out, the size reduced.
void render_stripped_tail(const ops::pub& op, std::string& out);

/// Hands every whole operation in `data` to `handler`, until it says otherwise.
///
/// `Handler` has `flow on_pub(const ops::pub&)`, `on_sub(const ops::sub&)`, `on_unsub(const
/// ops::unsub&)`, `on_connect(std::string_view json)`, `on_info(std::string_view json)`,
/// `on_ping()`, `on_pong()`, and `on_error(errc)`, after which parsing ends. +OK is skipped. Who
/// wants to know what the peer's -ERR says has `on_peer_error(std::string_view text)`, too.
/// `limits` is read anew for each operation: CONNECT may change it.
template <class Handler>
parse_result parse(const char* data,
                   std::size_t size,
                   const parse_limits& limits,
                   Handler& handler) {
  using namespace detail;
  const char* at = data;
  const char* const end = data + size;
  parse_result result;
  parsed_line line;

  // Whether the body and its line end are there; if not, `result` says why.
  const auto is_whole = [&](const char* body, std::size_t body_size) {
    if (limits.max_payload >= 0 && static_cast<std::int64_t>(body_size) > limits.max_payload) {
      result.next = handler.on_error(errc::max_payload);
      return false;
    }
    const auto there = static_cast<std::size_t>(end - body);
    if (there < body_size + 2) {
      result.needed = static_cast<std::size_t>(body - at) + body_size + 2;
      // A wrong byte is known to be wrong before its partner has come.
      if (there == body_size + 1 && body[body_size] != '\r') {
        result.next = handler.on_error(errc::unknown_operation);
      }
      return false;
    }
    if (body[body_size] != '\r' || body[body_size + 1] != '\n') {
      result.next = handler.on_error(errc::unknown_operation);
      return false;
    }
    return true;
  };
  // True if the next operation may follow.
  const auto hand_over = [&](const ops::pub& op) {
    result.next = handler.on_pub(op);
    if (result.next == flow::again) return false;
    at = op.body.data() + op.body.size() + 2;
    return result.next == flow::go_on;
  };

  while (at != end) {
    const std::uint32_t verb4 = load4(at) | word(' ', ' ', ' ', '\0');
    const bool is_pub = verb4 == word('p', 'u', 'b', ' ');
    const bool is_hpub = !is_pub && limits.headers &&
                         (verb4 | word('\0', '\0', '\0', ' ')) == word('h', 'p', 'u', 'b') &&
                         at[4] == ' ';
    if (is_pub || is_hpub) {
      const char* const text = at + (is_pub ? 4 : 5);
      fast_fields fields;
      if (text < end && cut_fields(text, end, fields) &&
          fields.end[fields.count - 1] <= limits.max_control_line) {
        // Fields from the back: size, header size (HPUB), reply (optional), subject.
        const unsigned names = fields.count - (is_pub ? 1 : 2);
        const auto field = [&](unsigned i) {
          const auto from = fields.begin(i);
          return std::string_view{text + from, fields.end[i] - from};
        };
        const bool named =
            fields.end[0] != 0 && (names == 1 || (names == 2 && fields.end[1] != fields.begin(1)));
        if (named) {
          const auto subject = field(0);
          const auto size_text = field(fields.count - 1);
          const std::int64_t body_size = parse_size(size_text.data(), size_text.size());
          const auto header_text = is_hpub ? field(fields.count - 2) : std::string_view{};
          const std::int64_t header_size =
              is_hpub ? parse_size(header_text.data(), header_text.size()) : 0;
          const bool plain = is_pub || header_size > 0;
          if (body_size >= 0 && header_size <= body_size && plain) {
            const char* const body = text + fields.end[fields.count - 1] + 2;
            const auto length = static_cast<std::size_t>(body_size);
            if (!is_whole(body, length)) break;
            // Written once and in order: clearing or copying the struct would cost as much as all
            // the rest of this path.
            const char* const tail = subject.data() + subject.size() + 1;
            const ops::pub op{.subject = subject,
                              .reply = names == 2 ? field(1) : std::string_view{},
                              .header_text = header_text,
                              .size_text = size_text,
                              .body = {body, length},
                              .header_size = static_cast<std::uint32_t>(header_size),
                              .tail = {tail, static_cast<std::size_t>(body - tail) + length + 2}};
            if (hand_over(op)) continue;
            break;
          }
        }
      }
    }

    parse_line(at, static_cast<std::size_t>(end - at), limits, line);
    if (line.error != errc::none) {
      result.next = handler.on_error(line.error);
      break;
    }
    if (line.what == verb::incomplete) break;
    if (line.what == verb::pub) {
      line.pub.body = {at + line.line_size, line.size};
      // NOLINTNEXTLINE(bugprone-suspicious-stringview-data-usage): the line knows the size
      if (is_whole(line.pub.body.data(), line.size) && hand_over(line.pub)) continue;
      break;
    }
    switch (line.what) {
      case verb::sub:
        result.next = handler.on_sub(line.sub);
        break;
      case verb::unsub:
        result.next = handler.on_unsub(line.unsub);
        break;
      case verb::connect:
        result.next = handler.on_connect(line.argument);
        break;
      case verb::info:
        result.next = handler.on_info(line.argument);
        break;
      case verb::ping:
        result.next = handler.on_ping();
        break;
      case verb::pong:
        result.next = handler.on_pong();
        break;
      case verb::err:
        if constexpr (requires { handler.on_peer_error(line.argument); }) {
          result.next = handler.on_peer_error(line.argument);
        } else {
          result.next = handler.on_error(errc::peer_error);
        }
        break;
      default:
        break;
    }
    if (result.next != flow::again) at += line.line_size;
    if (result.next != flow::go_on) break;
  }
  result.consumed = static_cast<std::size_t>(at - data);
  return result;
}

}  // namespace nuncio::protocol
