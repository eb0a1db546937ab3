#include "driver.hpp"

#include "subscription_state.hpp"
#include "waiting.hpp"
#include "websocket.hpp"

#include <nuncio/protocol/limits.hpp>
#include <nuncio/protocol/nkey.hpp>
#include <nuncio/protocol/nuid.hpp>
#include <nuncio/protocol/writer.hpp>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/use_awaitable.hpp>

#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <ctime>
#include <exception>
#include <random>
#include <system_error>

namespace nuncio::client {
namespace {

namespace asio = boost::asio;
using boost::system::error_code;
using steady_clock = std::chrono::steady_clock;

constexpr std::chrono::milliseconds spreading{500};  // of a subscription over a cluster

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
      outbox_(options_.max_pending, options_.pending_full),
      first_(executor_, options_, book_, *this),
      second_(executor_, options_, book_, *this),
      event_(executor_),
      pause_(executor_),
      inbox_(
          *this,
          [this] { return make_inbox(options_.inbox_prefix); },
          '*',
          [this](const message_view& m) {
            if (extension_) extension_->on_stray_answer(m);
          }),
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
  if (is_open()) return done.post(executor_, {});
  const auto number = ++operations_;
  on_cancel(done.slot(), [this, number] { cancel_connect(number); });
  connects_.push_back({number, std::move(done)});
  if (life_ != life::idle) return;
  life_ = life::connecting;
  if (std::exchange(is_running_, true)) return;
  start(run());
}

void driver::start(asio::awaitable<void> coroutine) {
  asio::co_spawn(executor_, std::move(coroutine), [](const std::exception_ptr& failed) {
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
  current_->abort(asio::error::operation_aborted);
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
    const auto error = co_await current_->open(*next);
    // It may be another one by now.
    while (current_->is_up() || is_moving_) co_await something_happens();
    co_await current_->idle();
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

void driver::become_open() {
  pool_.connected();
  learn(current_->info());
  const bool again = std::exchange(was_open_, true);
  life_ = life::established;
  std::string first;
  if (extension_) extension_->on_opening(first);
  first += book_.resubscription();
  start_writing(first);
  if (again) count(reconnects_, 1);
  tell(again ? status::kind::reconnected : status::kind::connected);
  end_connects({});
  if (extension_) extension_->on_opened();
  retry_publishes();
}

void driver::start_writing(std::string_view first) {
  current_->write_from(&outbox_);
  if (outbox_.open(first)) wake_writer();
  ask_for_flushes(true);
}

void driver::ask_for_flushes(bool all) {
  std::string pings;
  for (auto& each : flushes_) {
    if (!all && each.pong != 0) continue;
    each.pong = current_->note_ping();
    protocol::append_ping(pings);
  }
  say(pings);
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
  first_.abort(errc::closed);
  second_.abort(errc::closed);
  outbox_.close();
  event_.cancel();
  pause_.cancel();
  end_connects(errc::closed);
  fail_flushes(errc::closed);
  for (auto& each : std::exchange(publishes_, {})) each.done.post(executor_, errc::closed);
  while (!inboxes_.empty()) inboxes_.front().close();
  inbox_.close();
  book_.end_all(errc::closed);
  tell(status::kind::closed, why);
}

// --- moving
// ----------------------------------------------------------------------------------------

// A server that is about to leave says so, and gives some time.
void driver::begin_move() {
  if (is_moving_ || !may_move()) return;
  is_moving_ = true;
  start(move());
}

bool driver::may_move() const noexcept {
  return options_.reconnect.enabled && life_ == life::established && !is_draining_;
}

// The old connection is used until there is another one. If it ends before that, nothing is lost
// but the head start.
asio::awaitable<void> driver::move() {
  const auto self = shared_from_this();
  auto& from = *current_;
  auto& to = current_ == &first_ ? second_ : first_;
  to.lose(errc::closed);  // what an earlier move has left there
  co_await to.idle();
  pool_.lost();
  while (may_move() && from.is_up()) {
    const auto next = pool_.next(steady_clock::now());
    if (!next) break;
    pause_.expires_at(next->not_before);
    co_await pause_.async_wait(waiting);
    if (!may_move() || !from.is_up()) break;
    const auto error = co_await to.open(*next);
    // One address may stand for many servers.
    if (!error && to.info().server_id != from.info().server_id && may_move()) {
      const bool is_changed = co_await change(from, to);
      if (is_changed) break;
      if (from.is_open()) ask_for_flushes(false);
    }
    to.lose(errc::closed);
    co_await to.idle();
  }
  is_moving_ = false;
  event_.cancel();
}

// False if `to` is lost meanwhile.
asio::awaitable<bool> driver::change(link& from, link& to) {
  const auto self = shared_from_this();
  is_joined_ = true;
  to.say(book_.join_groups());
  bool is_there = co_await to.answers();
  if (is_there) {
    // The other servers of a cluster have to hear of it before the old one forgets it, or they
    // would find that nobody is there; none says when they have.
    pause_.expires_after(spreading);
    co_await pause_.async_wait(waiting);
    is_there = to.is_open();
  }
  if (is_there && from.is_open()) {
    // What is published from now on goes to the new server, behind all that the old one has got.
    std::string last;
    outbox_.take_last(last);
    from.write_from(nullptr);
    for (auto& each : inboxes_) each.renew();
    last += book_.leave_all();
    from.say(last);
    is_between_ = true;
    co_await from.answers();
    is_between_ = false;
    is_there = to.is_open();
    // Neither has the subscriptions then.
    if (!is_there) from.lose(errc::disconnected);
  }
  is_joined_ = false;
  if (!is_there) co_return false;
  current_ = &to;
  if (!from.is_open()) {
    become_open();
    co_return true;
  }
  leaving_ = &from;
  pool_.connected();
  learn(to.info());
  start_writing(book_.join_rest());
  tell(status::kind::moved);
  retry_publishes();
  finish_move();
  co_return true;
}

// Nothing is left that the old server could say.
void driver::finish_move() {
  if (leaving_ == nullptr) return;
  const bool is_needed = std::any_of(inboxes_.begin(), inboxes_.end(),
                                     [](inbox& each) { return each.calls().older() > 0; });
  if (!is_needed) leaving_->lose(errc::closed);
}

// --- what links say
// ---------------------------------------------------------------------------------------

void driver::on_batch(session::time now, std::size_t size) {
  count(in_bytes_, size);
  batch_now_ = now;
  in_batch_ = true;
}

void driver::on_batch_end(std::uint64_t messages) {
  count(in_messages_, messages);
  in_batch_ = false;
  end_batch();
  finish_move();
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

void driver::wake_writer() {
  asio::post(executor_, [self = shared_from_this()] { self->current_->write(); });
}

session::time driver::about_now() const noexcept {
  if (in_batch_) return batch_now_;
  timespec now{};
  ::clock_gettime(CLOCK_MONOTONIC_COARSE, &now);  // steady_clock's is CLOCK_MONOTONIC
  return session::time(std::chrono::seconds(now.tv_sec) + std::chrono::nanoseconds(now.tv_nsec));
}

void driver::on_written(std::size_t size) {
  count(out_bytes_, size);
}

void driver::on_room() {
  retry_publishes();
}

void driver::on_open(link& it) {
  if (&it == current_) become_open();
}

void driver::on_lost(link& it, bool was_open) {
  event_.cancel();
  pause_.cancel();
  if (&it == leaving_) {
    leaving_ = nullptr;
    for (auto& each : inboxes_) each.finish_renewal();
    say(book_.return_all());
    return;
  }
  if (&it != current_) return;
  last_error_ = it.error();
  outbox_.suspend();
  drop_publishes();
  if (!was_open) {
    if (!it.error_text().empty()) tell(status::kind::error, it.error(), it.error_text());
    return;
  }
  if (leaving_ != nullptr) leaving_->lose(errc::closed);
  if (extension_) extension_->on_lost();
  fail_flushes(life_ == life::closed ? errc::closed : errc::disconnected);
  if (life_ != life::closed) tell(status::kind::disconnected, it.error(), it.error_text());
}

void driver::on_pong(link& it, std::uint64_t number) {
  if (&it != current_) return;
  while (!flushes_.empty() && flushes_.front().pong != 0 && flushes_.front().pong <= number) {
    auto done = std::move(flushes_.front().done);
    flushes_.pop_front();
    done.complete({});
  }
}

void driver::on_info(link& it, const protocol::server_info& info) {
  if (&it != current_) return;
  learn(info);
  if (!info.ldm) return;
  tell(status::kind::lame_duck);
  begin_move();
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

void driver::on_bad_setting(error_code what, std::string_view text) {
  tell(status::kind::error, what, text);
}

void driver::report_slow(std::string_view subject) {
  tell(status::kind::slow_consumer, errc::slow_consumer, subject);
}

void driver::tell(status::kind what, error_code error, std::string_view text) {
  if (!options_.on_status) return;
  options_.on_status({.what = what, .error = error, .text = text, .server = current_->address()});
}

}  // namespace nuncio::client
