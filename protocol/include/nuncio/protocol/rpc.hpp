#pragma once

#include <nuncio/protocol/headers.hpp>

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

/// What an RPC says in headers: the `Nuncio` line, status codes and how a failure is written.
/// Source: docs/rpc-wire.md.
namespace nuncio::protocol {

/// What a message of a call is, the key `f`.
enum class rpc_frame : std::uint8_t {
  none,     ///< no `f`: a unary request
  server,   ///< opens a stream of the service's items
  client,   ///< opens a stream of the caller's items
  bidi,     ///< opens streams of both
  accept,   ///< the service has taken the call; the reply subject is where to control it
  data,     ///< an item
  ack,      ///< items were taken
  ping,     ///< is anybody there?
  end,      ///< no more items of the sender; the service's ends the call
  cancel,   ///< the result is not wanted any more
  drain,    ///< the instance is about to leave
  unknown,  ///< of a later version
};

/// As it stands behind `f`.
[[nodiscard]] std::string_view to_string(rpc_frame frame) noexcept;

/// A number of items and the bytes of their payloads.
struct rpc_amount {
  std::uint64_t frames = 0;  ///< items
  std::uint64_t bytes = 0;   ///< of their payloads

  friend bool operator==(const rpc_amount&, const rpc_amount&) = default;
};

/// The `Nuncio` line, taken apart. Views point to where it was read from.
struct rpc_line {
  rpc_frame frame = rpc_frame::none;        ///<`f`
  std::optional<std::uint64_t> timeout_us;  ///< `t`: microseconds until the caller gives up
  bool takes_accept = false;            ///< `c`: an interim `accept` to a unary call is understood
  bool is_idempotent = false;           ///< `i`
  bool is_one_way = false;              ///< `o`: no answer, in spite of the reply subject
  bool has_item = false;                ///< `d`: an opening's payload is the first item
  bool is_closed = false;               ///< `e`: the sender has closed its direction
  std::uint8_t priority = 1;            ///< `p`, 0 (most important) to 3
  std::uint32_t attempt = 1;            ///< `a`
  std::optional<std::uint64_t> number;  ///< `s`: of the sender's last data frame
  std::optional<rpc_amount> window;     ///< `w`: granted to who gets this
  std::optional<rpc_amount> taken;      ///< `r`: by the application so far
  std::string_view call_id;             ///< `id`, as it was written
  std::string_view hash_key;            ///< `k`, as it was written

  friend bool operator==(const rpc_line&, const rpc_line&) = default;
};

/// What there is of the line.
enum class rpc_line_state : std::uint8_t {
  absent,  ///< the block doesn't begin with it: a classic peer
  malformed,
  present,
};

/// Reads the line, which is the first header of a block or isn't there.
///
/// `out` is defaults unless it is present.
/// Cost:    a compare at a fixed place where there is none.
/// Thread:  any.
[[nodiscard]] rpc_line_state read_rpc_line(std::string_view header_block, rpc_line& out) noexcept;

/// Appends the value of the line, without name and line end.
/// Pre:     `call_id` and `hash_key` hold nothing but what to_rpc_value() lets pass.
void append_rpc_line_value(std::string& out, const rpc_line& line);

/// `text` as a value of the line: what may not stand there is percent-encoded.
[[nodiscard]] std::string to_rpc_value(std::string_view text);
/// The text that to_rpc_value() was given; nothing if it can't have been.
[[nodiscard]] std::optional<std::string> from_rpc_value(std::string_view value);

/// How a call ended. Names and meanings are those of gRPC.
enum class rpc_code : std::uint8_t {
  ok = 0,
  cancelled,
  unknown,
  invalid_argument,
  deadline_exceeded,
  not_found,
  already_exists,
  permission_denied,
  resource_exhausted,
  failed_precondition,
  aborted,
  out_of_range,
  unimplemented,
  internal,
  unavailable,
  data_loss,
  unauthenticated,
};

/// `DEADLINE_EXCEEDED` and so on.
[[nodiscard]] std::string_view to_string(rpc_code code) noexcept;
/// Nothing for an unknown name.
[[nodiscard]] std::optional<rpc_code> parse_rpc_code(std::string_view name) noexcept;
/// The number in `Nats-Service-Error-Code`; 200 for ok.
[[nodiscard]] int to_number(rpc_code code) noexcept;
/// What a number of a peer without names means.
[[nodiscard]] rpc_code rpc_code_of(int number) noexcept;

/// How a call ended, and everything that was said about it.
struct rpc_status {
  rpc_code code = rpc_code::ok;  ///< what programs decide by
  /// As on the wire; 0: that of the code. A classic service may send any.
  int number = 0;
  std::string text;             ///< for people
  bool surely_not_run = false;  ///< the handler didn't run for this call
  std::string reason;           ///< for programs, e.g. `overloaded`
  /// When to try again; negative: never. Nothing: the caller decides.
  std::optional<std::chrono::milliseconds> retry_after;
  std::string instance;              ///< of the service
  std::string details_type;          ///< names what `details` are; empty where there are none
  std::string details;               ///< encoded
  std::string details_content_type;  ///< how `details` are encoded

  /// Whether it isn't a failure.
  [[nodiscard]] bool is_ok() const noexcept { return code == rpc_code::ok; }
  friend bool operator==(const rpc_status&, const rpc_status&) = default;
};

/// The failure that a header block tells of; nothing if it tells of none.
/// The details are the payload and not touched.
[[nodiscard]] std::optional<rpc_status> read_rpc_failure(const header_view& headers);

/// Writes a header block, the line first.
///
///   rpc_block block({.timeout_us = 50'000, .takes_accept = true});
///   block.add("traceparent", "00-…");
///   append_hpub(out, subject, reply, block.finish(), payload);
class rpc_block {
 public:
  /// A block without a line.
  rpc_block() = default;
  /// A block that begins with this line.
  explicit rpc_block(const rpc_line& line);

  /// Appends a header. CR, LF and NUL are left out of the value.
  /// Errors:  false, and nothing is added, unless is_header_key(key).
  bool add(std::string_view key, std::string_view value);
  /// Appends lines that are whole already, as rpc_block::lines() gives them.
  void add_lines(std::string_view lines);
  /// Appends all that read_rpc_failure() reads.
  /// Pre:     it isn't ok.
  void add_failure(const rpc_status& status);

  /// Whether it has neither a line nor headers.
  [[nodiscard]] bool empty() const noexcept { return text_.empty(); }
  /// The block; empty if it has no line and no header.
  /// Lifetime: until the next call.
  [[nodiscard]] std::string_view finish();
  /// What was added besides the line.
  [[nodiscard]] std::string_view lines() const noexcept;

 private:
  void begin();

  std::string text_;
  std::size_t first_ = 0;  // where the lines begin
  bool is_finished_ = false;
};

}  // namespace nuncio::protocol
