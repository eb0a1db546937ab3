#include "driver.hpp"

#include "credentials.hpp"
#include "subscription_state.hpp"
#include "tls.hpp"
#include "websocket.hpp"

#include <nuncio/protocol/limits.hpp>
#include <nuncio/protocol/nkey.hpp>
#include <nuncio/protocol/nuid.hpp>
#include <nuncio/protocol/writer.hpp>

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/async_result.hpp>
#include <boost/asio/bind_cancellation_slot.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/use_awaitable.hpp>

#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <exception>
#include <random>
#include <system_error>

namespace nuncio::client {
namespace {

namespace asio = boost::asio;
using boost::system::error_code;
using steady_clock = std::chrono::steady_clock;
using event_kind = protocol::server_event::kind;

constexpr auto waiting = asio::as_tuple(asio::use_awaitable);
constexpr std::size_t read_at_once = 64UL * 1024;

bool uses_websocket(protocol::url_scheme scheme) noexcept {
  return scheme == protocol::url_scheme::ws || scheme == protocol::url_scheme::wss;
}

std::vector<protocol::server_url> parse_servers(const options& set,
                                                error_code& error,
                                                std::string& text) {
  auto servers = protocol::parse_url_list(set.servers, text);
  // A server tells of others by the kind of address at which it was asked. So has nats.go it.
  const auto by_websocket = [](const auto& each) { return uses_websocket(each.scheme); };
  if (servers && std::any_of(servers->begin(), servers->end(), by_websocket) &&
      !std::all_of(servers->begin(), servers->end(), by_websocket)) {
    text = "ws:// and wss:// can't be mixed with other URLs";
    servers.reset();
  }
  if (servers && !set.nkey_seed.empty() && !protocol::nkey_pair::from_seed(set.nkey_seed)) {
    text = "nkey_seed isn't a seed";
    servers.reset();
  }
  if (servers && set.subscriptions.full == when_full::wait) {
    text = "subscriptions.full can't be when_full::wait";
    servers.reset();
  }
  if (servers) return *std::move(servers);
  error = errc::bad_options;
  return {};
}

server_pool::settings pool_settings(const options& set) {
  return {.randomize = set.randomize,
          .discover = set.discover,
          .max_attempts = set.reconnect.max_attempts,
          .first_pause = set.reconnect.first_pause,
          .longest_pause = set.reconnect.longest_pause};
}

session::settings session_settings(const options& set) {
  return {.name = set.name,
          .echo = set.echo,
          .ping_interval = set.ping_interval,
          .max_pings_out = set.max_pings_out};
}

std::string make_inbox(const std::string& prefix) {
  return prefix + "." + protocol::nuid(draw_random).next();
}

template <class Counter>
void count(std::atomic<Counter>& what, std::uint64_t by) noexcept {
  what.store(what.load(std::memory_order_relaxed) + by, std::memory_order_relaxed);
}

}  // namespace

// In the blocks that the system gives at once.
void draw_random(std::span<std::byte> into) {
  constexpr std::size_t most = 256;
  while (!into.empty()) {
    const auto block = into.first(std::min(into.size(), most));
    if (::getentropy(block.data(), block.size()) != 0) {
      throw std::system_error(errno, std::generic_category(), "nuncio: no random bytes");
    }
    into = into.subspan(block.size());
  }
}

driver::driver(asio::any_io_executor executor, options settings)
    : executor_(std::move(executor)),
      options_(std::move(settings)),
      pool_(parse_servers(options_, bad_options_, bad_options_text_),
            pool_settings(options_),
            [random = std::mt19937_64(std::random_device{}())]() mutable { return random(); }),
      session_(session_settings(options_), *this),
      outbox_(options_.max_pending, options_.pending_full),
      trace_(options_.on_protocol_line),
      timer_(executor_),
      event_(executor_),
      attempt_(executor_),
      calls_(
          std::make_shared<timed_mux>(executor_, make_inbox(options_.inbox_prefix), draw_random)),
      max_payload_(protocol::default_max_payload) {}

driver::~driver() = default;

// --- connecting
// ------------------------------------------------------------------------------------

void driver::connect(operation done) {
  if (bad_options_) {
    tell(status::kind::error, bad_options_, bad_options_text_);
    return done.post(executor_, bad_options_);
  }
  if (life_ == life::closed) return done.post(executor_, errc::closed);
  if (session_.is_open()) return done.post(executor_, {});
  const auto number = ++operations_;
  on_cancel(done.slot(), [this, number] { cancel_connect(number); });
  connects_.push_back({number, std::move(done)});
  if (life_ != life::idle) return;
  life_ = life::connecting;
  if (std::exchange(is_running_, true)) return;
  asio::co_spawn(executor_, run(), [](const std::exception_ptr& failed) {
    // Nothing in it throws but for want of memory.
    if (failed) std::rethrow_exception(failed);
  });
}

// While it is the first connection, the last one who wants it gone ends the attempt.
void driver::cancel_connect(std::uint64_t number) {
  cancel(connects_, number);
  if (life_ != life::connecting || !connects_.empty()) return;
  life_ = life::idle;
  is_abandoned_ = true;
  abort_dial_.emit(asio::cancellation_type::terminal);
  lose(asio::error::operation_aborted, {});
  event_.cancel();
}

void driver::end_connects(error_code how) {
  for (auto& each : std::exchange(connects_, {})) each.done.post(executor_, how);
}

asio::awaitable<void> driver::run() {
  const auto self = shared_from_this();
  while (wants_to_go_on()) {
    const auto next = pool_.next(steady_clock::now());
    if (!next) {
      give_up(last_error_ ? last_error_ : errc::no_servers);
      break;
    }
    while (wants_to_go_on() && steady_clock::now() < next->not_before) {
      event_.expires_at(next->not_before);
      co_await event_.async_wait(waiting);
    }
    if (!wants_to_go_on()) break;

    is_abandoned_ = false;
    const auto error = co_await open(*next);
    while (is_up_) co_await something_happens();
    co_await stream_ends();
    if (!wants_to_go_on()) break;
    if (!error) {
      pool_.lost();
      if (!options_.reconnect.enabled) give_up(last_error_);
      continue;
    }
    // The last one who waited for it left, and another one came.
    if (is_abandoned_) continue;
    last_error_ = error;
    if (error == errc::authorization) {
      pool_.refused_credentials();
    } else {
      pool_.failed();
    }
    const bool goes_on = was_open_ || options_.reconnect.at_first;
    if (!goes_on && pool_.round_is_over()) give_up(error);
  }
  // Here, not in the handler of its end: connect() may be called before that.
  is_running_ = false;
}

// Until `event_` is cancelled, which is done for everything that the coroutine may wait for.
asio::awaitable<void> driver::something_happens() {
  event_.expires_at(steady_clock::time_point::max());
  co_await event_.async_wait(waiting);
}

asio::awaitable<void> driver::stream_ends() {
  while (is_reading_ || is_writing_) co_await something_happens();
  transport_.reset();
}

// One attempt: the session is open at its end, or the error says why not.
asio::awaitable<error_code> driver::open(const server_pool::attempt& to) {
  const auto& server = to.server;
  address_ = protocol::address(server);
  std::string why;
  auto who = load_credentials(options_, server, why);
  if (!who) {
    tell(status::kind::error, who.error(), why);
    co_return who.error();
  }
  attempt_expired_ = false;
  attempt_.expires_after(options_.connect_timeout);
  attempt_.async_wait([self = shared_from_this()](error_code error) {
    if (error || self->session_.is_open()) return;
    self->attempt_expired_ = true;
    self->abort_dial_.emit(asio::cancellation_type::terminal);
    self->lose(errc::timed_out, {});
  });
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
  if (!error && wants_to_go_on()) {
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
    error = session_.is_open() ? error_code{} : last_error_;
  }
  attempt_.cancel();
  co_return attempt_expired_ ? errc::timed_out : error;
}

asio::awaitable<error_code> driver::dial(const protocol::server_url& server) {
  const auto start = [&](stream_handler done) {
    const auto& opener = options_.open_stream ? options_.open_stream : stream_opener(open_stream);
    opener(server, executor_, std::move(done));
  };
  co_return co_await add_layer(start);
}

// The stream goes on inside of TLS.
asio::awaitable<error_code> driver::secure(const server_pool::attempt& to) {
  std::string why;
  const auto context = make_tls_context(options_.tls, why);
  if (!context) {
    tell(status::kind::error, context.error(), why);
    co_return context.error();
  }
  const auto& named = options_.tls.server_name;
  const auto start = [&](stream_handler done) {
    start_tls(std::move(transport_), executor_, *context, named.empty() ? to.tls_name : named,
              std::move(done));
  };
  co_return co_await add_layer(start);
}

asio::awaitable<void> driver::secure_and_greet(const server_pool::attempt& to) {
  auto error = co_await secure(to);
  if (!is_up_) co_return;
  if (!error && session_.secured() == session::step::lost) error = session_.error();
  if (error) {
    lose(error, {});
  } else {
    send_control();
    read();
  }
}

// Waits for what gives the stream, or the same one with something on it. It can be aborted.
asio::awaitable<error_code> driver::add_layer(std::function<void(stream_handler)> start) {
  auto [error,
        stream] = co_await asio::async_initiate<decltype(waiting),
                                                void(error_code, std::unique_ptr<transport>)>(
      [&](auto done) {
        start(stream_handler(asio::bind_cancellation_slot(abort_dial_.slot(), std::move(done))));
      },
      waiting);
  abort_dial_.slot().clear();
  const bool is_wanted = wants_to_go_on() && !attempt_expired_;
  if (!error && !is_wanted) error = asio::error::operation_aborted;
  if (error) co_return error;
  transport_ = std::move(stream);
  co_return error;
}

void driver::begin(const protocol::server_url& server, credentials who, session::security how) {
  parser_ = protocol::message_parser{};
  trace_.begin();
  session_.begin(server, std::move(who), how);
  input_.resize(read_at_once);
  awaits_tls_ = false;
  is_up_ = true;
  read();
}

void driver::become_open() {
  attempt_.cancel();
  pool_.connected();
  learn(session_.info());
  const bool again = std::exchange(was_open_, true);
  life_ = life::established;
  std::string first;
  if (extension_) extension_->on_opening(first);
  first += session_.resubscription();
  if (outbox_.open(first)) wake_writer();
  for (auto& each : flushes_) {
    each.pong = session_.note_ping();
    const auto put = outbox_.put_control([](std::string& out) { protocol::append_ping(out); });
    if (put.wake) wake_writer();
  }
  arm_timer();
  if (again) count(reconnects_, 1);
  tell(again ? status::kind::reconnected : status::kind::connected);
  end_connects({});
  if (extension_) extension_->on_opened();
  retry_publishes();
  event_.cancel();
}

// The first connect has failed, or reconnecting makes no sense any more.
void driver::give_up(error_code why) {
  end_connects(why);
  last_error_ = why;
  if (life_ == life::connecting) {
    life_ = life::idle;
  } else {
    close(false);
  }
}

void driver::close(bool detached) {
  if (detached) options_.on_status = nullptr;
  if (life_ == life::closed) return;
  const auto why = life_ == life::established && last_error_ ? last_error_ : errc::closed;
  life_ = life::closed;
  abort_dial_.emit(asio::cancellation_type::terminal);
  lose(errc::closed, {});
  outbox_.close();
  timer_.cancel();
  attempt_.cancel();
  event_.cancel();
  end_connects(errc::closed);
  fail_flushes(errc::closed);
  for (auto& each : std::exchange(publishes_, {})) each.done.post(executor_, errc::closed);
  calls_->fail_all(errc::closed);
  if (extension_) extension_->on_closed();
  session_.end_all(errc::closed);
  tell(status::kind::closed, why);
}

// --- reading
// ---------------------------------------------------------------------------------------

void driver::read() {
  is_reading_ = true;
  transport_->async_read_some(input_,
                              [self = shared_from_this()](error_code error, std::size_t size) {
                                self->on_read(error, size);
                              });
}

void driver::on_read(error_code error, std::size_t size) {
  is_reading_ = false;
  if (is_up_ && !error) handle_input(size);
  if (is_up_ && error) lose(error == asio::error::eof ? errc::disconnected : error, {});
  if (is_up_ && !awaits_tls_) return read();
  event_.cancel();  // the coroutine waits for the last operation
}

void driver::handle_input(std::size_t size) {
  const auto now = batch_now_ = steady_clock::now();
  count(in_bytes_, size);
  trace_.heard({input_.data(), size});
  parser_.feed({input_.data(), size});
  in_batch_ = true;
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
    if (step == session::step::opened) become_open();
    if (step == session::step::lost) lose(session_.error(), session_.error_text());
  }
  count(in_messages_, messages);
  send_control();
  in_batch_ = false;
  end_batch();
}

// Nothing refers to the input any more: users may be called, and what they let go of may go.
void driver::end_batch() {
  for (auto& each : std::exchange(ready_, {})) {
    each.operation.complete(each.error, std::move(each.what));
  }
  for (auto& each : std::exchange(finished_, {})) each->complete();
  if (extension_) extension_->on_batch_end();
  retired_.clear();
}

void driver::finish_soon(std::unique_ptr<finished_call> call) {
  if (in_batch_) {
    finished_.push_back(std::move(call));
    return;
  }
  asio::post(executor_, [call = std::move(call)] { call->complete(); });
}

void driver::complete_soon(next_operation done, error_code error, message m) {
  ready_.push_back({std::move(done), error, std::move(m)});
}

// --- writing
// ---------------------------------------------------------------------------------------

void driver::wake_writer() {
  asio::post(executor_, [self = shared_from_this()] { self->write(); });
}

void driver::write() {
  if (is_writing_ || !is_up_ || !transport_) return;
  if (!greeting_.empty()) {
    writing_.clear();
    std::swap(writing_, greeting_);
  } else if (!outbox_.take(writing_)) {
    return;
  }
  is_writing_ = true;
  trace_.said(writing_);
  transport_->async_write(writing_,
                          [self = shared_from_this()](error_code error, std::size_t size) {
                            count(self->out_bytes_, size);
                            self->on_written(error);
                          });
}

// The reader says why a connection is lost: the server may have told before it closed.
void driver::on_written(error_code error) {
  is_writing_ = false;
  if (!is_up_) {
    event_.cancel();
    return;
  }
  if (error) return;
  write();
  retry_publishes();
}

void driver::send_control() {
  const auto bytes = session_.take_output();
  if (bytes.empty() || !is_up_) return;
  if (session_.is_open()) {
    const auto put = outbox_.put_control([&bytes](std::string& out) { out += bytes; });
    if (put.wake) wake_writer();
    return;
  }
  greeting_ += bytes;
  write();
}

void driver::lose(error_code why, std::string_view text) {
  if (!std::exchange(is_up_, false)) return;
  const bool was_established = session_.is_open();
  last_error_ = why;
  last_text_ = text;
  if (transport_) transport_->close();
  session_.end();
  outbox_.suspend();
  greeting_.clear();
  timer_.cancel();
  event_.cancel();
  if (was_established && extension_) extension_->on_lost();
  if (was_established) {
    fail_flushes(life_ == life::closed ? errc::closed : errc::disconnected);
    if (life_ != life::closed) tell(status::kind::disconnected, why, text);
  } else if (!text.empty()) {
    tell(status::kind::error, why, text);
  }
}

void driver::arm_timer() {
  const auto when = session_.next_timer();
  if (!when) return;
  timer_.expires_at(*when);
  timer_.async_wait([self = shared_from_this()](error_code error) {
    if (!error) self->on_timer();
  });
}

void driver::on_timer() {
  if (!is_up_) return;
  if (session_.on_timer(steady_clock::now()) == session::step::lost) {
    return lose(session_.error(), session_.error_text());
  }
  send_control();
  arm_timer();
}

// --- what a connection says
// ------------------------------------------------------------------------

void driver::on_pong(std::uint64_t number) {
  while (!flushes_.empty() && flushes_.front().pong <= number) {
    auto done = std::move(flushes_.front().done);
    flushes_.pop_front();
    done.complete({});
  }
}

void driver::on_info(const protocol::server_info& info) {
  learn(info);
  if (info.ldm) tell(status::kind::lame_duck);
}

void driver::learn(const protocol::server_info& info) {
  max_payload_.store(info.max_payload, std::memory_order_relaxed);
  takes_headers_.store(info.headers, std::memory_order_relaxed);
  if (pool_.merge(info.connect_urls)) tell(status::kind::servers);
}

void driver::on_complaint(error_code what, std::string_view text) {
  if (extension_) extension_->on_complaint(text);
  tell(status::kind::error, what, text);
}

void driver::report_slow(std::string_view subject) {
  tell(status::kind::slow_consumer, errc::slow_consumer, subject);
}

void driver::tell(status::kind what, error_code error, std::string_view text) {
  if (!options_.on_status) return;
  options_.on_status({.what = what, .error = error, .text = text, .server = address_});
}

}  // namespace nuncio::client
