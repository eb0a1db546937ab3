#include "http_connection.hpp"

#include <boost/asio/ip/address.hpp>
#include <boost/asio/post.hpp>

#include <sys/socket.h>
#include <sys/uio.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <utility>

namespace nuncio::server::monitor {
namespace {

constexpr char first_of_handshake = 22;              // Source: RFC 8446, section 5.1
constexpr std::size_t piece_size = 64UL * 1024;      // for which a client has its time
constexpr std::size_t turn_size = 1024UL * 1024;     // sent before others get their turn
constexpr std::size_t most_drained = 1024UL * 1024;  // of what nobody reads
constexpr std::chrono::milliseconds linger_time{500};

stream::result outcome_of(ssize_t moved) noexcept {
  if (moved > 0) return {static_cast<std::size_t>(moved), stream::status::more};
  if (moved == 0) return {0, stream::status::ended};
  const bool would_block = errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR;
  return {0, would_block ? stream::status::would_block : stream::status::failed};
}

bool is_broken(stream::status state) noexcept {
  return state == stream::status::ended || state == stream::status::failed ||
         state == stream::status::violated;
}

}  // namespace

http_connection::http_connection(http_connections& of, http_connections::socket opened)
    : all_(of),
      socket_(std::move(opened)),
      timer_(socket_.get_executor()),
      reader_(of.settings().base_path) {}

void http_connection::begin() {
  const auto& settings = all_.settings();
  enter(settings.tls ? phase::greeting : phase::reading, settings.header_timeout);
  await_readable();
}

// Nothing of the set is to be touched afterwards.
void http_connection::close() {
  if (std::exchange(phase_, phase::over) == phase::over) return;
  timer_.cancel();
  if (tls_ != nullptr) tls_->say_goodbye();
  boost::system::error_code ignored;
  socket_.close(ignored);
  body_ = {};
  all_.remove(*this);
}

void http_connection::enter(phase next, duration patience) {
  phase_ = next;
  since_ = all_.next_turn();
  set_timer(patience);
}

// At most one wait at a time.
void http_connection::await(http_connections::socket::wait_type what) {
  socket_.async_wait(what, [self = shared_from_this()](const boost::system::error_code& failure) {
    if (self->phase_ == phase::over) return;
    if (failure) return self->close();
    self->go_on();
  });
}

void http_connection::set_timer(duration patience) {
  timer_.expires_after(patience);
  timer_.async_wait([self = shared_from_this()](const boost::system::error_code& failure) {
    // It may have been set anew since this was on its way.
    const bool is_late = self->timer_.expiry() <= boost::asio::steady_timer::clock_type::now();
    if (!failure && is_late) self->close();
  });
}

void http_connection::go_on() {
  switch (phase_) {
    case phase::greeting:
      return look_at_first_byte();
    case phase::shaking:
      return shake_hands();
    case phase::reading:
      return read_request();
    case phase::sending:
      return send_answer();
    case phase::lingering:
      return drain();
    case phase::asking:
    case phase::over:
      return;
  }
}

// --- TLS -----------------------------------------------------------------------------------------

void http_connection::look_at_first_byte() {
  char first = 0;
  const auto got = outcome_of(::recv(socket_.native_handle(), &first, 1, MSG_PEEK));
  if (got.state == stream::status::would_block) return await_readable();
  if (is_broken(got.state)) return close();
  if (first != first_of_handshake) {
    fail_handshake("client sent an HTTP request to an HTTPS server");
    form_.keeps_alive = is_complete_ = false;
    return answer(plain_answer(400, "Client sent an HTTP request to an HTTPS server.\n"));
  }
  tls_ = std::make_unique<tls_session>(all_.settings().tls(), socket_.native_handle());
  tls_->ask_no_certificate();
  enter(phase::shaking, all_.settings().header_timeout);
  shake_hands();
}

void http_connection::shake_hands() {
  switch (tls_->handshake()) {
    case tls_session::step::wants_read:
      return await_readable();
    case tls_session::step::wants_write:
      return await_writable();
    case tls_session::step::failed:
      fail_handshake(tls_->failure());
      return close();
    case tls_session::step::done:
      enter(phase::reading, all_.settings().header_timeout);
      return read_request();
  }
}

void http_connection::fail_handshake(const std::string& why) {
  boost::system::error_code failure;
  const auto peer = socket_.remote_endpoint(failure);
  const std::string whose = failure ? "a client" : peer.address().to_string();
  all_.note_failed_handshake(whose + ": " + why);
}

// --- requests ------------------------------------------------------------------------------------

void http_connection::read_request() {
  // What came behind the last one, then what has come since.
  auto request = reader_.next(0);
  while (!request) {
    const bool was_between = reader_.is_between();
    const auto got = read(reader_.room());
    if (got.size > 0) {
      if (was_between) set_timer(all_.settings().header_timeout);
      request = reader_.next(got.size);
    } else if (is_broken(got.state)) {
      return close();
    } else {
      return await_readable();
    }
  }
  take(std::move(*request));
}

void http_connection::take(received_request request) {
  form_ = request.form;
  wants_body_ = request.wants_body;
  is_complete_ = request.is_complete;
  if (request.answer) return answer(std::move(*request.answer));
  enter(phase::asking, all_.settings().answer_timeout);
  all_.ask(request.asked, [asked_by = weak_from_this()](http_response with) {
    const auto self = asked_by.lock();
    if (self != nullptr && self->phase_ == phase::asking) self->answer(std::move(with));
  });
}

// --- answers -------------------------------------------------------------------------------------

void http_connection::answer(http_response with) {
  head_ = response_head(with, form_, std::chrono::system_clock::now());
  if (wants_body_) {
    all_.make_room(with.body.size());
    body_ = std::move(with.body);
  }
  sent_ = timed_from_ = 0;
  enter(phase::sending, all_.settings().write_timeout);
  send_answer();
}

void http_connection::send_answer() {
  const auto all = head_.size() + body_.size();
  const auto turn_end = sent_ + turn_size;
  while (sent_ < all) {
    const auto got = send_some();
    sent_ += got.size;
    if (is_broken(got.state)) return close();
    if (sent_ - timed_from_ >= piece_size) {
      timed_from_ = sent_;
      set_timer(all_.settings().write_timeout);
    }
    if (got.state != stream::status::more || sent_ >= turn_end) return await_writable();
  }
  end_answer();
}

// The next piece. TLS wants to see the same bytes again if they haven't left yet.
stream::result http_connection::send_some() {
  std::array<iovec, 2> pieces{};
  std::size_t count = 0;
  auto skipped = sent_;
  auto left = piece_size;
  for (auto* const part : {&head_, &body_}) {
    const auto begin = std::min(skipped, part->size());
    const auto size = std::min(part->size() - begin, left);
    skipped -= begin;
    left -= size;
    if (size > 0) pieces.at(count++) = {part->data() + begin, size};
  }
  return write(pieces.data(), count);
}

void http_connection::end_answer() {
  head_ = {};
  body_ = {};
  if (form_.keeps_alive) {
    enter(phase::reading, all_.settings().idle_timeout);
    // The next request may be here already, within TLS too. Not at once: who sends many must not
    // keep the loop, nor fill the stack.
    return boost::asio::post(socket_.get_executor(), [self = shared_from_this()] {
      if (self->phase_ == phase::reading) self->read_request();
    });
  }
  if (is_complete_) return close();
  // Whoever closes a socket that isn't empty takes the answer back.
  if (tls_ != nullptr) tls_->say_goodbye();
  ::shutdown(socket_.native_handle(), SHUT_WR);
  enter(phase::lingering, linger_time);
  drain();
}

void http_connection::drain() {
  std::array<char, 4096> unread;  // NOLINT(*-member-init): it is written before it is read
  for (std::size_t size = 0; size < most_drained;) {
    const auto got = outcome_of(::recv(socket_.native_handle(), unread.data(), unread.size(), 0));
    if (got.state == stream::status::would_block) return await_readable();
    if (is_broken(got.state)) return close();
    size += got.size;
  }
  close();
}

// --- bytes ---------------------------------------------------------------------------------------

stream::result http_connection::read(std::span<char> into) {
  if (tls_ != nullptr) return tls_->read(into);
  return outcome_of(::recv(socket_.native_handle(), into.data(), into.size(), 0));
}

stream::result http_connection::write(const iovec* pieces, std::size_t count) {
  if (tls_ != nullptr) return tls_->write(pieces, count);
  msghdr message{};
  message.msg_iov = const_cast<iovec*>(pieces);
  message.msg_iovlen = count;
  return outcome_of(::sendmsg(socket_.native_handle(), &message, MSG_NOSIGNAL));
}

}  // namespace nuncio::server::monitor
