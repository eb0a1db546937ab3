// Loopback TCP sockets: owning a descriptor, connecting, sending and receiving what can be.
#pragma once

#include <unistd.h>

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>

namespace nuncio::bench {

class unique_fd {
 public:
  unique_fd() = default;
  explicit unique_fd(int fd) : fd_(fd) {}
  unique_fd(unique_fd&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}
  unique_fd& operator=(unique_fd&& other) noexcept {
    if (this != &other) reset(std::exchange(other.fd_, -1));
    return *this;
  }
  ~unique_fd() { reset(); }

  int get() const { return fd_; }
  explicit operator bool() const { return fd_ >= 0; }
  void reset(int fd = -1) {
    if (fd_ >= 0) ::close(fd_);
    fd_ = fd;
  }

 private:
  int fd_ = -1;
};

// Starts a non-blocking connect to 127.0.0.1. A source above zero binds to 127.0.1.<source> first:
// ports are few per pair of addresses, connections in time-wait many.
unique_fd start_connect(std::uint16_t port, unsigned source = 0);

// The error a non-blocking connect ended with, 0 when it succeeded.
int connect_error(int fd);

// Blocks until the connection stands.
unique_fd connect_to(std::uint16_t port, unsigned source = 0);

// A listener on a free port of 127.0.0.1 (blocking).
std::pair<unique_fd, std::uint16_t> listen_on_free_port();

// What a non-blocking call did: a closed connection is never expected, hence a failure.
// Both return 0 when the call would block.
std::size_t send_some(int fd, std::string_view bytes);
std::size_t receive_some(int fd, char* into, std::size_t room);

// Block until the descriptor can be read or written; a failure after ten seconds.
void wait_readable(int fd);
void wait_writable(int fd);

}  // namespace nuncio::bench
