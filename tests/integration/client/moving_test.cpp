// Leaving a server that is about to leave.
#include "fixture.hpp"

#include <boost/asio/deferred.hpp>
#include <boost/asio/steady_timer.hpp>

#include <chrono>
#include <csignal>
#include <string>
#include <vector>

namespace {

using namespace nuncio::test;
using namespace std::chrono_literals;
namespace client = nuncio::client;
using client::connection;
using client::status;

/// Two servers that know nothing of each other, and what a client of both says.
struct two_servers {
  two_servers() : first(server_program()), second(server_program()) {}

  client::options settings() {
    client::options set;
    set.servers = first.url() + "," + second.url();
    set.randomize = false;
    set.on_status = [this](const status& what) { said += std::string(to_string(what.what)) + " "; };
    return set;
  }
  static client::options only(const server_process& server) {
    client::options set;
    set.servers = server.url();
    set.reconnect.enabled = false;
    return set;
  }
  auto is_moved() {
    return [this] { return said.ends_with("moved "); };
  }

  server_process first;
  server_process second;
  std::string said;
};

}  // namespace

TEST_CASE("moving: a client leaves a lame duck for another server, which ends then") {
  two_servers w;
  run([&]() -> asio::awaitable<void> {
    const auto executor = co_await here();
    connection nc(executor, w.settings());
    connection other(executor, two_servers::only(w.second));
    co_await nc.async_connect(asio::use_awaitable);
    co_await other.async_connect(asio::use_awaitable);
    const auto& before = nc.server_info().server_id;
    const std::string left = before;
    auto plain = nc.subscribe("plain");
    auto group = nc.subscribe("group", {.queue = "q"});
    auto counted = nc.subscribe("counted", {.max_messages = 3});
    auto ended = nc.subscribe("ended");
    co_await nc.async_request("plain", "", 1ms, as_values);  // there is an inbox
    CHECK(co_await next(plain) == "plain=");
    nc.publish("counted", "1");
    CHECK(co_await next(counted) == "counted=1");
    w.first.signal(SIGUSR2);
    co_await until(w.is_moved());
    CHECK(nc.is_connected());
    CHECK(nc.server_info().server_id != left);
    ended.unsubscribe();
    co_await nc.async_flush(asio::use_awaitable);
    for (const auto* const each : {"plain", "group", "counted", "counted", "counted", "ended"}) {
      other.publish(each, "2");
    }
    CHECK(co_await next(plain) == "plain=2");
    CHECK(co_await next(group) == "group=2");
    CHECK(co_await next(counted) == "counted=2");
    CHECK(co_await next(counted) == "counted=2");
    CHECK(co_await next(counted) == "error: the subscription has ended");
    CHECK(co_await next(ended) == "error: the subscription has ended");
    auto answering = other.subscribe(
        "ask", [&other](const client::message_view& m) { other.publish(m.reply, "yes"); });
    co_await other.async_flush(asio::use_awaitable);
    const auto answer = co_await nc.async_request("ask", "", 10s, asio::use_awaitable);
    CHECK(answer.payload() == "yes");
    CHECK(w.said == "connected lame_duck moved ");
    CHECK(nc.statistics().reconnects == 0);
    // Once the last client has left there is nothing to wait for.
    CHECK(w.first.await_end(15s) == 0);
  });
}

TEST_CASE("moving: a call that is under way is still answered by way of the old server") {
  two_servers w;
  run([&]() -> asio::awaitable<void> {
    const auto executor = co_await here();
    connection nc(executor, w.settings());
    connection there(executor, two_servers::only(w.first));
    co_await nc.async_connect(asio::use_awaitable);
    co_await there.async_connect(asio::use_awaitable);
    auto asked = there.subscribe("ask");
    co_await there.async_flush(asio::use_awaitable);
    std::string got;
    nc.async_request("ask", "", 20s, [&](error_code error, const client::message& m) {
      got = error ? error.message() : std::string(m.payload());
    });
    const auto question = co_await asked.async_next(asio::use_awaitable);
    w.first.signal(SIGUSR2);
    co_await until(w.is_moved());
    CHECK(got.empty());
    there.publish(question.reply(), "late");
    co_await until([&] { return !got.empty(); });
    CHECK(got == "late");
    there.close();
    CHECK(w.first.await_end(15s) == 0);
  });
}

TEST_CASE("moving: what is published meanwhile arrives once and in order") {
  two_servers w;
  run([&]() -> asio::awaitable<void> {
    const auto executor = co_await here();
    connection nc(executor, w.settings());
    connection first(executor, two_servers::only(w.first));
    connection second(executor, two_servers::only(w.second));
    for (auto* const each : {&nc, &first, &second})
      co_await each->async_connect(asio::use_awaitable);
    std::vector<int> got;
    const auto note = [&](const client::message_view& m) {
      got.push_back(std::stoi(std::string(m.payload)));
    };
    auto at_first = first.subscribe("n", note);
    auto at_second = second.subscribe("n", note);
    co_await first.async_flush(asio::use_awaitable);
    co_await second.async_flush(asio::use_awaitable);
    int sent = 0;
    w.first.signal(SIGUSR2);
    while (!w.said.ends_with("moved ")) {
      nc.publish("n", std::to_string(sent++));
      co_await asio::post(asio::use_awaitable);
    }
    for (int i = 0; i < 10; ++i) nc.publish("n", std::to_string(sent++));
    co_await nc.async_flush(asio::use_awaitable);
    co_await until([&] { return got.size() >= static_cast<std::size_t>(sent); });
    for (int i = 0; i < sent; ++i) REQUIRE(got.at(static_cast<std::size_t>(i)) == i);
    CHECK(got.size() == static_cast<std::size_t>(sent));
  });
}

TEST_CASE("moving: without another server the connection is used to its end") {
  server_process server(server_program());
  run([&]() -> asio::awaitable<void> {
    const auto executor = co_await here();
    std::string said;
    client::options set;
    set.servers = server.url();
    set.reconnect.first_pause = 1ms;
    set.reconnect.longest_pause = 1ms;
    set.reconnect.max_attempts = 3;
    set.on_status = [&](const status& what) { said += std::string(to_string(what.what)) + " "; };
    connection nc(executor, set);
    co_await nc.async_connect(asio::use_awaitable);
    auto sub = nc.subscribe("a");
    server.signal(SIGUSR2);
    co_await until([&] { return said.ends_with("lame_duck "); });
    asio::steady_timer some_attempts(executor, 100ms);
    co_await some_attempts.async_wait(asio::use_awaitable);
    nc.publish("a", "1");
    CHECK(co_await next(sub) == "a=1");
    server.kill(SIGKILL);
    server.restart();
    co_await until([&] { return said.ends_with("reconnected "); });
    nc.publish("a", "2");
    CHECK(co_await next(sub) == "a=2");
    CHECK(said == "connected lame_duck disconnected reconnected ");
  });
}

TEST_CASE("moving: closing and draining while it moves") {
  for (const bool drains : {false, true}) {
    CAPTURE(drains);
    two_servers w;
    run([&]() -> asio::awaitable<void> {
      const auto executor = co_await here();
      connection nc(executor, w.settings());
      co_await nc.async_connect(asio::use_awaitable);
      auto group = nc.subscribe("group", {.queue = "q"});
      w.first.signal(SIGUSR2);
      co_await until([&] { return w.said.ends_with("lame_duck "); });
      nc.publish("group", "1");
      if (drains) {
        CHECK_FALSE(co_await error_of(nc.async_drain(asio::deferred)));
        CHECK(co_await next(group) == "group=1");
      } else {
        nc.close();
      }
      CHECK(co_await next(group) ==
            (drains ? "error: the subscription has ended" : "error: the connection is closed"));
      CHECK(w.first.await_end(15s) == 0);
    });
  }
}
