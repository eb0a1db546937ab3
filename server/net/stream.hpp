#pragma once

#include "auth/certificate_names.hpp"

#include <nuncio/server/access.hpp>
#include <nuncio/server/role.hpp>

#include <boost/asio/io_context.hpp>

#include <sys/uio.h>

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <system_error>

namespace nuncio::server {

struct tls_view;
struct websocket_cookies;
struct websocket_framing;

/// Who waits for a stream. The calls come from the thread of the shard that owns the stream, once
/// for each wait; with `aborted` if the wait was cancelled.
class stream_events {
 public:
  virtual void on_readable(bool aborted) = 0;
  virtual void on_writable(bool aborted) = 0;

 protected:
  stream_events() = default;
  stream_events(const stream_events&) = default;
  stream_events& operator=(const stream_events&) = default;
  ~stream_events() = default;
};

/// A byte stream to a peer. Reading and writing never block.
///
/// Contract: read() says whether more may be had at once. Plain TCP may infer `drained` from a
/// short read; a stream that keeps decrypted or unframed bytes must not, for no readiness comes for
/// them. A `direct` stream may be written by whoever holds its connection's right to send; any
/// other only by its owner.
class stream {
 public:
  enum class status : std::uint8_t {
    more,         ///< more may be there: read again before waiting
    drained,      ///< wait before reading again
    would_block,  ///< nothing moved
    ended,        ///< the peer has closed its side
    failed,       ///< the stream is broken
    violated,     ///< the peer breaks the rules of the stream: see violation()
  };
  struct result {
    std::size_t size = 0;
    status state = status::more;
    bool has_answer = false;  ///< of read(): take_answer() is to be sent
  };
  struct complaint {
    close_reason why = close_reason::protocol_error;
    std::string_view text;  ///< what is wrong, for logs
  };

  stream() = default;
  stream(const stream&) = delete;
  stream& operator=(const stream&) = delete;
  virtual ~stream() = default;

  virtual result read(std::span<char> into) = 0;
  /// Writes as much as the peer takes now.
  virtual result write(const iovec* pieces, std::size_t count) = 0;

  /// At most one wait of each kind at a time.
  virtual void wait_readable(stream_events& who) = 0;
  virtual void wait_writable(stream_events& who) = 0;
  /// Waits that are pending complete as aborted.
  virtual void cancel_waits() = 0;
  /// The stream moves to another shard, with no wait pending: the old owner's thread calls
  /// leave_loop(), then the new one's join_loop(). Writing goes on meanwhile, if it is `direct`.
  virtual void leave_loop() = 0;
  virtual void join_loop(boost::asio::io_context& loop) = 0;
  /// Ends both directions; pending waits complete as aborted, the descriptor stays open.
  virtual void shutdown() = 0;

  [[nodiscard]] virtual bool is_direct() const noexcept = 0;

  // Of streams that have a protocol of their own.

  /// How bytes are put into frames before they are queued; null: they go as they are.
  [[nodiscard]] virtual const websocket_framing* framing() const noexcept { return nullptr; }
  /// What the stream says by itself, ready to be written.
  [[nodiscard]] virtual std::string take_answer() { return {}; }
  /// Its last word, likewise.
  [[nodiscard]] virtual std::string farewell(close_reason) { return {}; }
  [[nodiscard]] virtual complaint violation() const { return {}; }

  /// How its peer came in.
  [[nodiscard]] virtual connection_type type() const noexcept { return connection_type::standard; }
  /// Of a socket that TLS can go over; negative: there is none.
  [[nodiscard]] virtual int descriptor() const noexcept { return -1; }
  /// What the peer's certificate says of who it is; null: it has shown none.
  [[nodiscard]] virtual std::unique_ptr<certificate_names> peer_names() const { return nullptr; }
  /// Of its TLS, and of the peer's certificates if asked; null: there is none.
  [[nodiscard]] virtual std::unique_ptr<tls_view> tls(bool /*with_certificates*/) const {
    return nullptr;
  }
  /// What its cookies say of who it is; null: nothing.
  [[nodiscard]] virtual const websocket_cookies* cookies() const noexcept { return nullptr; }
  /// The address that a proxy names as its; empty: none.
  [[nodiscard]] virtual std::string_view forwarded_for() const noexcept { return {}; }
};

}  // namespace nuncio::server
