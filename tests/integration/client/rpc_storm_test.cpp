// Somebody dies, hangs or doesn't read while thousands of calls and streams are under way: each of
// them ends once, no handler goes on, and whatever is called afterwards works.
#include "child_process.hpp"
#include "rpc_world.hpp"

#include <boost/asio/co_spawn.hpp>

#include <algorithm>
#include <array>
#include <csignal>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace {

using namespace nuncio::test;
namespace client = nuncio::client;
namespace rpc = nuncio::rpc;
using rpc::code;

constexpr int many = 10'000;
/// When what nobody ends is over.
constexpr std::chrono::nanoseconds patience = 3s;

/// Lets others run, and the processor rest, until `holds()` does.
template <class Holds>
asio::awaitable<void> wait_until(Holds holds) {
  while (!holds()) co_await pause(2ms);
}

/// Handlers of all kinds, and how many of them run.
class handlers {
 public:
  int started = 0;
  int running = 0;

  void serve(rpc::service& by) {
    by.endpoint<int, int>("same", [](int n) { return n; });
    by.endpoint<int, int>("started", [this](int) { return started; });
    by.endpoint<int, int>("soon", [this](int n) { return take(n % 50 * 1ms); });
    by.endpoint<int, int>("late", [this](int) { return take(1h); });
    by.server_stream<int, int>("write", [this](int, rpc::writer<int>& out) { return write(out); });
    by.client_stream<int, int>("read", [this](rpc::reader<int>& in) { return read(in); });
    by.bidi_stream<int, int>(
        "both", [this](rpc::reader<int>& in, rpc::writer<int>& out) { return both(in, out); });
  }

 private:
  struct presence {
    explicit presence(handlers& all) : in(all) {
      ++in.started;
      ++in.running;
    }
    presence(const presence&) = delete;
    presence& operator=(const presence&) = delete;
    ~presence() { --in.running; }
    handlers& in;
  };

  asio::awaitable<int> take(std::chrono::milliseconds time) {
    const presence here(*this);
    co_await pause(time);
    co_return 0;
  }
  asio::awaitable<void> write(rpc::writer<int>& out) {
    const presence here(*this);
    for (int i = 0;; ++i) co_await out.async_write(i);
  }
  asio::awaitable<int> read(rpc::reader<int>& in) {
    const presence here(*this);
    while (const auto item = co_await in.async_read()) {
    }
    co_return 0;
  }
  asio::awaitable<void> both(rpc::reader<int>& in, rpc::writer<int>& out) {
    const presence here(*this);
    while (const auto each = co_await in.async_read()) co_await out.async_write(*each);
  }
};

using time_limit = std::optional<std::chrono::nanoseconds>;

// Callers of streams, who go on as fast as they can.
asio::awaitable<void> read_on(rpc::stub by, time_limit limit) {
  auto in = by.server_stream<int>("write", 1, {.timeout = limit});
  while (const auto item = co_await in.async_read()) {
  }
}
asio::awaitable<void> write_on(rpc::stub by, time_limit limit) {
  auto out = by.client_stream<int, int>("read", {.timeout = limit});
  for (int i = 0;; ++i) co_await out.async_write(i);
}
asio::awaitable<void> talk_on(rpc::stub by, time_limit limit) {
  auto both = by.bidi_stream<int, int>("both", {.timeout = limit});
  for (int i = 0;; ++i) {
    co_await both.async_write(i);
    co_await both.async_read();
  }
}

/// Calls and streams, and how they ended.
class storm {
 public:
  storm(client::connection& nc, std::chrono::nanoseconds timeout)
      : executor_(nc.get_executor()), remote_(nc, "calc", with(timeout)) {}
  storm(const storm&) = delete;
  storm& operator=(const storm&) = delete;

  /// Every other one of a handler that doesn't end by itself.
  void call(int count) {
    for (int i = 0; i < count; ++i) {
      remote_.async_call<int>(i % 2 == 0 ? "late" : "soon", i, {},
                              [note = begin()](const rpc::result<int>& how) {
                                note(how ? rpc::status() : how.error());
                              });
    }
  }
  /// A third of each kind.
  void open(int count, time_limit limit) {
    constexpr std::array kinds{read_on, write_on, talk_on};
    for (int i = 0; i < count; ++i) {
      asio::co_spawn(executor_, status_of(kinds[static_cast<std::size_t>(i) % 3](remote_, limit)),
                     [note = begin()](const std::exception_ptr& failed, const rpc::status& how) {
                       CHECK_FALSE(failed);
                       note(how);
                     });
    }
  }

  [[nodiscard]] int ended(code how) const {
    const auto at = ends_.find(how);
    return at == ends_.end() ? 0 : at->second;
  }
  [[nodiscard]] bool is_over() const { return std::count(times_.begin(), times_.end(), 0) == 0; }
  /// Each has ended once, well or because somebody was gone, and nothing is kept of any.
  void check() const {
    CHECK(std::count(times_.begin(), times_.end(), 1) == std::ssize(times_));
    for (const auto& [how, count] : ends_) {
      CAPTURE(count);
      CHECK((how == code::ok || how == code::unavailable || how == code::deadline_exceeded));
    }
    CHECK(kept_.use_count() == 1);
  }

 private:
  static rpc::stub_options with(std::chrono::nanoseconds timeout) {
    rpc::stub_options set;
    set.timeout = timeout;
    set.streams.ping_after = 100ms;
    return set;
  }
  std::function<void(const rpc::status&)> begin() {
    times_.push_back(0);
    return [this, which = times_.size() - 1, held = kept_](const rpc::status& how) {
      ++times_[which];
      ++ends_[how.code];
    };
  }

  asio::any_io_executor executor_;
  rpc::stub remote_;
  std::vector<int> times_;  // that each has ended
  std::map<code, int> ends_;
  std::shared_ptr<int> kept_ = std::make_shared<int>();
};

rpc::service_options roomy() {
  auto set = calc();
  set.max_concurrent = set.max_per_caller = 2 * static_cast<std::size_t>(many);
  return set;
}

/// Calls and streams work.
asio::awaitable<void> all_works(world& w) {
  for (int i = 0; i < 100; ++i) CHECK(co_await w.remote.call<int>("same", i) == i);
  auto both = w.remote.bidi_stream<int, int>("both");
  for (int i = 0; i < 100; ++i) {
    co_await both.async_write(i);
    CHECK(co_await both.async_read() == i);
  }
  both.close();
  CHECK_FALSE(co_await both.async_read());
}

}  // namespace

TEST_CASE("rpc: a broker that dies under thousands of calls and streams ends each of them once") {
  run_in_world([](world& w) -> asio::awaitable<void> {
    handlers all;
    rpc::service service(w.serving, roomy());
    all.serve(service);
    co_await w.ready();
    // While all run, and while most are on their way.
    constexpr std::array goals{many / 2, 1};
    for (const int goal : goals) {
      CAPTURE(goal);
      storm calls(w.calling, patience);
      calls.open(100, patience);
      calls.call(many);
      const auto before = all.started;
      co_await wait_until([&] { return all.started >= before + goal || calls.is_over(); });
      w.server.kill(SIGKILL);
      w.server.restart();
      co_await wait_until([&] { return calls.is_over() && all.running == 0; });
      calls.check();
      co_await w.ready();
      co_await all_works(w);
      co_await wait_until([&] { return all.running == 0; });
    }
  });
}

TEST_CASE("rpc: a service that dies under thousands of calls and streams ends each of them once") {
  run_in_world([](world& w) -> asio::awaitable<void> {
    const child_process serving([&](asio::io_context& loop) {
      client::connection nc(loop.get_executor(), world::with(w.server));
      handlers all;
      rpc::service service(nc, roomy());
      all.serve(service);
      nc.async_connect([](auto) {});
      loop.run();
    });
    int started = 0;
    const auto ask = [&]() -> asio::awaitable<bool> {
      const auto how = co_await status_of(w.remote.call<int>("same", 1));
      if (how.is_ok()) started = co_await w.remote.call<int>("started", 1);
      co_return how.is_ok();
    };
    while (!co_await ask()) co_await pause(2ms);
    storm calls(w.calling, patience);
    calls.open(100, patience);
    calls.call(many);
    while (started < many / 2) co_await ask();
    calls.call(many / 10);  // these are on their way
    co_await settle();
    serving.kill(SIGKILL);
    co_await wait_until([&] { return calls.is_over(); });
    calls.check();
    CHECK(calls.ended(code::deadline_exceeded) + calls.ended(code::unavailable) >= many / 2);

    handlers all;
    rpc::service service(w.serving, roomy());
    all.serve(service);
    co_await w.ready();
    co_await all_works(w);
    co_await wait_until([&] { return all.running == 0; });
  });
}

TEST_CASE("rpc: a caller that dies or hangs leaves no handler running, and no room taken") {
  constexpr int places = 100;
  for (const int signal : {SIGKILL, SIGSTOP}) {
    CAPTURE(signal);
    run_in_world([&](world& w) -> asio::awaitable<void> {
      handlers all;
      auto set = roomy();
      set.max_concurrent = places;
      set.streams.ping_after = 100ms;
      rpc::service service(w.serving, set);
      all.serve(service);
      co_await w.ready();
      const auto fill = [&](storm& calls) {
        calls.open(3 * places, {});
        calls.call(2 * places);
      };
      const child_process caller([&](asio::io_context& loop) {
        client::connection nc(loop.get_executor(), world::with(w.server));
        storm calls(nc, 2s);  // which is what ends calls; streams have no end
        nc.async_connect([&](auto) { fill(calls); });
        loop.run();
      });
      co_await wait_until([&] { return all.started == 5 * places; });
      caller.kill(signal);
      co_await wait_until([&] { return all.running == 0; });

      storm again(w.calling, patience);
      fill(again);
      co_await wait_until([&] { return all.started == 10 * places; });
      service.stop();
      co_await wait_until([&] { return again.is_over() && all.running == 0; });
      again.check();
    });
  }
}

TEST_CASE("streams: those that nobody reads hold no more than a connection's share, all together") {
  run_in_world([](world& w) -> asio::awaitable<void> {
    rpc::service service(w.serving, roomy());
    handlers all;
    all.serve(service);
    constexpr std::size_t size = 4000;
    std::size_t sent = 0;
    std::size_t beginners = 0;
    service.server_stream<int, rpc::bytes>(
        "much", [&](int, rpc::writer<rpc::bytes>& out) -> asio::awaitable<void> {
          const rpc::bytes item{std::string(size, 'x')};
          ++beginners;
          for (;;) {
            co_await out.async_write(item);
            sent += size;
          }
        });
    co_await w.ready();
    constexpr std::size_t streams = 300;
    std::vector<rpc::reader<rpc::bytes>> unread;
    for (std::size_t i = 0; i < streams; ++i)
      unread.push_back(w.remote.server_stream<rpc::bytes>("much", i));
    co_await wait_until([&] { return beginners == streams && sent >= streams * size; });
    co_await all_works(w);
    CHECK(sent <= 16UL * 1024 * 1024);
    for (auto& each : unread) CHECK(co_await each.async_read());
    unread.clear();
    service.stop();
    co_await settle();
  });
}
