// Client and broker in one process, without sockets.
#include "coroutines.hpp"
#include "test_server.hpp"

#include <nuncio/client/connection.hpp>
#include <nuncio/client/in_process.hpp>
#include <nuncio/server/server.hpp>

#include <boost/asio/execution/context.hpp>
#include <doctest/doctest.h>

#include <atomic>
#include <chrono>
#include <functional>
#include <memory>
#include <string>
#include <thread>
#include <vector>

namespace {

using namespace nuncio::test;
using namespace std::chrono_literals;
namespace client = nuncio::client;
namespace server = nuncio::server;
using client::connection;
using client::errc;

/// A broker that listens on no port, and can be replaced.
struct local_broker {
  explicit local_broker(server::options set = {}, asio::io_context* beside = nullptr)
      : settings(std::move(set)), loop(beside) {
    settings.listen = false;
    start();
  }
  void start() {
    node = loop == nullptr ? std::make_unique<server::server>(settings, log)
                           : std::make_unique<server::server>(settings, log, *loop);
    node->start();
  }
  [[nodiscard]] client::options reach() {
    client::options set;
    set.reconnect.first_pause = set.reconnect.longest_pause = 1ms;
    set.open_stream = client::in_process([this] { return node->connect(); });
    return set;
  }

  kept_log log;
  server::options settings;
  asio::io_context* loop;
  std::unique_ptr<server::server> node;
};

/// Once with a broker that has threads of its own, once with one on the client's loop.
void run_both(const std::function<asio::awaitable<void>(local_broker&)>& body,
              const server::options& set = {}) {
  for (const bool is_beside : {false, true}) {
    CAPTURE(is_beside);
    run([&]() -> asio::awaitable<void> {
      const auto executor = co_await here();
      auto& loop = static_cast<asio::io_context&>(asio::query(executor, asio::execution::context));
      local_broker broker(set, is_beside ? &loop : nullptr);
      co_await body(broker);
    });
  }
}

asio::awaitable<std::string> next(client::subscription& from) {
  auto [error, m] = co_await from.async_next(as_values);
  if (error) co_return "error: " + error.message();
  co_return std::string(m.payload());
}

}  // namespace

TEST_CASE("in process: messages, headers and requests go without a socket") {
  run_both([](local_broker& broker) -> asio::awaitable<void> {
    CHECK(broker.node->port() == 0);
    const auto executor = co_await here();
    connection nc(executor, broker.reach());
    connection other(executor, broker.reach());
    co_await nc.async_connect(asio::use_awaitable);
    co_await other.async_connect(asio::use_awaitable);
    CHECK(nc.server_info().server_id == broker.node->id());
    auto sub = nc.subscribe("a");
    auto echo = nc.subscribe("echo", [&](const client::message_view& m) {
      CHECK_FALSE(nc.publish(m.reply, m.payload));
    });
    co_await nc.async_flush(asio::use_awaitable);
    CHECK_FALSE(other.publish("a", "1"));
    CHECK(co_await next(sub) == "1");
    for (int i = 0; i < 100; ++i) {
      const auto payload = std::to_string(i);
      auto answer = co_await other.async_request("echo", payload, 10s, asio::use_awaitable);
      CHECK(answer.payload() == payload);
    }
    CHECK(broker.node->statistics().connections == 2);
  });
}

TEST_CASE("in process: payloads larger than a pipe pass whole, however many wait") {
  run_both([](local_broker& broker) -> asio::awaitable<void> {
    const auto executor = co_await here();
    connection nc(executor, broker.reach());
    connection other(executor, broker.reach());
    co_await nc.async_connect(asio::use_awaitable);
    co_await other.async_connect(asio::use_awaitable);
    auto sub = nc.subscribe("a");
    co_await nc.async_flush(asio::use_awaitable);
    constexpr std::size_t size = 1024UL * 1024;
    constexpr int count = 40;
    int sent = 0;
    const std::function<void(error_code)> go_on = [&](error_code error) {
      CHECK_FALSE(error);
      if (sent == count) return;
      const std::string payload(size, static_cast<char>('a' + sent++ % 26));
      other.async_publish("a", payload, go_on);
    };
    go_on({});
    for (int i = 0; i < count; ++i) {
      const auto got = co_await next(sub);
      CHECK(got.size() == size);
      CHECK(got.find_first_not_of(static_cast<char>('a' + i % 26)) == std::string::npos);
    }
  });
}

TEST_CASE("in process: what a server does ends its connections, and the next one takes them") {
  run_both([](local_broker& broker) -> asio::awaitable<void> {
    const auto executor = co_await here();
    int lost = 0;
    int back = 0;
    auto set = broker.reach();
    set.on_status = [&](const client::status& s) {
      lost += s.what == client::status::kind::disconnected ? 1 : 0;
      back += s.what == client::status::kind::reconnected ? 1 : 0;
    };
    connection nc(executor, set);
    co_await nc.async_connect(asio::use_awaitable);
    auto sub = nc.subscribe("a");
    for (int i = 1; i <= 3; ++i) {
      broker.node->stop();
      CHECK(broker.node->connect() == nullptr);
      co_await until([&] { return lost == i; });
      broker.start();
      co_await until([&] { return back == i; });
      CHECK_FALSE(nc.publish("a", std::to_string(i)));
      CHECK(co_await next(sub) == std::to_string(i));
    }
  });
}

TEST_CASE("in process: a server that isn't there refuses") {
  run_both([](local_broker& broker) -> asio::awaitable<void> {
    broker.node->stop();
    const auto executor = co_await here();
    connection nc(executor, broker.reach());
    CHECK(co_await error_of([&](auto token) { return nc.async_connect(token); }) ==
          asio::error::connection_refused);
  });
  kept_log log;
  server::server idle({.listen = false}, log);
  CHECK(idle.connect() == nullptr);
}

TEST_CASE("in process: the limit of connections holds") {
  const auto body = [](local_broker& broker) -> asio::awaitable<void> {
    const auto executor = co_await here();
    connection nc(executor, broker.reach());
    connection other(executor, broker.reach());
    co_await nc.async_connect(asio::use_awaitable);
    CHECK(co_await error_of([&](auto token) { return other.async_connect(token); }) ==
          errc::server_full);
  };
  run_both(body, {.max_connections = 1});
}

TEST_CASE("in process: a lame duck says so and takes nobody any more") {
  run_both([](local_broker& broker) -> asio::awaitable<void> {
    const auto executor = co_await here();
    bool is_told = false;
    auto set = broker.reach();
    set.on_status = [&](const client::status& s) {
      is_told |= s.what == client::status::kind::lame_duck;
    };
    connection nc(executor, set);
    co_await nc.async_connect(asio::use_awaitable);
    broker.node->enter_lame_duck([] {});
    co_await until([&] { return is_told; });
    CHECK(broker.node->connect() == nullptr);
  });
}

TEST_CASE("in process: a client that goes first leaves nothing behind") {
  run_both([](local_broker& broker) -> asio::awaitable<void> {
    const auto executor = co_await here();
    for (int i = 0; i < 20; ++i) {
      connection nc(executor, broker.reach());
      co_await nc.async_connect(asio::use_awaitable);
      auto sub = nc.subscribe("a");
      for (int n = 0; n < 100; ++n) CHECK_FALSE(nc.publish("a", std::string(10'000, 'x')));
      if (i % 2 == 0) CHECK(co_await next(sub) == std::string(10'000, 'x'));
    }
    co_await until([&] { return broker.node->statistics().connections == 0; });
  });
}

TEST_CASE("in process: threads of their own on both sides, and connections that change shards") {
  local_broker broker({.shards = 2, .shuffle_interval = 1ms});
  constexpr int count = 4;
  constexpr int messages = 5000;
  std::vector<std::thread> threads;
  std::atomic<int> ready{0};
  std::atomic<int> got{0};
  for (int i = 0; i < count; ++i) {
    threads.emplace_back([&] {
      run([&]() -> asio::awaitable<void> {
        const auto executor = co_await here();
        connection nc(executor, broker.reach());
        co_await nc.async_connect(asio::use_awaitable);
        int mine = 0;
        auto sub = nc.subscribe("all", [&](const client::message_view&) { ++mine; });
        co_await nc.async_flush(asio::use_awaitable);
        ++ready;
        co_await until([&] { return ready == count; });
        for (int n = 0; n < messages; ++n) {
          co_await nc.async_publish("all", "x", asio::use_awaitable);
          if (n % 100 == 0) co_await nc.async_flush(asio::use_awaitable);
        }
        co_await until([&] { return mine == count * messages; });
        got += mine;
      });
    });
  }
  for (auto& each : threads) each.join();
  CHECK(got == count * count * messages);
  CHECK(broker.node->statistics().slow_consumers == 0);
}

TEST_CASE("in process: a broker stops and starts on a loop that nobody runs, which then ends") {
  asio::io_context loop{1};
  local_broker broker({}, &loop);
  auto set = broker.reach();
  int opened = 0;
  set.on_status = [&](const client::status& s) {
    const bool is_open =
        s.what == client::status::kind::connected || s.what == client::status::kind::reconnected;
    if (!is_open) return;
    ++opened;
    loop.stop();
  };
  // Neither is closed before the loop goes.
  connection nc(loop.get_executor(), set);
  nc.async_connect([](error_code error) { CHECK_FALSE(error); });
  loop.run();
  CHECK(opened == 1);
  broker.node->stop();
  CHECK(loop.stopped());
  broker.start();
  loop.restart();
  loop.run();
  CHECK(opened == 2);
}

TEST_CASE("in process: a broker on the client's loop takes connections from the network, too") {
  run([&]() -> asio::awaitable<void> {
    const auto executor = co_await here();
    auto& loop = static_cast<asio::io_context&>(asio::query(executor, asio::execution::context));
    kept_log log;
    server::server broker(test_server::with_any_port({}), log, loop);
    broker.start();
    {
      connection far(executor, {.servers = "nats://127.0.0.1:" + std::to_string(broker.port())});
      client::options set;
      set.open_stream = client::in_process([&] { return broker.connect(); });
      connection near(executor, set);
      co_await far.async_connect(asio::use_awaitable);
      co_await near.async_connect(asio::use_awaitable);
      auto sub = far.subscribe("a");
      co_await far.async_flush(asio::use_awaitable);
      CHECK_FALSE(near.publish("a", std::string(1000 * 1000, 'x')));
      CHECK((co_await next(sub)).size() == 1000 * 1000);
    }
    broker.stop();
  });
}
