#include "socket.hpp"

#include "failure.hpp"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/socket.h>

#include <cerrno>

namespace nuncio::bench {
namespace {

sockaddr_in loopback(std::uint32_t address, std::uint16_t port) {
  sockaddr_in a{};
  a.sin_family = AF_INET;
  a.sin_port = htons(port);
  a.sin_addr.s_addr = htonl(address);
  return a;
}

// The socket interface wants the general type of address.
const sockaddr* general(const sockaddr_in& a) {
  return reinterpret_cast<const sockaddr*>(&a);
}

void set_option(int fd, int level, int name) {
  const int on = 1;
  if (::setsockopt(fd, level, name, &on, sizeof on) != 0) fail_by_errno("setsockopt");
}

void wait_for(int fd, short events, const char* what) {
  pollfd p{fd, events, 0};
  constexpr int ten_seconds = 10'000;
  const int ready = ::poll(&p, 1, ten_seconds);
  if (ready < 0 && errno != EINTR) fail_by_errno("poll");
  if (ready == 0) fail(std::string("the server took more than 10 s to ") + what);
}

}  // namespace

unique_fd start_connect(std::uint16_t port, unsigned source) {
  unique_fd fd(::socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
  if (!fd) fail_by_errno("socket");
  set_option(fd.get(), IPPROTO_TCP, TCP_NODELAY);
  if (source > 0) {
    set_option(fd.get(), IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT);
    const sockaddr_in from = loopback(INADDR_LOOPBACK + 0x100 - 1 + source, 0);
    if (::bind(fd.get(), general(from), sizeof from) != 0) fail_by_errno("bind");
  }
  const sockaddr_in to = loopback(INADDR_LOOPBACK, port);
  if (::connect(fd.get(), general(to), sizeof to) != 0 && errno != EINPROGRESS) {
    fail_by_errno("connect to port " + std::to_string(port));
  }
  return fd;
}

int connect_error(int fd) {
  int error = 0;
  socklen_t size = sizeof error;
  if (::getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &size) != 0) fail_by_errno("getsockopt");
  return error;
}

unique_fd connect_to(std::uint16_t port, unsigned source) {
  unique_fd fd = start_connect(port, source);
  wait_for(fd.get(), POLLOUT, "accept a connection");
  errno = connect_error(fd.get());
  if (errno != 0) fail_by_errno("connect to port " + std::to_string(port));
  return fd;
}

std::pair<unique_fd, std::uint16_t> listen_on_free_port() {
  unique_fd fd(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  if (!fd) fail_by_errno("socket");
  sockaddr_in a = loopback(INADDR_LOOPBACK, 0);
  socklen_t size = sizeof a;
  if (::bind(fd.get(), general(a), size) != 0) fail_by_errno("bind");
  if (::listen(fd.get(), 16) != 0) fail_by_errno("listen");
  if (::getsockname(fd.get(), reinterpret_cast<sockaddr*>(&a), &size) != 0) {
    fail_by_errno("getsockname");
  }
  return {std::move(fd), ntohs(a.sin_port)};
}

std::size_t send_some(int fd, std::string_view bytes) {
  const ssize_t n = ::send(fd, bytes.data(), bytes.size(), MSG_NOSIGNAL | MSG_DONTWAIT);
  if (n >= 0) return static_cast<std::size_t>(n);
  if (errno == EAGAIN || errno == EINTR) return 0;
  fail_by_errno("send");
}

std::size_t receive_some(int fd, char* into, std::size_t room) {
  const ssize_t n = ::recv(fd, into, room, MSG_DONTWAIT);
  if (n > 0) return static_cast<std::size_t>(n);
  if (n == 0) fail("the server closed a connection");
  if (errno == EAGAIN || errno == EINTR) return 0;
  fail_by_errno("recv");
}

void wait_readable(int fd) {
  wait_for(fd, POLLIN, "answer");
}

void wait_writable(int fd) {
  wait_for(fd, POLLOUT, "take what was sent");
}

}  // namespace nuncio::bench
