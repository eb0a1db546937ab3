#pragma once

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <stdexcept>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>

namespace nuncio::test {

/// Fields of CONNECT of a client that gets no +OK.
inline constexpr std::string_view quiet = R"("verbose":false,"pedantic":false,"headers":true)";

/// A blocking socket to a server on this machine, and lines. Throws std::runtime_error where a
/// server that works would not let it, and when nothing comes for half a minute: a test fails then
/// instead of hanging.
class raw_client {
 public:
  /// Not connected yet.
  raw_client() : descriptor_(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
    if (descriptor_ < 0) fail("socket");
    const timeval patience{30, 0};
    ::setsockopt(descriptor_, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
    const int on = 1;
    ::setsockopt(descriptor_, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  }
  explicit raw_client(std::uint16_t port) : raw_client() { connect(port); }

  void connect(std::uint16_t port) {
    sockaddr_in to{};
    to.sin_family = AF_INET;
    to.sin_port = htons(port);
    to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    if (::connect(descriptor_, reinterpret_cast<const sockaddr*>(&to), sizeof to) != 0)
      fail("connect");
  }
  raw_client(raw_client&& other) noexcept
      : descriptor_(std::exchange(other.descriptor_, -1)), buffer_(std::move(other.buffer_)) {}
  raw_client& operator=(raw_client&& other) noexcept {
    std::swap(descriptor_, other.descriptor_);
    std::swap(buffer_, other.buffer_);
    return *this;
  }
  raw_client(const raw_client&) = delete;
  raw_client& operator=(const raw_client&) = delete;
  ~raw_client() { close(); }

  [[nodiscard]] int descriptor() const noexcept { return descriptor_; }

  void send(std::string_view bytes) {
    if (!try_send(bytes)) fail("send");
  }
  /// False if the server has closed or reset.
  bool try_send(std::string_view bytes) {
    while (!bytes.empty()) {
      const auto sent = ::send(descriptor_, bytes.data(), bytes.size(), MSG_NOSIGNAL);
      if (sent < 0 && errno == EINTR) continue;
      if (sent <= 0) return false;
      bytes.remove_prefix(static_cast<std::size_t>(sent));
    }
    return true;
  }

  /// The next line, without its CRLF.
  std::string read_line() {
    std::size_t end = 0;
    while ((end = buffer_.find("\r\n")) == std::string::npos) {
      if (!read_more()) throw std::runtime_error("closed after \"" + buffer_ + "\"");
    }
    std::string line = buffer_.substr(0, end);
    buffer_.erase(0, end + 2);
    return line;
  }
  std::string read_exactly(std::size_t size) {
    while (buffer_.size() < size) {
      if (!read_more()) throw std::runtime_error("closed in the middle of a payload");
    }
    std::string bytes = buffer_.substr(0, size);
    buffer_.erase(0, size);
    return bytes;
  }
  /// Everything up to and without the first line that is `last`.
  std::string read_until(std::string_view last) {
    std::string all;
    for (auto line = read_line(); line != last; line = read_line()) all.append(line).append("\r\n");
    return all;
  }
  /// What comes until the server closes; a reset counts as closing.
  std::string read_to_end() {
    while (read_more()) {
    }
    return std::exchange(buffer_, {});
  }

  /// Everything that comes before the answer to a PING.
  std::string ping() {
    send("PING\r\n");
    return read_until("PONG");
  }
  /// Takes INFO, sends CONNECT with these fields and waits until it is done; returns INFO.
  std::string handshake(std::string_view fields = quiet) {
    std::string info = read_line();
    send(std::string("CONNECT {").append(fields).append("}\r\n"));
    ping();
    return info;
  }

  /// A closed socket that says so by a reset, whatever was under way.
  void reset() {
    const linger at_once{1, 0};
    ::setsockopt(descriptor_, SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once);
    close();
  }
  void close() {
    if (descriptor_ >= 0) ::close(descriptor_);
    descriptor_ = -1;
  }
  /// Nothing more will be sent.
  void finish_sending() { ::shutdown(descriptor_, SHUT_WR); }
  /// Bytes that the kernel keeps for us; small ones fill soon.
  void limit_receive_buffer(int bytes) {
    ::setsockopt(descriptor_, SOL_SOCKET, SO_RCVBUF, &bytes, sizeof bytes);
  }

 private:
  bool read_more() {
    char bytes[16 * 1024];
    for (;;) {
      const auto got = ::recv(descriptor_, bytes, sizeof bytes, 0);
      if (got < 0 && errno == EINTR) continue;
      if (got < 0 && (errno == EAGAIN || errno == EWOULDBLOCK)) {
        throw std::runtime_error("nothing came for half a minute after \"" +
                                 buffer_.substr(0, 200) + "\"");
      }
      if (got <= 0) return false;
      buffer_.append(bytes, static_cast<std::size_t>(got));
      return true;
    }
  }
  [[noreturn]] static void fail(const char* what) {
    throw std::system_error(errno, std::generic_category(), what);
  }

  int descriptor_;
  std::string buffer_;
};

/// A client that has said CONNECT.
inline raw_client connected(std::uint16_t port, std::string_view fields = quiet) {
  raw_client client(port);
  client.handshake(fields);
  return client;
}

}  // namespace nuncio::test
