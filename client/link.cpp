#include "link.hpp"

#include "credentials.hpp"
#include "tls.hpp"
#include "waiting.hpp"
#include "websocket.hpp"

#include <nuncio/protocol/writer.hpp>

#include <boost/asio/async_result.hpp>
#include <boost/asio/bind_cancellation_slot.hpp>
#include <boost/asio/use_awaitable.hpp>

#include <utility>

namespace nuncio::client {
namespace {

namespace asio = boost::asio;
using boost::system::error_code;
using steady_clock = std::chrono::steady_clock;
using event_kind = protocol::server_event::kind;

constexpr std::size_t read_at_once = 64UL * 1024;

session::settings session_settings(const options& set) {
  return {.name = set.name,
          .echo = set.echo,
          .ping_interval = set.ping_interval,
          .max_pings_out = set.max_pings_out};
}

}  // namespace

link::link(asio::any_io_executor executor,
           const options& set,
           subscription_book& book,
           link_user& home)
    : executor_(std::move(executor)),
      options_(set),
      home_(home),
      session_(session_settings(set), *this, book),
      trace_(set.on_protocol_line),
      timer_(executor_),
      event_(executor_),
      time_limit_(executor_) {}

link::~link() = default;

// --- opening
// ---------------------------------------------------------------------------------------

// Until `event_` is cancelled, which is done for everything that a coroutine may wait for.
asio::awaitable<void> link::something_happens() {
  event_.expires_at(steady_clock::time_point::max());
  co_await event_.async_wait(waiting);
}

asio::awaitable<void> link::idle() {
  while (is_up_ || is_reading_ || is_writing_) co_await something_happens();
  transport_.reset();
}

asio::awaitable<error_code> link::open(const server_pool::attempt& to) {
  const auto& server = to.server;
  address_ = protocol::address(server);
  source_ = nullptr;
  std::string why;
  auto who = load_credentials(options_, server, why);
  if (!who) {
    home_.on_bad_setting(who.error(), why);
    co_return who.error();
  }
  is_wanted_ = true;
  limit_time();
  auto error = co_await dial(server);
  const bool is_websocket = uses_websocket(server.scheme);
  const bool is_secure = options_.tls.handshake_first ||
                         server.scheme == protocol::url_scheme::wss ||
                         (is_websocket && options_.tls.required);
  if (!error && is_secure) error = co_await secure(to);
  if (!error && is_websocket) {
    const auto start = [&](stream_handler done) {
      start_websocket(std::move(transport_), executor_, server, std::move(done));
    };
    error = co_await add_layer(start);
  }
  if (!error) {
    using security = session::security;
    const bool must = options_.tls.required || server.scheme == protocol::url_scheme::tls;
    begin(server, *std::move(who),
          is_secure || is_websocket ? security::settled
          : must                    ? security::demanded
                                    : security::if_required);
    while (is_up_ && !session_.is_open()) {
      if (std::exchange(awaits_tls_, false)) {
        co_await secure_and_greet(to);
      } else {
        co_await something_happens();
      }
    }
    error = session_.is_open() ? error_code{} : error_;
  }
  lift_limit();
  co_return has_expired_ ? errc::timed_out : error;
}

void link::limit_time() {
  has_expired_ = false;
  time_limit_.expires_after(options_.connect_timeout);
  time_limit_.async_wait([this, held = home_.hold(), number = ++limits_](error_code) {
    if (number != limits_) return;
    has_expired_ = true;
    abort(errc::timed_out);
  });
}

void link::lift_limit() {
  ++limits_;
  time_limit_.cancel();
}

void link::abort(error_code why) {
  is_wanted_ = false;
  lift_limit();
  abort_dial_.emit(asio::cancellation_type::terminal);
  lose(why);
}

asio::awaitable<error_code> link::dial(const protocol::server_url& server) {
  const auto start = [&](stream_handler done) {
    const auto& opener = options_.open_stream ? options_.open_stream : stream_opener(open_stream);
    opener(server, executor_, std::move(done));
  };
  co_return co_await add_layer(start);
}

// The stream goes on inside of TLS.
asio::awaitable<error_code> link::secure(const server_pool::attempt& to) {
  std::string why;
  const auto context = make_tls_context(options_.tls, why);
  if (!context) {
    home_.on_bad_setting(context.error(), why);
    co_return context.error();
  }
  const auto& named = options_.tls.server_name;
  const auto start = [&](stream_handler done) {
    start_tls(std::move(transport_), executor_, *context, named.empty() ? to.tls_name : named,
              std::move(done));
  };
  co_return co_await add_layer(start);
}

asio::awaitable<void> link::secure_and_greet(const server_pool::attempt& to) {
  auto error = co_await secure(to);
  if (!is_up_) co_return;
  if (!error && session_.secured() == session::step::lost) error = session_.error();
  if (error) {
    lose(error);
  } else {
    send_control();
    read();
  }
}

// Waits for what gives the stream, or the same one with something on it. It can be aborted.
asio::awaitable<error_code> link::add_layer(std::function<void(stream_handler)> start) {
  auto [error,
        stream] = co_await asio::async_initiate<decltype(waiting),
                                                void(error_code, std::unique_ptr<transport>)>(
      [&](auto done) {
        start(stream_handler(asio::bind_cancellation_slot(abort_dial_.slot(), std::move(done))));
      },
      waiting);
  abort_dial_.slot().clear();
  if (!error && !is_wanted_) error = asio::error::operation_aborted;
  if (error) co_return error;
  transport_ = std::move(stream);
  co_return error;
}

void link::begin(const protocol::server_url& server, credentials who, session::security how) {
  parser_ = protocol::message_parser{};
  trace_.begin();
  session_.begin(server, std::move(who), how);
  input_.resize(read_at_once);
  awaits_tls_ = false;
  is_up_ = true;
  read();
}

void link::lose(error_code why, std::string_view text) {
  if (!std::exchange(is_up_, false)) return;
  const bool was_open = session_.is_open();
  error_ = why;
  error_text_ = text;
  if (transport_) transport_->close();
  session_.end();
  said_.clear();
  timer_.cancel();
  event_.cancel();
  home_.on_lost(*this, was_open);
}

asio::awaitable<bool> link::answers() {
  if (!is_up_) co_return false;
  const auto number = session_.note_ping();
  std::string ping;
  protocol::append_ping(ping);
  say(ping);
  limit_time();
  while (is_up_ && session_.pongs() < number) co_await something_happens();
  lift_limit();
  co_return is_up_;
}

// --- reading
// ---------------------------------------------------------------------------------------

void link::read() {
  is_reading_ = true;
  transport_->async_read_some(
      input_,
      [this, held = home_.hold()](error_code error, std::size_t size) { on_read(error, size); });
}

void link::on_read(error_code error, std::size_t size) {
  is_reading_ = false;
  if (is_up_ && !error) handle_input(size);
  if (is_up_ && error) lose(error == asio::error::eof ? errc::disconnected : error);
  if (is_up_ && !awaits_tls_) return read();
  event_.cancel();  // the coroutine waits for the last operation
}

void link::handle_input(std::size_t size) {
  const auto now = steady_clock::now();
  trace_.heard({input_.data(), size});
  parser_.feed({input_.data(), size});
  home_.on_batch(now, size);
  std::uint64_t messages = 0;
  for (auto e = parser_.next(); e.what != event_kind::need_more && is_up_; e = parser_.next()) {
    messages += e.what == event_kind::message ? 1 : 0;
    const auto step = session_.handle(e, now);
    if (step == session::step::secure) {
      // Whoever put more there in the clear isn't heard.
      awaits_tls_ = true;
      parser_ = protocol::message_parser{};
      trace_.begin();
      break;
    }
    if (step == session::step::opened) {
      lift_limit();
      arm_timer();
      home_.on_open(*this);
      event_.cancel();
    }
    if (step == session::step::lost) lose(session_.error(), session_.error_text());
  }
  send_control();
  home_.on_batch_end(messages);
}

void link::on_pong(std::uint64_t count) {
  event_.cancel();
  home_.on_pong(*this, count);
}

void link::on_info(const protocol::server_info& info) {
  home_.on_info(*this, info);
}

void link::on_complaint(error_code what, std::string_view text) {
  home_.on_complaint(what, text);
}

// --- writing
// ---------------------------------------------------------------------------------------

void link::write() {
  if (is_writing_ || !is_up_ || !transport_) return;
  if (!said_.empty()) {
    writing_.clear();
    std::swap(writing_, said_);
  } else if (source_ == nullptr || !source_->take(writing_)) {
    return;
  }
  is_writing_ = true;
  trace_.said(writing_);
  transport_->async_write(writing_,
                          [this, held = home_.hold()](error_code error, std::size_t size) {
                            home_.on_written(size);
                            on_written(error);
                          });
}

// The reader says why a connection is lost: the server may have told before it closed.
void link::on_written(error_code error) {
  is_writing_ = false;
  if (!is_up_) {
    event_.cancel();
    return;
  }
  if (error) return;
  write();
  home_.on_room();
}

void link::say(std::string_view bytes) {
  said_ += bytes;
  write();
}

// Behind the PINGs that wait in the outbox, since answers are counted.
void link::send_control() {
  const auto bytes = session_.take_output();
  if (bytes.empty() || !is_up_) return;
  if (source_ == nullptr) return say(bytes);
  const auto put = source_->put_control([&bytes](std::string& out) { out += bytes; });
  if (put.wake) home_.wake_writer();
}

void link::arm_timer() {
  const auto when = session_.next_timer();
  if (!when) return;
  timer_.expires_at(*when);
  timer_.async_wait([this, held = home_.hold()](error_code error) {
    if (!error) on_timer();
  });
}

void link::on_timer() {
  if (!is_up_) return;
  if (session_.on_timer(steady_clock::now()) == session::step::lost) {
    return lose(session_.error(), session_.error_text());
  }
  send_control();
  arm_timer();
}

}  // namespace nuncio::client
