#pragma once

#include <cstddef>
#include <functional>
#include <span>
#include <string_view>

namespace nuncio::server {

/// The user's end of a connection to a server in the same process: a byte stream without a socket,
/// with a bounded buffer for each direction. server::connect() gives them; the client library takes
/// them by nuncio::client::in_process().
///
/// It may outlive its server, whose end is then over. Nothing here blocks.
/// Thread: one at a time; the server's end has threads of its own.
class in_process_end {
 public:
  /// What a read or write has done.
  struct result {
    std::size_t size = 0;  ///< bytes that were read or taken
    bool is_over = false;  ///< nothing will be read, or taken, any more
  };

  in_process_end() = default;
  in_process_end(const in_process_end&) = delete;
  in_process_end& operator=(const in_process_end&) = delete;
  /// Closes first.
  virtual ~in_process_end() = default;

  /// Who is told that reading, or writing, makes sense again. Before the first of either.
  /// Thread: they are called on the server's threads or within read(), write() and close() of
  ///         others, under a lock: they must post what they want, and do no more.
  virtual void listen(std::function<void()> readable, std::function<void()> writable) = 0;
  /// Takes what is there. If that is nothing, `readable` is called once there is something, or the
  /// end.
  virtual result read(std::span<char> into) = 0;
  /// Gives what there is room for. If that isn't all, `writable` is called once there is more.
  virtual result write(std::string_view bytes) = 0;
  /// The server still gets what was written. Neither function is called any more once it returns.
  virtual void close() noexcept = 0;
};

}  // namespace nuncio::server
