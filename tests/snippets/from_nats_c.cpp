// What docs/from-nats-c.md quotes of our client, run beside a broker.
#include "with_broker.hpp"

#include <nuncio/client/connection.hpp>
#include <nuncio/rpc/service.hpp>
#include <nuncio/rpc/stub.hpp>

#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/experimental/awaitable_operators.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_future.hpp>
#include <boost/system/system_error.hpp>
#include <doctest/doctest.h>

#include <iostream>
#include <optional>
#include <string>
#include <thread>
#include <vector>

namespace asio = boost::asio;
using asio::use_awaitable;
using namespace std::chrono_literals;
using nuncio::client::connection;

namespace {

asio::awaitable<void> connect_to(asio::any_io_executor executor, nuncio::client::options reach) {
  connection nc(executor, reach);
  try {
    co_await nc.async_connect(use_awaitable);
  } catch (const boost::system::system_error& why) {
    std::cerr << why.code().message() << '\n';
  }
}

asio::awaitable<void> publish(connection& nc) {
  nc.publish("orders.new", "3 lamps for Ada");
  co_await nc.async_flush(use_awaitable);
}

asio::awaitable<void> take_one(connection& nc) {
  auto orders = nc.subscribe("orders.>");
  nc.publish("orders.new", "3 lamps for Ada");
  const auto order = co_await orders.async_next(use_awaitable);
  std::cout << order.subject() << ": " << order.payload() << '\n';
}

asio::awaitable<std::optional<nuncio::client::message>> take_in_time(
    nuncio::client::subscription& orders) {
  using namespace asio::experimental::awaitable_operators;
  asio::steady_timer late(co_await asio::this_coro::executor);
  late.expires_after(10ms);
  auto first = co_await (orders.async_read() || late.async_wait(use_awaitable));
  if (first.index() == 1) co_return std::nullopt;
  co_return std::get<0>(std::move(first));
}

void on_order(const nuncio::client::message_view& m) {
  std::cout << m.subject << ": " << m.payload << '\n';
}

nuncio::client::subscription subscribe(connection& nc) {
  auto orders = nc.subscribe("orders.>", on_order);
  return orders;
}

nuncio::client::subscription subscribe_queue(connection& nc) {
  auto orders = nc.subscribe("orders.>", on_order, {.queue = "workers"});
  return orders;
}

asio::awaitable<void> request(connection& nc) {
  const auto [error, price] =
      co_await nc.async_request("price.get", "lamp", 1s, asio::as_tuple(use_awaitable));
  if (error == nuncio::client::errc::no_responders) std::cerr << "nobody knows prices\n";
  if (!error) std::cout << price.payload() << '\n';
}

asio::awaitable<void> request_many(connection& nc) {
  const nuncio::client::collect_options until{.stall = 200ms};
  const auto answers = co_await nc.async_request_many("price.get", "lamp", until, use_awaitable);
  for (const auto& answer : answers) std::cout << answer.payload() << '\n';
}

void publish_with_headers(connection& nc) {
  nuncio::client::headers about;
  if (!about.add("Customer", "Ada")) std::cerr << "a header can't be that\n";
  nc.publish("orders.new", about, "3 lamps");
}

void show_customer(const nuncio::client::message& order) {
  if (const auto customer = order.headers().find("Customer")) {
    std::cout << "for " << *customer << '\n';
  }
}

asio::awaitable<void> drain(connection& nc) {
  co_await nc.async_drain(use_awaitable);  // completes when it is done
}

nuncio::client::options watched(nuncio::client::options set) {
  set.on_status = [](const nuncio::client::status& now) {
    using kind = nuncio::client::status::kind;
    if (now.what == kind::disconnected) std::cerr << "the server is gone\n";
    if (now.what == kind::reconnected) std::cerr << "and back\n";
    if (now.what == kind::slow_consumer) std::cerr << now.text << ": messages are dropped\n";
  };
  set.reconnect.max_attempts = -1;
  set.reconnect.first_pause = 100ms;
  return set;
}

nuncio::client::options secured() {
  nuncio::client::options set;
  set.servers = "tls://broker.example.com:4222";
  set.tls.ca_file = "ca.pem";
  set.tls.certificate_file = "client.pem";
  set.tls.key_file = "client-key.pem";
  set.creds_file = "user.creds";
  return set;
}

void ask_from_a_thread_that_waits(const nuncio::client::options& set) {
  asio::io_context loop(1);
  auto work = asio::make_work_guard(loop);
  std::thread runs([&] { loop.run(); });

  connection nc(loop.get_executor(), set);
  nc.async_connect(asio::use_future).get();
  const auto price = nc.async_request("price.get", "lamp", 1s, asio::use_future).get();
  std::cout << price.payload() << '\n';

  nc.async_drain(asio::use_future).get();
  work.reset();
  runs.join();
}

nuncio::rpc::service serve(connection& nc) {
  nuncio::rpc::service prices(nc, {.name = "prices", .version = "1.0.0"});
  prices.endpoint<nuncio::rpc::bytes, nuncio::rpc::bytes>("get", [](nuncio::rpc::bytes item) {
    if (item.value.empty()) {
      throw nuncio::rpc::error(nuncio::rpc::code::invalid_argument, "which item?");
    }
    return nuncio::rpc::bytes{"42"};
  });
  return prices;
}

using nuncio::test::here;
using nuncio::test::kept_output;
using nuncio::test::run_with_broker;

/// With one connection, and another one that knows prices.
void run_with_prices(const std::function<asio::awaitable<void>(connection&)>& body) {
  run_with_broker([&](nuncio::client::options reach) -> asio::awaitable<void> {
    const auto executor = co_await here();
    connection seller(executor, reach);
    connection nc(executor, reach);
    co_await seller.async_connect(use_awaitable);
    co_await nc.async_connect(use_awaitable);
    const auto answer = [&seller](const nuncio::client::message_view& m) {
      seller.publish(m.reply, std::string(m.payload) + " costs 42");
    };
    auto one = seller.subscribe("price.get", answer);
    auto other = seller.subscribe("price.get", answer);
    co_await seller.async_flush(use_awaitable);
    co_await body(nc);
  });
}

}  // namespace

TEST_CASE("from nats.c: connecting says what is wrong") {
  const kept_output errors(std::cerr);
  run_with_broker([](nuncio::client::options reach) -> asio::awaitable<void> {
    const auto executor = co_await here();
    co_await connect_to(executor, reach);
    reach.open_stream = nuncio::client::in_process(
        [] { return std::unique_ptr<nuncio::server::in_process_end>(); });
    co_await connect_to(executor, reach);
  });
  CHECK(errors.text() == "Connection refused\n");
}

TEST_CASE("from nats.c: messages are taken one by one, by a callback, and in a queue group") {
  const kept_output out(std::cout);
  run_with_broker([](nuncio::client::options reach) -> asio::awaitable<void> {
    const auto executor = co_await here();
    connection nc(executor, reach);
    co_await nc.async_connect(use_awaitable);
    co_await take_one(nc);
    {
      const auto all = subscribe(nc);
      co_await publish(nc);
    }
    const auto one = subscribe_queue(nc);
    const auto other = subscribe_queue(nc);
    co_await publish(nc);
  });
  const std::string line = "orders.new: 3 lamps for Ada\n";
  CHECK(out.text() == line + line + line);
}

TEST_CASE("from nats.c: a message is waited for until it is late") {
  run_with_broker([](nuncio::client::options reach) -> asio::awaitable<void> {
    const auto executor = co_await here();
    connection nc(executor, reach);
    co_await nc.async_connect(use_awaitable);
    auto orders = nc.subscribe("orders.>");
    auto order = co_await take_in_time(orders);
    CHECK_FALSE(order);
    co_await publish(nc);
    order = co_await take_in_time(orders);
    REQUIRE(order);
    CHECK(order->payload() == "3 lamps for Ada");
  });
}

TEST_CASE("from nats.c: requests, with one answer, several and none") {
  const kept_output out(std::cout);
  const kept_output errors(std::cerr);
  run_with_prices([&](connection& nc) -> asio::awaitable<void> {
    co_await request(nc);
    co_await request_many(nc);
    CHECK(errors.text().empty());
  });
  CHECK(out.text() == "lamp costs 42\nlamp costs 42\nlamp costs 42\n");
  run_with_broker([](nuncio::client::options reach) -> asio::awaitable<void> {
    const auto executor = co_await here();
    connection nc(executor, reach);
    co_await nc.async_connect(use_awaitable);
    co_await request(nc);
  });
  CHECK(errors.text() == "nobody knows prices\n");
}

TEST_CASE("from nats.c: headers") {
  const kept_output out(std::cout);
  run_with_broker([](nuncio::client::options reach) -> asio::awaitable<void> {
    const auto executor = co_await here();
    connection nc(executor, reach);
    co_await nc.async_connect(use_awaitable);
    auto orders = nc.subscribe("orders.>");
    publish_with_headers(nc);
    const auto order = co_await orders.async_next(use_awaitable);
    show_customer(order);
  });
  CHECK(out.text() == "for Ada\n");
}

TEST_CASE("from nats.c: draining takes what is on its way along") {
  const kept_output out(std::cout);
  run_with_broker([](nuncio::client::options reach) -> asio::awaitable<void> {
    const auto executor = co_await here();
    connection nc(executor, reach);
    co_await nc.async_connect(use_awaitable);
    const auto all = subscribe(nc);
    nc.publish("orders.new", "the last one");
    co_await drain(nc);
  });
  CHECK(out.text() == "orders.new: the last one\n");
}

TEST_CASE("from nats.c: a lost connection is told of, and comes back") {
  const kept_output errors(std::cerr);
  nuncio::test::run([]() -> asio::awaitable<void> {
    const auto executor = co_await here();
    auto& loop = static_cast<asio::io_context&>(asio::query(executor, asio::execution::context));
    nuncio::server::silent_log log;
    std::optional<nuncio::server::server> broker;
    const auto start_anew = [&] {
      nuncio::server::options settings;
      settings.listen = false;
      broker.emplace(settings, log, loop);
      broker->start();
    };
    start_anew();
    nuncio::client::options reach;
    reach.open_stream = nuncio::client::in_process([&broker] { return broker->connect(); });
    connection nc(executor, watched(reach));
    co_await nc.async_connect(use_awaitable);
    broker->stop();
    co_await nuncio::test::until([&] { return !nc.is_connected(); });
    start_anew();
    co_await nuncio::test::until([&] { return nc.is_connected(); });
    nc.close();
    broker->stop();
  });
  CHECK(errors.text() == "the server is gone\nand back\n");
}

TEST_CASE("from nats.c: what is said of TLS and credentials is a set of options that can be read") {
  run_with_broker([](nuncio::client::options) -> asio::awaitable<void> {
    const auto executor = co_await here();
    auto set = secured();
    CHECK_FALSE(set.tls.required);
    set.creds_file = "/nowhere";
    connection nc(executor, set);
    const auto [error] = co_await nc.async_connect(nuncio::test::as_values);
    CHECK(error != nuncio::client::errc::bad_options);
    CHECK(error);
  });
}

TEST_CASE("from nats.c: a thread that waits asks a connection of another one") {
  nuncio::server::silent_log log;
  nuncio::server::server broker({.listen = false}, log);
  broker.start();
  nuncio::client::options reach;
  reach.open_stream = nuncio::client::in_process([&broker] { return broker.connect(); });
  asio::io_context loop(1);
  connection seller(loop.get_executor(), reach);
  auto prices = seller.subscribe("price.get", [&](const nuncio::client::message_view& m) {
    seller.publish(m.reply, std::string(m.payload) + " costs 42");
    seller.async_drain([](auto) {});
  });
  seller.async_connect([](auto) {});
  seller.async_flush([&](auto) { loop.stop(); });
  loop.run();
  loop.restart();
  const kept_output out(std::cout);
  std::thread sells([&] { loop.run(); });
  ask_from_a_thread_that_waits(reach);
  sells.join();
  CHECK(out.text() == "lamp costs 42\n");
  broker.stop();
}

TEST_CASE("from nats.c: a service answers, and fails as services do") {
  run_with_broker([](nuncio::client::options reach) -> asio::awaitable<void> {
    const auto executor = co_await here();
    connection served(executor, reach);
    connection nc(executor, reach);
    co_await served.async_connect(use_awaitable);
    co_await nc.async_connect(use_awaitable);
    const auto prices = serve(served);
    co_await served.async_flush(use_awaitable);
    const auto price = co_await nc.async_request("prices.get", "lamp", 1s, use_awaitable);
    CHECK(price.payload() == "42");
    const auto failure = co_await nc.async_request("prices.get", "", 1s, use_awaitable);
    CHECK(failure.headers().find("Nats-Service-Error") == "which item?");
    CHECK(failure.headers().find("Nats-Service-Error-Code") == "400");
    const auto alive = co_await nc.async_request("$SRV.PING.prices", "", 1s, use_awaitable);
    CHECK(alive.payload().find("\"name\":\"prices\"") != std::string_view::npos);
  });
}
