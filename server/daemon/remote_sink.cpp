#include "remote_sink.hpp"

#include "config/address_type.hpp"

#include <fmt/chrono.h>
#include <fmt/format.h>

#include <netdb.h>
#include <poll.h>
#include <syslog.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstring>
#include <memory>
#include <stdexcept>
#include <system_error>
#include <utility>

namespace nuncio::server::daemon {
namespace {

using std::chrono::steady_clock;

constexpr std::chrono::seconds retry_after{5};
constexpr int connect_patience_ms = 2000;
constexpr std::size_t longest_host = 255;

int priority_of(spdlog::level::level_enum level) noexcept {
  switch (level) {
    case spdlog::level::critical:
      return LOG_DAEMON | LOG_CRIT;
    case spdlog::level::err:
      return LOG_DAEMON | LOG_ERR;
    case spdlog::level::warn:
      return LOG_DAEMON | LOG_WARNING;
    case spdlog::level::info:
      return LOG_DAEMON | LOG_INFO;
    default:
      return LOG_DAEMON | LOG_DEBUG;
  }
}

std::string own_name() {
  std::array<char, longest_host + 1> name{};
  ::gethostname(name.data(), name.size() - 1);
  return name.data();
}

}  // namespace

remote_sink::remote_sink(std::string url) : url_(std::move(url)), host_(own_name()) {
  const auto because = [this](const std::string& why) {
    return std::runtime_error("remote_syslog \"" + url_ + "\": " + why);
  };
  const auto where = config::to_syslog_address(url_);
  if (!where) throw because("expected " + std::string(config::syslog_form));
  if (where->is_tcp) kind_ = SOCK_STREAM;

  addrinfo wanted{};
  wanted.ai_socktype = kind_;
  addrinfo* found = nullptr;
  const int failure = ::getaddrinfo(where->host.c_str(), where->port.c_str(), &wanted, &found);
  if (failure != 0) throw because(::gai_strerror(failure));
  const std::unique_ptr<addrinfo, decltype(&::freeaddrinfo)> owned(found, ::freeaddrinfo);
  std::memcpy(&address_, found->ai_addr, found->ai_addrlen);
  address_size_ = found->ai_addrlen;

  connect();
  if (is_connecting_) {
    pollfd one{socket_, POLLOUT, 0};
    ::poll(&one, 1, connect_patience_ms);
  }
  if (!is_connected()) {
    const int error = errno;
    close();
    throw because(is_connecting_ ? "timeout" : std::generic_category().message(error));
  }
}

remote_sink::~remote_sink() {
  close();
}

void remote_sink::close() noexcept {
  if (socket_ >= 0) ::close(std::exchange(socket_, -1));
}

// Begins to; never waits.
void remote_sink::connect() {
  close();
  tried_ = steady_clock::now();
  socket_ = ::socket(address_.ss_family, kind_ | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  if (socket_ < 0) return;
  const auto* const to = reinterpret_cast<const sockaddr*>(&address_);
  is_connecting_ = ::connect(socket_, to, address_size_) != 0;
  if (is_connecting_ && errno != EINPROGRESS) {
    is_connecting_ = false;
    const int error = errno;
    close();
    errno = error;
  }
}

bool remote_sink::is_connected() {
  if (socket_ < 0) return false;
  if (!is_connecting_) return true;
  int error = 0;
  socklen_t size = sizeof error;
  pollfd one{socket_, POLLOUT, 0};
  if (::poll(&one, 1, 0) == 0) return false;
  ::getsockopt(socket_, SOL_SOCKET, SO_ERROR, &error, &size);
  is_connecting_ = false;
  if (error != 0) close();
  errno = error;
  return error == 0;
}

void remote_sink::sink_it_(const spdlog::details::log_msg& line) {
  if (!is_connected()) {
    ++lost_;
    if (steady_clock::now() - tried_ >= retry_after) connect();
    return;
  }
  spdlog::memory_buf_t text;
  formatter_->format(line, text);
  if (!send(line.level, {text.data(), text.size()})) {
    ++lost_;
    return;
  }
  const auto lost = std::exchange(lost_, 0);
  if (lost == 0) return;
  send(spdlog::level::err, fmt::format("{} lines before this one could not be sent\n", lost));
}

// All of it or nothing. What TCP takes only half of breaks the connection, so that no line is half
// of two.
bool remote_sink::send(spdlog::level::level_enum level, std::string_view text) {
  const auto now = std::chrono::system_clock::to_time_t(std::chrono::system_clock::now());
  const auto line = fmt::format("<{}>{:%Y-%m-%dT%H:%M:%SZ} {} nuncio-server[{}]: {}",
                                priority_of(level), fmt::gmtime(now), host_, ::getpid(), text);
  const auto sent = ::send(socket_, line.data(), line.size(), MSG_NOSIGNAL);
  if (sent == static_cast<ssize_t>(line.size())) return true;
  const bool is_full = sent < 0 && (errno == EAGAIN || errno == EWOULDBLOCK);
  if (kind_ == SOCK_STREAM && !is_full) close();
  return false;
}

}  // namespace nuncio::server::daemon
