#pragma once

#include "fixture.hpp"

#include <nuncio/rpc/service.hpp>
#include <nuncio/rpc/stub.hpp>

#include <boost/asio/steady_timer.hpp>
#include <boost/asio/this_coro.hpp>

#include <chrono>
#include <functional>
#include <utility>

/// What tests of services and their callers share. At namespace scope: msgpack's macros make
/// templates.
struct sum_request {
  int a = 0;
  int b = 0;
  MSGPACK_DEFINE_MAP(a, b);
};

namespace nuncio::test {

using namespace std::chrono_literals;

constexpr sum_request two_and_three{2, 3};

/// A server, a connection to it for each of both sides, and a service on one of them.
struct world {
  explicit world(const asio::any_io_executor& executor)
      : server(server_program()),
        serving(executor, with(server)),
        calling(executor, with(server)),
        remote(calling, "calc") {}

  static client::options with(const server_process& to) {
    client::options set;
    set.servers = to.url();
    set.reconnect.first_pause = 5ms;
    set.reconnect.longest_pause = 20ms;
    return set;
  }
  asio::awaitable<void> connect() {
    co_await serving.async_connect(asio::use_awaitable);
    co_await calling.async_connect(asio::use_awaitable);
  }
  /// What a service subscribes to is in place.
  asio::awaitable<void> ready() { co_await serving.async_flush(asio::use_awaitable); }

  server_process server;
  client::connection serving;
  client::connection calling;
  rpc::stub remote;
};

inline rpc::service_options calc() {
  rpc::service_options set;
  set.name = "calc";
  set.version = "1.2.0";
  return set;
}

inline void run_in_world(const std::function<asio::awaitable<void>(world&)>& body) {
  run([&]() -> asio::awaitable<void> {
    const auto executor = co_await asio::this_coro::executor;
    world w(executor);
    co_await w.connect();
    co_await body(w);
  });
}

/// How a call ended.
template <class Reply>
asio::awaitable<rpc::status> status_of(asio::awaitable<Reply> call) {
  try {
    co_await std::move(call);
    co_return rpc::status();
  } catch (const rpc::error& why) {
    co_return why.status();
  }
}

inline asio::awaitable<void> pause(std::chrono::milliseconds time) {
  asio::steady_timer timer(co_await asio::this_coro::executor, time);
  co_await timer.async_wait(asio::use_awaitable);
}

/// A handler that waits until its call is cancelled, and counts.
struct patient_handler {
  int started = 0;
  int cancelled = 0;

  asio::awaitable<int> wait(rpc::context& about) {
    ++started;
    try {
      co_await pause(20s);
    } catch (const boost::system::system_error&) {
      cancelled += about.is_cancelled() ? 1 : 0;
      throw;
    }
    co_return 1;
  }
  void serve(rpc::service& by) {
    by.endpoint<int, int>("slow", [this](int, rpc::context& about) { return wait(about); });
  }
};

}  // namespace nuncio::test
