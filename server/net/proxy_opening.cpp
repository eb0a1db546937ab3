#include "proxy_opening.hpp"

#include "connection.hpp"
#include "shard.hpp"

#include <poll.h>
#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <string>
#include <utility>

namespace nuncio::server {
namespace {

// For all of a header. Source: nats-server 2.15.2, server/client_proxyproto.go.
constexpr std::chrono::seconds time_for_header{5};
// Of a long one, before others get their turn.
constexpr std::size_t read_at_once = 4096;

bool is_half_closed(int descriptor) {
  pollfd state{descriptor, POLLRDHUP, 0};
  return ::poll(&state, 1, 0) > 0;
}

}  // namespace

std::unique_ptr<opening> make_proxy_opening(connection& of) {
  return std::make_unique<proxy_opening>(of);
}

proxy_opening::proxy_opening(connection& of)
    : waiting_opening(of), deadline_(home.now() + time_for_header) {}

// Who wants TLS first hears nothing before the header; who may want it gets that long to begin.
void proxy_opening::begin() {
  const auto& at = home.rules().standard;
  using first_word = tls_options::first_word;
  if (at.first == first_word::info) greet();
  if (owner.is_ending()) return;
  const bool may_greet_later = at.first == first_word::either;
  set_timer(may_greet_later ? std::min<std::chrono::milliseconds>(time_for_header,
                                                                  at.tls_settings->first_patience)
                            : time_for_header);
  wait_for(1);
}

void proxy_opening::greet() {
  has_greeted_ = true;
  owner.role_->on_open();
}

void proxy_opening::on_timer() {
  if (!is_late()) return;
  if (home.now() >= deadline_) return fail("timeout");
  greet();
  set_timer(std::chrono::ceil<std::chrono::milliseconds>(deadline_ - home.now()));
}

void proxy_opening::on_event() {
  note_event();
  look();
}

void proxy_opening::look() {
  std::array<char, read_at_once> bytes;  // NOLINT(cppcoreguidelines-pro-type-member-init)
  const int descriptor = owner.stream_->descriptor();
  // Only what has a descriptor comes here. NOLINTNEXTLINE(clang-analyzer-unix.StdCLibraryFunctions)
  const auto got = ::recv(descriptor, bytes.data(), bytes.size(), MSG_PEEK);
  if (got == 0) return owner.end(close_reason::client_closed);
  if (got < 0) {
    const bool is_early = errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR;
    return is_early ? wait_for(1) : owner.end(close_reason::read_error);
  }
  const auto size = static_cast<std::size_t>(got);
  const auto progress = header_.feed({bytes.data(), size});
  // It is there: this takes what was looked at.
  if (progress.taken != 0 &&
      ::recv(descriptor, bytes.data(), progress.taken, 0) != static_cast<ssize_t>(progress.taken)) {
    return owner.end(close_reason::read_error);
  }
  switch (progress.now) {
    case proxy_header::state::more:
      // Bytes that stay would end each wait at once, where no more can come.
      if (progress.taken == 0 && is_half_closed(descriptor)) {
        return owner.end(close_reason::client_closed);
      }
      return wait_for(progress.needed);
    case proxy_header::state::malformed:
      return fail(header_.objection());
    case proxy_header::state::complete:
      return on_header();
    case proxy_header::state::absent:
      return go_on();
  }
}

void proxy_opening::on_header() {
  if (const auto& source = header_.source()) {
    const auto proxy = std::exchange(owner.peer_, *source);
    auto& log = home.of().log;
    if (log.enabled(log_level::debug)) {
      log.write(log_level::debug,
                owner.role_->describe() + " - Behind the proxy " + ip_text(proxy.address()));
    }
  }
  go_on();
}

// The connection is another's. Nothing of this is to be touched afterwards.
void proxy_opening::go_on() {
  knows_peer_ = true;
  if (waits_for_more_) wait_for(0);
  stop();
  const auto self = std::move(owner.opening_);
  home.open_further(owner, connection_type::standard, has_greeted_);
}

void proxy_opening::fail(std::string_view why) {
  home.note_rarely(owner, home.of().protocol_error_notice, log_level::warn,
                   "Error reading PROXY protocol header: ", why);
  owner.end(close_reason::protocol_error);
}

// Until so many bytes are there, or no more will come; 0: not at all.
void proxy_opening::wait_for(std::size_t bytes) {
  if (bytes > 1 || waits_for_more_) {
    waits_for_more_ = bytes > 1;
    const int least = std::max(static_cast<int>(bytes), 1);
    ::setsockopt(owner.stream_->descriptor(), SOL_SOCKET, SO_RCVLOWAT, &least, sizeof least);
  }
  if (bytes != 0) wait_readable();
}

}  // namespace nuncio::server
