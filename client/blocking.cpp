#include <nuncio/client/blocking.hpp>

#include <boost/asio/bind_cancellation_slot.hpp>
#include <boost/asio/cancellation_signal.hpp>
#include <boost/asio/error.hpp>
#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/system/errc.hpp>
#include <boost/system/system_error.hpp>

#include <atomic>
#include <cstddef>
#include <deque>
#include <future>
#include <mutex>
#include <thread>
#include <tuple>
#include <utility>

namespace nuncio::blocking {
namespace {

namespace asio = boost::asio;
using boost::system::error_code;
using client::errc;
using steady_clock = std::chrono::steady_clock;

constexpr std::size_t most_fetched = 1024;

void check(error_code error) {
  if (error) throw boost::system::system_error(error);
}

steady_clock::time_point after(std::chrono::nanoseconds timeout) {
  const auto now = steady_clock::now();
  const auto most = steady_clock::time_point::max() - now;
  return timeout >= most ? steady_clock::time_point::max() : now + timeout;
}

/// The end of an operation. One type for all operations with the same results, which saves most of
/// the time that this file takes to compile.
template <class... Result>
struct completion {
  void operator()(error_code error, Result... what) {
    promise.set_value({error, std::move(what)...});
  }
  std::promise<std::tuple<error_code, Result...>> promise;
};

}  // namespace

/// A connection with the loop and the thread that it lives on.
///
/// The user's objects hold it, and whoever waits; what is on the loop doesn't, since the thread
/// can't wait for its own end.
struct connection::core : std::enable_shared_from_this<core> {
  explicit core(client::options settings) : when_full(settings.subscriptions.full) {
    nc = std::make_unique<client::connection>(loop.get_executor(), std::move(settings));
    thread = std::thread([this] { loop.run(); });
  }
  core(const core&) = delete;
  core& operator=(const core&) = delete;
  ~core() {
    loop.stop();
    if (thread.joinable()) thread.join();
  }

  [[nodiscard]] bool is_own_thread() const noexcept {
    return std::this_thread::get_id() == thread.get_id();
  }
  void check_may_wait() const {
    if (!is_own_thread()) return;
    check(make_error_code(boost::system::errc::resource_deadlock_would_occur));
  }
  /// What `f` returns on the loop.
  template <class F>
  auto call(F f) {
    if (is_own_thread()) return f();
    std::packaged_task<decltype(f())()> task(std::move(f));
    auto future = task.get_future();
    asio::post(loop, std::move(task));
    return future.get();
  }
  /// Waits for an operation that completes with an error, or with a Result; `start` begins it with
  /// the handler that it is given.
  template <class... Result, class Start>
  auto wait(Start start, std::chrono::nanoseconds timeout = forever) {
    check_may_wait();
    const auto held = shared_from_this();
    completion<Result...> end;
    auto done = end.promise.get_future();
    start(std::move(end));  // NOLINT(clang-analyzer-cplusplus.NewDeleteLeaks): the loop has it
    if (timeout != forever && done.wait_until(after(timeout)) == std::future_status::timeout) {
      check(errc::timed_out);
    }
    auto out = done.get();
    check(std::get<0>(out));
    if constexpr (sizeof...(Result) == 1) return std::move(std::get<1>(out));
  }

  const client::when_full when_full;  // of subscriptions that don't say another
  asio::io_context loop{1};
  asio::executor_work_guard<asio::io_context::executor_type> work{loop.get_executor()};
  std::unique_ptr<client::connection> nc;  // gone with the user's object, on the loop
  std::thread thread;
};

// --- subscriptions
// ---------------------------------------------------------------------------------

struct subscription::state {
  state(std::shared_ptr<connection::core> its_home,
        client::subscription what,
        std::size_t at_once,
        bool calls_back)
      : home(std::move(its_home)), it(std::move(what)), most(at_once), has_callback(calls_back) {}

  std::optional<client::message> take() {
    const std::scoped_lock held(lock);
    if (fetched.empty()) return std::nullopt;
    auto first = std::move(fetched.front());
    fetched.pop_front();
    return first;
  }
  /// Everything else that is there. On the loop, as only that adds anything: whoever finds nothing
  /// in `fetched` there has to wait.
  void fetch() {
    const std::scoped_lock held(lock);
    while (fetched.size() + 1 < most) {
      auto more = it.try_next();
      if (!more) return;
      fetched.push_back(*std::move(more));
    }
  }

  const std::shared_ptr<connection::core> home;
  client::subscription it;
  const std::size_t most;
  const bool has_callback;
  std::mutex lock;  // guards `fetched`
  std::deque<client::message> fetched;
  std::atomic<bool> has_ended{false};
};

/// One call of next() that waits. The loop ends it, by a message, an error, or because of the time
/// or a stop.
struct subscription::waiter : std::enable_shared_from_this<waiter> {
  using result = std::tuple<error_code, client::message>;

  explicit waiter(asio::io_context& loop) : timer(loop) {}

  /// Lifetime: `from` until `done` is set.
  void start(state& from, steady_clock::time_point until) {
    if (auto m = from.take()) return done.set_value({error_code(), *std::move(m)});
    from.it.async_next(asio::bind_cancellation_slot(
        cancel.slot(), [self = shared_from_this(), &from](error_code error, client::message m) {
          self->timer.cancel();
          if (!error) from.fetch();
          self->done.set_value({error, std::move(m)});
        }));
    if (until == steady_clock::time_point::max()) return;
    timer.expires_at(until);
    timer.async_wait([self = shared_from_this()](error_code error) {
      if (!error) self->end();
    });
  }
  void end() { cancel.emit(asio::cancellation_type::terminal); }

  asio::steady_timer timer;
  asio::cancellation_signal cancel;
  std::promise<result> done;
};

subscription::subscription() noexcept = default;
subscription::subscription(subscription&& other) noexcept = default;
subscription::subscription(std::shared_ptr<state> its) noexcept : state_(std::move(its)) {}

subscription& subscription::operator=(subscription&& other) noexcept {
  if (this != &other) {
    end();
    state_ = std::move(other.state_);
  }
  return *this;
}

subscription::~subscription() {
  end();
}

// Threads that wait hold the state a little longer.
void subscription::end() noexcept {
  if (!state_) return;
  if (state_->has_callback) {
    state_->home->call([it = state_.get()] { it->it = {}; });
  } else {
    state_->it.unsubscribe();
  }
  state_.reset();
}

std::optional<client::message> subscription::next(const std::stop_token& stop) {
  return next(steady_clock::time_point::max(), stop);
}

std::optional<client::message> subscription::next(std::chrono::nanoseconds timeout,
                                                  const std::stop_token& stop) {
  return next(after(timeout), stop);
}

std::optional<client::message> subscription::next(steady_clock::time_point until,
                                                  const std::stop_token& stop) {
  const auto from = state_;  // the user may let go of it meanwhile
  if (stop.stop_requested()) return std::nullopt;
  if (auto m = from->take()) return m;
  from->home->check_may_wait();
  auto& loop = from->home->loop;
  const auto its = std::make_shared<waiter>(loop);
  auto done = its->done.get_future();
  asio::post(loop, [its, &from, until] { its->start(*from, until); });
  const std::stop_callback on_stop(stop, [&] { asio::post(loop, [its] { its->end(); }); });
  auto [error, m] = done.get();
  if (!error) return std::move(m);
  if (error == asio::error::operation_aborted) return std::nullopt;
  if (error != errc::slow_consumer) from->has_ended = true;
  if (error == errc::ended) return std::nullopt;
  throw boost::system::system_error(error);
}

bool subscription::has_ended() const noexcept {
  return state_ && state_->has_ended;
}

void subscription::unsubscribe() {
  if (state_) state_->it.unsubscribe();
}

void subscription::unsubscribe_after(std::uint64_t max) {
  if (state_) state_->it.unsubscribe_after(max);
}

void subscription::drain(std::chrono::nanoseconds timeout) {
  state_->home->wait([&](auto done) { state_->it.async_drain(std::move(done)); }, timeout);
}

std::uint64_t subscription::dropped() const noexcept {
  return state_ ? state_->it.dropped() : 0;
}

// --- connections
// -----------------------------------------------------------------------------------

connection::connection(client::options settings)
    : core_(std::make_shared<core>(std::move(settings))) {}

connection::~connection() {
  core_->call([it = core_.get()] { it->nc.reset(); });
}

void connection::connect() {
  core_->wait([&](auto done) { async().async_connect(std::move(done)); });
}

void connection::publish(std::string_view subject, std::string_view payload) {
  publish({.subject = subject, .payload = payload});
}

void connection::publish(std::string_view subject,
                         const client::headers& header,
                         std::string_view payload) {
  publish({.subject = subject, .header_block = header.block(), .payload = payload});
}

void connection::publish(const client::message_view& m) {
  const auto error = async().publish(m);
  if (error == errc::buffer_full && !core_->is_own_thread()) {
    return core_->wait([&](auto done) { async().async_publish(m, std::move(done)); });
  }
  check(error);
}

// Where the oldest messages give way, those that were fetched already would be older still.
subscription connection::subscribe(std::string_view subject, const client::subscribe_options& set) {
  const auto full = set.limits ? set.limits->full : core_->when_full;
  const auto most = full == client::when_full::drop_oldest ? 1 : most_fetched;
  return subscription(
      std::make_shared<subscription::state>(core_, async().subscribe(subject, set), most, false));
}

subscription connection::subscribe(std::string_view subject,
                                   callback deliver,
                                   const client::subscribe_options& set) {
  return subscription(std::make_shared<subscription::state>(
      core_, async().subscribe(subject, std::move(deliver), set), most_fetched, true));
}

client::message connection::request(std::string_view subject,
                                    std::string_view payload,
                                    std::chrono::milliseconds timeout) {
  return request({.subject = subject, .payload = payload}, timeout);
}

client::message connection::request(const client::message_view& m,
                                    std::chrono::milliseconds timeout) {
  return core_->wait<client::message>(
      [&](auto done) { async().async_request(m, timeout, std::move(done)); });
}

std::vector<client::message> connection::request_many(const client::message_view& m,
                                                      const client::collect_options& until) {
  return core_->wait<std::vector<client::message>>(
      [&](auto done) { async().async_request_many(m, until, std::move(done)); });
}

std::vector<client::message> connection::request_many(std::string_view subject,
                                                      std::string_view payload,
                                                      const client::collect_options& until) {
  return request_many({.subject = subject, .payload = payload}, until);
}

void connection::flush(std::chrono::nanoseconds timeout) {
  core_->wait([&](auto done) { async().async_flush(std::move(done)); }, timeout);
}

void connection::drain(std::chrono::nanoseconds timeout) {
  core_->wait([&](auto done) { async().async_drain(std::move(done)); }, timeout);
}

void connection::close() {
  async().close();
}

protocol::server_info connection::server_info() const {
  return core_->call([it = core_.get()] { return it->nc->server_info(); });
}

bool connection::is_connected() const {
  return core_->call([it = core_.get()] { return it->nc->is_connected(); });
}

client::connection::counters connection::statistics() const noexcept {
  return core_->nc->statistics();
}

client::connection& connection::async() noexcept {
  return *core_->nc;
}

asio::any_io_executor connection::get_executor() const noexcept {
  return core_->loop.get_executor();
}

}  // namespace nuncio::blocking
