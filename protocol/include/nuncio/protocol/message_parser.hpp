#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

/// The client's side of the protocol: what a server sends, as events.
namespace nuncio::protocol {

/// One MSG or HMSG. The views die with the event.
struct server_message {
  std::string_view subject;       ///< where it was published
  std::string_view sid;           ///< of the subscription that it is for
  std::string_view reply;         ///< empty where there is none
  std::string_view header_block;  ///< empty for MSG
  std::string_view payload;       ///< without the headers
};

/// Something that the server said. The views die with the next event.
struct server_event {
  /// What it was.
  enum class kind : std::uint8_t {
    need_more,  ///< all bytes are used up
    info,       ///< `text` is the JSON object
    message,
    ping,
    pong,
    ok,
    err,        ///< `text` is what was between the quotes
    malformed,  ///< `text` says what is wrong; the stream can't be followed any more
  };

  kind what = kind::need_more;  ///< what it was
  std::string_view text;        ///< of info, err and malformed
  server_message message;       ///< of a message
};

/// The enumerator's name, for logs and test failures.
[[nodiscard]] std::string_view to_string(server_event::kind kind) noexcept;

/// What a server may send; more is malformed.
struct message_limits {
  std::size_t max_line = 256 * 1024;  ///< bytes of one line with its end; INFO is the longest
  std::size_t max_payload = 64UL * 1024 * 1024;  ///< bytes of headers and payload together
};

/// Cuts the bytes of a server into events, wherever reads end.
///
///   parser.feed(bytes);
///   for (auto e = parser.next(); e.what != server_event::kind::need_more; e = parser.next()) …
///
/// Verbs in any case, runs of blanks and a bare LF at the end of a line are accepted. An operation
/// that lies whole in one feed is not copied; of others the parser keeps a copy, which never
/// exceeds max_line + max_payload + 2 bytes. Invariants: at most one operation is kept, always an
/// incomplete one, or the one that was last
///             handed out.
/// Thread:  one at a time.
/// Source:  NATS client protocol; nats.go, parser.go.
class message_parser {
 public:
  /// For one connection, from its first byte on.
  explicit message_parser(message_limits limits = {}) : limits_(limits) {}

  /// Gives the next bytes of the stream.
  /// Pre:     next() said need_more, or nothing was fed before.
  /// Lifetime: the bytes stay valid until next() says need_more.
  void feed(std::string_view bytes);

  /// The next event. Once it is malformed it stays so.
  /// Lifetime: the event's views are valid until the next call of next() or feed().
  /// Cost:    no allocation for an operation that lies in one feed.
  [[nodiscard]] server_event next();

 private:
  void drop_spent();
  server_event from_input();
  server_event from_kept();
  server_event fail(std::string_view why);
  /// Makes `out`, which is new, the event of the operation at the start of `bytes` and `used` its
  /// size; if it is incomplete, `out` is need_more and `needed_` set where it is known.
  void parse_one(std::string_view bytes, server_event& out, std::size_t& used);
  void parse_message(std::string_view line,
                     std::string_view bytes,
                     bool has_header,
                     server_event& out,
                     std::size_t& used);

  message_limits limits_;
  std::string_view input_;    ///< fed and not looked at yet
  std::string kept_;          ///< start of an operation of earlier feeds
  std::size_t needed_ = 0;    ///< size of the operation in kept_; 0: its line isn't whole
  bool is_spent_ = false;     ///< kept_ was handed out
  std::string_view failure_;  ///< not empty: malformed
};

}  // namespace nuncio::protocol
