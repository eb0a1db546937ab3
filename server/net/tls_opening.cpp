#include "tls_opening.hpp"

#include "connection.hpp"
#include "shard.hpp"
#include "tls_stream.hpp"

#include <nuncio/protocol/error.hpp>

#include <boost/asio/post.hpp>

#include <sys/socket.h>

#include <cerrno>
#include <string>
#include <utility>

namespace nuncio::server {
namespace {

constexpr char first_of_handshake = 0x16;

// Mail to the shard about one step, which is sent in any case: also if the step was dropped.
struct step_report {
  step_report(shard& home, tls_opening& to) : home_(home), to_(to) {}
  step_report(const step_report&) = delete;
  step_report& operator=(const step_report&) = delete;
  ~step_report() {
    boost::asio::post(home_.io(), [&to = to_, how = how] { to.on_report(how); });
  }

  tls_session::step how = tls_session::step::failed;

 private:
  shard& home_;
  tls_opening& to_;
};

}  // namespace

std::unique_ptr<opening> make_tls_opening(connection& of, connection_type by, bool has_greeted) {
  return std::make_unique<tls_opening>(of, by, has_greeted);
}

tls_opening::tls_opening(connection& of, connection_type by, bool has_greeted)
    : waiting_opening(of),
      rules_(home.rules_),
      at_(rules_->entrance_of(by)),
      tls_(*at_.tls_settings),
      has_greeted_(has_greeted) {}

tls_opening::~tls_opening() = default;

void tls_opening::begin() {
  switch (at_.first) {
    case tls_options::first_word::info:
      greet();
      return await_client();
    case tls_options::first_word::handshake:
      return await_handshake();
    case tls_options::first_word::either:
      if (has_greeted_) return await_client();
      phase_ = phase::silent;
      set_timer(tls_.first_patience);
      return wait_readable();
  }
}

void tls_opening::greet() {
  if (std::exchange(has_greeted_, true)) return;
  owner.role_->on_open();
}

void tls_opening::await_client() {
  if (!rules_->opts.allow_non_tls) return await_handshake();
  phase_ = phase::undecided;
  set_timer(tls_.timeout);
  wait_readable();
}

void tls_opening::await_handshake() {
  expect_handshake();
  if (!owner.is_ending()) wait_readable();
}

void tls_opening::expect_handshake() {
  auto& node = home.of();
  auto& rate = at_.is_http ? node.websocket_handshake_rate : node.handshake_rate;
  if (!rate.allow(tls_.connection_rate_limit, home.now())) {
    // Before HTTP there is no way to say why.
    if (at_.is_http) return owner.end(close_reason::max_connections);
    owner.fail(protocol::errc::throttled);
    return;
  }
  phase_ = phase::expecting;
  set_timer(tls_.timeout);
}

void tls_opening::on_event() {
  note_event();
  switch (phase_) {
    case phase::silent:
    case phase::undecided:
    case phase::expecting:
      return look_at_first_byte();
    case phase::shaking:
      return do_step();
    case phase::queued:
    case phase::working:
    case phase::over:
      return;
  }
}

// It stays in the socket. None may be there yet, if the wait was cancelled.
void tls_opening::look_at_first_byte() {
  char first = 0;
  // Only what has a descriptor speaks TLS.
  const int descriptor = owner.stream_->descriptor();
  const auto got =
      ::recv(descriptor, &first, 1, MSG_PEEK);  // NOLINT(clang-analyzer-unix.StdCLibraryFunctions)
  if (got == 0) return owner.end(close_reason::client_closed);
  if (got < 0) {
    const bool is_early = errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR;
    return is_early ? wait_readable() : owner.end(close_reason::read_error);
  }
  if (phase_ != phase::expecting) {
    if (phase_ == phase::undecided && first != first_of_handshake) return go_on();
    expect_handshake();
    if (owner.is_ending()) return;
  }
  if (first != first_of_handshake) return fail("the first byte is not of TLS");
  take_turn();
}

void tls_opening::on_timer() {
  if (!is_late()) return;
  switch (phase_) {
    case phase::silent:
      greet();
      return await_client();
    case phase::undecided:
      return go_on();
    case phase::expecting:
    case phase::queued:
    case phase::shaking:
    case phase::working:
      return fail("timeout");
    case phase::over:
      return;
  }
}

void tls_opening::take_turn() {
  {
    // What was said in the clear must have left before anything else does.
    const std::scoped_lock held(owner.queue.lock);
    if (!owner.queue.empty() || owner.queue.sending) {
      return owner.end(close_reason::read_error);
    }
  }
  phase_ = phase::queued;
  if (home.handshakes_.enter(owner.id)) on_turn();
}

void tls_opening::on_turn() {
  has_turn_ = true;
  if (phase_ != phase::queued) return leave_turn();
  session_ = std::make_unique<tls_session>(at_.tls->now(), owner.stream_->descriptor());
  do_step();
}

void tls_opening::do_step() {
  phase_ = phase::working;
  // What is left takes less than the way to the other thread and back.
  if (session_->is_nearly_done()) return on_step(session_->handshake());
  ++owner.waits_;
  auto report = std::make_shared<step_report>(home, *this);
  [[maybe_unused]] const bool is_taken =
      home.of().handshakes.post([session = session_.get(), report = std::move(report)] {
        report->how = session->handshake();
      });
}

// The session and this are there as long as the connection counts the wait.
void tls_opening::on_report(tls_session::step how) {
  home.end_wait(owner, [this, how] { on_step(how); });
}

void tls_opening::on_step(tls_session::step how) {
  if (phase_ != phase::working) return;
  switch (how) {
    case tls_session::step::done:
      return go_encrypted();
    case tls_session::step::failed:
      return fail(session_->failure());
    case tls_session::step::wants_read:
      phase_ = phase::shaking;
      return wait_readable();
    case tls_session::step::wants_write:
      phase_ = phase::shaking;
      return wait_writable();
  }
}

void tls_opening::go_encrypted() {
  if (const auto objection = session_->objection(); !objection.empty()) return fail(objection);
  auto& log = home.of().log;
  if (log.enabled(log_level::debug)) {
    log.write(log_level::debug,
              owner.role_->describe() + " - TLS handshake complete, " + session_->describe());
  }
  owner.stream_ = std::make_unique<tls_stream>(std::move(owner.stream_), std::move(session_));
  go_on();
}

// Nothing of this is to be touched afterwards.
void tls_opening::go_on() {
  phase_ = phase::over;
  leave_turn();
  if (!at_.is_http) return hand_over(has_greeted_);
  waiting_opening::stop();
  const auto self = std::exchange(owner.opening_, make_websocket_opening(owner));
  owner.opening_->begin();
}

void tls_opening::fail(std::string_view why) {
  home.note_rarely(owner, home.of().handshake_notice, log_level::error,
                   "TLS handshake error: ", why);
  owner.end(close_reason::tls_handshake);
}

// Once, however it has gone.
void tls_opening::leave_turn() {
  if (!std::exchange(has_turn_, false)) return;
  home.next_handshake();
}

void tls_opening::stop() {
  phase_ = phase::over;
  waiting_opening::stop();
  leave_turn();
}

}  // namespace nuncio::server
