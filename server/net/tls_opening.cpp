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

std::unique_ptr<opening> make_tls_opening(connection& of) {
  return std::make_unique<tls_opening>(of);
}

tls_opening::tls_opening(connection& of)
    : connection_(of),
      home_(of.home()),
      rules_(home_.rules_),
      tls_(rules_->opts.tls.value()),
      timer_(home_.io()) {}

tls_opening::~tls_opening() = default;

template <class Work>
void tls_opening::after_wait(connection& c, Work work) {
  shard& here = c.home();
  --c.waits_;
  here.enter();
  if (c.over_) {
    here.retire_when_idle(c);
  } else if (!c.is_ending()) {
    work();
  }
  here.end_batch();
}

void tls_opening::begin() {
  switch (tls_.first) {
    case tls_options::first_word::info:
      greet();
      return await_client();
    case tls_options::first_word::handshake:
      return await_handshake();
    case tls_options::first_word::either:
      phase_ = phase::silent;
      set_timer(tls_.first_patience);
      return wait_readable();
  }
}

void tls_opening::greet() {
  if (std::exchange(has_greeted_, true)) return;
  connection_.role_->on_open();
}

void tls_opening::await_client() {
  if (!rules_->opts.allow_non_tls) return await_handshake();
  phase_ = phase::undecided;
  set_timer(tls_.timeout);
  wait_readable();
}

void tls_opening::await_handshake() {
  expect_handshake();
  if (!connection_.is_ending()) wait_readable();
}

void tls_opening::expect_handshake() {
  auto& node = home_.of();
  if (!node.handshake_rate.allow(tls_.connection_rate_limit, home_.now())) {
    connection_.fail(protocol::errc::throttled);
    return;
  }
  phase_ = phase::expecting;
  set_timer(tls_.timeout);
}

void tls_opening::on_event() {
  is_waiting_ = false;
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
  const int descriptor = connection_.stream_->descriptor();
  const auto got =
      ::recv(descriptor, &first, 1, MSG_PEEK);  // NOLINT(clang-analyzer-unix.StdCLibraryFunctions)
  if (got == 0) return connection_.end(close_reason::client_closed);
  if (got < 0) {
    const bool is_early = errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR;
    return is_early ? wait_readable() : connection_.end(close_reason::io_error);
  }
  if (phase_ != phase::expecting) {
    if (phase_ == phase::undecided && first != first_of_handshake) return go_plain();
    expect_handshake();
    if (connection_.is_ending()) return;
  }
  if (first != first_of_handshake) return fail("the first byte is not of TLS");
  take_turn();
}

void tls_opening::on_timer() {
  if (home_.now() < timer_.expiry()) return;  // it has been set anew meanwhile
  switch (phase_) {
    case phase::silent:
      greet();
      return await_client();
    case phase::undecided:
      return go_plain();
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
    const std::scoped_lock held(connection_.queue.lock);
    if (!connection_.queue.empty() || connection_.queue.sending) {
      return connection_.end(close_reason::io_error);
    }
  }
  phase_ = phase::queued;
  if (home_.handshakes_.enter(connection_.id)) on_turn();
}

void tls_opening::on_turn() {
  has_turn_ = true;
  if (phase_ != phase::queued) return leave_turn();
  session_ = std::make_unique<tls_session>(rules_->tls, connection_.stream_->descriptor());
  do_step();
}

void tls_opening::do_step() {
  phase_ = phase::working;
  // What is left takes less than the way to the other thread and back.
  if (session_->is_nearly_done()) return on_step(session_->handshake());
  ++connection_.waits_;
  auto report = std::make_shared<step_report>(home_, *this);
  [[maybe_unused]] const bool is_taken =
      home_.of().handshakes.post([session = session_.get(), report = std::move(report)] {
        report->how = session->handshake();
      });
}

// The session and this are there as long as the connection counts the wait.
void tls_opening::on_report(tls_session::step how) {
  after_wait(connection_, [this, how] { on_step(how); });
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
      is_waiting_ = true;
      ++connection_.waits_;
      return connection_.stream_->wait_writable(connection_);
  }
}

void tls_opening::go_encrypted() {
  if (const auto objection = session_->objection(); !objection.empty()) return fail(objection);
  auto& log = home_.of().log;
  if (log.enabled(log_level::debug)) {
    log.write(log_level::debug,
              connection_.role_->describe() + " - TLS handshake complete, " + session_->describe());
  }
  connection_.stream_ =
      std::make_unique<tls_stream>(std::move(connection_.stream_), std::move(session_));
  hand_over();
}

void tls_opening::go_plain() {
  hand_over();
}

// The connection is the role's. Nothing of this is to be touched afterwards.
void tls_opening::hand_over() {
  phase_ = phase::over;
  leave_turn();
  const auto self = std::move(connection_.opening_);
  auto& c = connection_;
  greet();
  if (!c.is_ending()) c.role_->on_ready();
  // What has come is not told of again: read first, unless a wait is pending.
  if (c.is_ending() || is_waiting_) return;
  ++c.waits_;
  boost::asio::post(home_.io(), [&c] { static_cast<stream_events&>(c).on_readable(false); });
}

void tls_opening::fail(std::string_view why) {
  auto& node = home_.of();
  std::uint64_t skipped = 0;
  if (node.handshake_notice.allow(home_.now(), skipped)) {
    auto line = connection_.role_->describe() + " - TLS handshake error: " + std::string(why);
    if (skipped != 0) line += " (" + std::to_string(skipped) + " more such lines left out)";
    node.log.write(log_level::error, line);
  }
  connection_.end(close_reason::tls_handshake);
}

// Once, however it has gone.
void tls_opening::leave_turn() {
  if (!std::exchange(has_turn_, false)) return;
  home_.next_handshake();
}

void tls_opening::stop() {
  phase_ = phase::over;
  timer_.cancel();
  leave_turn();
}

void tls_opening::wait_readable() {
  if (std::exchange(is_waiting_, true)) return;
  ++connection_.waits_;
  connection_.stream_->wait_readable(connection_);
}

void tls_opening::set_timer(std::chrono::milliseconds delay) {
  timer_.expires_after(delay);
  ++connection_.waits_;
  timer_.async_wait([&c = connection_](const boost::system::error_code& failure) {
    after_wait(c, [&c, &failure] {
      if (!failure && c.opening_ != nullptr) c.opening_->on_timer();
    });
  });
}

}  // namespace nuncio::server
