#pragma once

#include "monitor/http_server.hpp"

#include <boost/asio/io_context.hpp>

#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstdint>
#include <functional>
#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace nuncio::test {

/// Pages on a free port of the loopback. The loop runs while somebody waits for something, on the
/// caller's thread.
class site {
 public:
  using http_server = server::monitor::http_server;

  explicit site(http_server::handler pages, http_server::settings with = {})
      : site_(loop_, at_loopback(std::move(with)), std::move(pages), log_) {
    site_.open();
    site_.start();
  }
  site(const site&) = delete;
  site& operator=(const site&) = delete;
  ~site() {
    site_.stop();
    loop_.poll();
  }

  [[nodiscard]] std::uint16_t port() const noexcept { return site_.port(); }
  [[nodiscard]] std::size_t connections() const noexcept { return site_.connections(); }
  http_server& its_server() noexcept { return site_; }

  /// Runs what there is to do; waits a little for more.
  void turn() {
    loop_.restart();
    loop_.run_for(std::chrono::milliseconds(1));
  }
  /// Until it is so. A test that waits in vain ends at its time limit.
  void until(const std::function<bool()>& is_so) {
    while (!is_so()) turn();
  }

 private:
  static http_server::settings at_loopback(http_server::settings with) {
    with.host = "127.0.0.1";
    return with;
  }

  boost::asio::io_context loop_{1};
  server::silent_log log_;
  http_server site_;
};

/// A client's socket that never blocks.
class visitor {
 public:
  explicit visitor(std::uint16_t port, int receive_buffer = 0)
      : descriptor_(::socket(AF_INET, SOCK_STREAM, 0)) {
    if (receive_buffer != 0) {
      ::setsockopt(descriptor_, SOL_SOCKET, SO_RCVBUF, &receive_buffer, sizeof receive_buffer);
    }
    sockaddr_in at{};
    at.sin_family = AF_INET;
    at.sin_port = htons(port);
    at.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    if (::connect(descriptor_, reinterpret_cast<const sockaddr*>(&at), sizeof at) != 0) {
      throw std::runtime_error("connect");
    }
  }
  visitor(const visitor&) = delete;
  visitor& operator=(const visitor&) = delete;
  ~visitor() { ::close(descriptor_); }

  [[nodiscard]] int descriptor() const noexcept { return descriptor_; }

  void say(std::string_view text) const {
    if (::send(descriptor_, text.data(), text.size(), MSG_NOSIGNAL) < 0) {
      throw std::runtime_error("send");
    }
  }
  /// Takes what has come.
  void look() {
    std::array<char, 65536> bytes{};
    for (;;) {
      const auto got = ::recv(descriptor_, bytes.data(), bytes.size(), MSG_DONTWAIT);
      if (got < 0 && (errno == EAGAIN || errno == EWOULDBLOCK)) return;
      if (got <= 0) {
        is_over_ = true;
        return;
      }
      heard_.append(bytes.data(), static_cast<std::size_t>(got));
    }
  }
  /// The other side has closed.
  [[nodiscard]] bool is_over() {
    look();
    return is_over_;
  }
  /// An answer is there, as long as its Content-Length says.
  [[nodiscard]] bool has_answer(bool has_body = true) {
    look();
    const auto head = heard_.find("\r\n\r\n");
    if (head == std::string::npos) return false;
    const std::string_view name = "Content-Length: ";
    const auto length = heard_.find(name);
    const auto size = std::stoul(heard_.substr(length + name.size()));
    return heard_.size() >= head + 4 + (has_body ? size : 0);
  }
  [[nodiscard]] std::string take() { return std::exchange(heard_, {}); }

 private:
  const int descriptor_;
  std::string heard_;
  bool is_over_ = false;
};

}  // namespace nuncio::test
