#pragma once

#include <nuncio/protocol/url.hpp>

#include <boost/asio/any_completion_handler.hpp>
#include <boost/asio/any_io_executor.hpp>
#include <boost/system/error_code.hpp>

#include <cstddef>
#include <functional>
#include <memory>
#include <span>
#include <string_view>

namespace nuncio::client {

/// What a session needs of a byte stream to a server. The library brings TCP; others can be plugged
/// in by options::open_stream.
///
/// Operations complete on the executor that the stream was made for, never from within the call
/// that starts them. One read and one write may be under way at a time.
/// Thread: one at a time.
class transport {
 public:
  /// Gets how many bytes were read or written.
  using handler = boost::asio::any_completion_handler<void(boost::system::error_code, std::size_t)>;

  transport() = default;
  transport(const transport&) = delete;
  transport& operator=(const transport&) = delete;
  virtual ~transport() = default;

  /// Reads at least one byte.
  /// Lifetime: `into` until `done` is called.
  virtual void async_read_some(std::span<char> into, handler done) = 0;
  /// Writes all of `bytes`.
  /// Lifetime: `bytes` until `done` is called.
  virtual void async_write(std::string_view bytes, handler done) = 0;
  /// Ends what is under way with operation_aborted, and the stream. May be called twice.
  virtual void close() noexcept = 0;
};

using stream_handler = boost::asio::any_completion_handler<void(boost::system::error_code,
                                                                std::unique_ptr<transport>)>;

/// Opens a byte stream to a server: the plain one, in the place of TCP. TLS and WebSocket lie over
/// it where the URL, the options or the server ask for that.
///
/// It completes once, on `executor`, never from within the call; without an error it gives a
/// stream. Cancel:  the handler's slot, terminal: it must complete soon then, with
/// operation_aborted. Lifetime: `server` until the call returns. Thread:  the connection's
/// executor.
using stream_opener = std::function<void(const protocol::server_url& server,
                                         const boost::asio::any_io_executor& executor,
                                         stream_handler done)>;

/// Opens TCP to the URL's host and port, as a connection does by itself.
/// Errors:  of name resolution and sockets.
void open_stream(const protocol::server_url& server,
                 const boost::asio::any_io_executor& executor,
                 stream_handler done);

}  // namespace nuncio::client
