// A connection to a server over whatever transport, and how a client opens one.
#pragma once

#include "endpoint.hpp"
#include "layer.hpp"
#include "socket.hpp"

#include <cstdint>
#include <memory>
#include <string_view>
#include <utility>

namespace nuncio::bench {

class connection {
 public:
  // Plain, until something is put between.
  connection(unique_fd fd) : fd_(std::move(fd)) {}  // NOLINT(google-explicit-constructor)

  int fd() const { return fd_.get(); }

  // What a non-blocking call did, as send_some and receive_some of a socket.
  std::size_t send_some(std::string_view bytes) {
    return layer_ == nullptr ? bench::send_some(fd(), bytes) : layer_->send_some(bytes);
  }
  std::size_t receive_some(char* into, std::size_t room) {
    return layer_ == nullptr ? bench::receive_some(fd(), into, room)
                             : layer_->receive_some(into, room);
  }
  bool is_opening() const { return layer_ != nullptr && layer_->is_opening(); }
  bool has_unsent() const { return layer_ != nullptr && layer_->has_unsent(); }
  bool has_more() const { return layer_ != nullptr && layer_->has_more(); }

  // From here on it speaks TLS, beginning with a handshake in its next sends and receives.
  void start_tls(const endpoint& server);

 private:
  friend connection start_connection(const endpoint& server, unsigned source);
  friend connection connect_and_upgrade(const endpoint& server);

  unique_fd fd_;
  std::unique_ptr<layer> layer_;  // uses the descriptor
};

// Starts connecting; a WebSocket's upgrade is said first once that is done.
connection start_connection(const endpoint& server, unsigned source);

// Blocks until everything is written.
void send_all(connection& to, std::string_view bytes);

// What a client says first: neither verbose nor pedantic, with headers.
inline constexpr std::string_view connect_line =
    "CONNECT {\"verbose\":false,\"pedantic\":false,\"headers\":true,\"echo\":true,"
    "\"lang\":\"bench\",\"version\":\"1\"}\r\n";

// A client connection that has got its first PONG; `commands` (SUBs) go before the PING, so that
// they are in force.
connection open_client(const endpoint& server, std::string_view commands = {});

}  // namespace nuncio::bench
