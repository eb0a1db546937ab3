// What docs/from-grpc.md quotes of our RPC, run beside a broker.
#include "shop.hpp"
#include "with_broker.hpp"

#include <nuncio/client/connection.hpp>
#include <nuncio/rpc/interceptor.hpp>
#include <nuncio/rpc/service.hpp>
#include <nuncio/rpc/stub.hpp>

#include <boost/asio/bind_cancellation_slot.hpp>
#include <boost/asio/cancellation_signal.hpp>
#include <boost/asio/steady_timer.hpp>
#include <doctest/doctest.h>

#include <atomic>
#include <chrono>
#include <functional>
#include <iostream>
#include <memory>
#include <string>
#include <vector>

namespace asio = boost::asio;
namespace rpc = nuncio::rpc;
using namespace std::chrono_literals;
using asio::awaitable;
using nuncio::client::connection;

namespace {

awaitable<price> get(price_request request) {
  if (request.item.empty()) throw rpc::error(rpc::code::invalid_argument, "which item?");
  co_return price{42 * request.count};
}
awaitable<void> watch_price(price_request, rpc::writer<price>& to) {
  for (int cents = 40; cents < 43; ++cents) co_await to.async_write(price{cents});
}
awaitable<price> total_of(rpc::reader<price_request>& in) {
  price sum;
  while (const auto item = co_await in.async_read()) sum.cents += 42 * item->count;
  co_return sum;
}
awaitable<void> haggle_with(rpc::reader<price>& in, rpc::writer<price>& to) {
  while (const auto offer = co_await in.async_read()) {
    co_await to.async_write(price{(offer->cents + 42) / 2});
  }
}

rpc::service serve(connection& nc) {
  rpc::service prices(nc, {.name = "prices", .version = "1.0.0"});
  prices.endpoint<price_request, price>("get", get);
  prices.server_stream<price_request, price>("watch", watch_price);
  prices.client_stream<price_request, price>("total", total_of);
  prices.bidi_stream<price, price>("haggle", haggle_with);
  return prices;
}

awaitable<void> ask(rpc::stub& prices) {
  const price_request request{"lamp", 3};
  try {
    const auto reply = co_await prices.call<price>("get", request, {.timeout = 500ms});
    std::cout << reply.cents << '\n';
  } catch (const rpc::error& why) {
    std::cerr << why.what() << '\n';
  }
}

void ask_by_callback(rpc::stub& prices) {
  const price_request request{"lamp", 3};
  prices.async_call<price>("get", request, {}, [](const rpc::result<price>& got) {
    if (got) std::cout << got->cents << '\n';
  });
}

void ask_until(rpc::stub& prices, asio::cancellation_signal& give_up) {
  prices.async_call<price>("get", price_request{"lamp", 3}, {},
                           asio::bind_cancellation_slot(give_up.slot(), [](const auto& got) {
                             if (!got) std::cerr << to_string(got.error()) << '\n';
                           }));
}

awaitable<price> resell(rpc::stub& wholesale, price_request request, rpc::context& about) {
  const auto reply = co_await wholesale.call<price>("get", request, {.parent = &about});
  co_return price{2 * reply.cents};
}

price refuse(price_request) {
  rpc::status why(rpc::code::failed_precondition, "too low", "lowest-price");
  why.details = "40";
  why.details_type = "cents";
  throw rpc::error(why);
}

void show_refusal(const rpc::error& why) {
  if (why.code() == rpc::code::failed_precondition && why.status().details_type == "cents") {
    std::cout << "at least " << why.status().details << '\n';
  }
}

price greet(price_request, rpc::context& about) {
  if (const auto tenant = about.headers().find("tenant")) {
    about.reply_headers().add("greeting", "hello, " + *tenant);
  }
  return {42};
}

awaitable<void> ask_as_tenant(rpc::stub& prices, const price_request& request) {
  rpc::metadata about;
  about.add("tenant", "acme");
  const auto reply = co_await prices.call<price>("greet", request, {.headers = &about});
  std::cout << reply.cents << '\n';
}

awaitable<void> watch(rpc::stub& prices, const price_request& request) {
  auto all = prices.server_stream<price>("watch", request);
  while (const auto each = co_await all.async_read()) std::cout << each->cents << '\n';
}

awaitable<void> total(rpc::stub& prices, const price_request& lamps) {
  auto items = prices.client_stream<price_request, price>("total");
  co_await items.async_write(lamps);
  co_await items.async_write(lamps);
  const auto sum = co_await items.async_finish();
  std::cout << sum.cents << '\n';
}

awaitable<void> haggle(rpc::stub& prices) {
  auto both = prices.bidi_stream<price, price>("haggle");
  price offer{20};
  while (offer.cents < 40) {
    co_await both.async_write(offer);
    const auto answer = co_await both.async_read();
    if (!answer) break;
    offer = *answer;
    std::cout << offer.cents << '\n';
  }
  both.close();
}

rpc::stub stub_with_retries(connection& nc) {
  rpc::stub_options set;
  set.retries = {.attempts = 5, .first_pause = 10ms, .longest_pause = 500ms};
  set.hedge_after = 100ms;  // for idempotent calls
  return {nc, "prices", set};
}

std::atomic<int> calls = 0;

class call_counter final : public rpc::interceptor {
 public:
  void on_start(rpc::call_view&) override { ++calls; }
};

rpc::service_options counted() {
  rpc::service_options set{.name = "prices", .version = "1.0.0"};
  set.interceptors = {std::make_shared<call_counter>()};
  return set;
}

awaitable<void> who_is_there(connection& nc) {
  const nuncio::client::message_view question{.subject = "$SRV.PING.prices"};
  const auto all = co_await nc.async_request_many(question, {.stall = 100ms}, asio::use_awaitable);
  std::cout << all.size() << " instances\n";
}

nuncio::client::options secure(std::string ca_file) {
  nuncio::client::options set;
  set.servers = "tls://broker.example.com:4222";
  set.tls.ca_file = ca_file;
  return set;
}

void test_in_process() {
  asio::io_context loop(1);
  nuncio::server::silent_log log;
  nuncio::server::server broker({.listen = false}, log, loop);
  broker.start();
  nuncio::client::options reach;
  reach.open_stream = nuncio::client::in_process([&broker] { return broker.connect(); });

  connection nc(loop.get_executor(), reach);
  nc.async_connect([](auto error) { REQUIRE(!error); });
  const auto service = serve(nc);
  rpc::stub prices(nc, "prices");
  asio::co_spawn(loop, ask(prices), [&](std::exception_ptr failed) {
    nc.close();
    broker.stop();
    if (failed) std::rethrow_exception(failed);
  });
  loop.run();
}

using nuncio::test::here;

/// With a stub for what `serve()` serves, and `greet`, `refuse` and `resell` besides; what was
/// written.
std::string shown(const std::function<awaitable<void>(connection&, rpc::stub&)>& body) {
  const nuncio::test::kept_output out(std::cout);
  nuncio::test::run_with_broker([&](nuncio::client::options reach) -> awaitable<void> {
    const auto executor = co_await here();
    connection served(executor, reach);
    connection nc(executor, reach);
    co_await served.async_connect(asio::use_awaitable);
    co_await nc.async_connect(asio::use_awaitable);
    auto service = serve(served);
    service.endpoint<price_request, price>("greet", greet);
    service.endpoint<price_request, price>("refuse", refuse);
    rpc::stub wholesale(served, "prices");
    service.endpoint<price_request, price>(
        "resell", [&wholesale](price_request request, rpc::context& about) {
          return resell(wholesale, std::move(request), about);
        });
    co_await served.async_flush(asio::use_awaitable);
    rpc::stub prices(nc, "prices");
    co_await body(nc, prices);
  });
  return out.text();
}

const price_request lamps{"lamp", 3};

}  // namespace

TEST_CASE("from gRPC: a call, by a coroutine and by a callback") {
  CHECK(shown([](connection&, rpc::stub& prices) { return ask(prices); }) == "126\n");
  CHECK(shown([](connection&, rpc::stub& prices) -> awaitable<void> {
          ask_by_callback(prices);
          co_await ask(prices);
        }) == "126\n126\n");
}

TEST_CASE("from gRPC: what was wrong is said, and details go along") {
  const auto text = shown([](connection&, rpc::stub& prices) -> awaitable<void> {
    const price_request nothing;
    const auto how = co_await prices.async_call<price>("get", nothing, {}, asio::use_awaitable);
    CHECK(to_string(how.error()) == "INVALID_ARGUMENT: which item?");
    const auto refused =
        co_await prices.async_call<price>("refuse", lamps, {}, asio::use_awaitable);
    REQUIRE(!refused);
    show_refusal(rpc::error(refused.error()));
  });
  CHECK(text == "at least 40\n");
}

TEST_CASE("from gRPC: a call is cancelled") {
  const nuncio::test::kept_output errors(std::cerr);
  shown([](connection&, rpc::stub& prices) -> awaitable<void> {
    asio::cancellation_signal give_up;
    ask_until(prices, give_up);
    give_up.emit(asio::cancellation_type::terminal);
    co_await ask(prices);
  });
  CHECK(errors.text().starts_with("CANCELLED"));
}

TEST_CASE("from gRPC: a handler calls on") {
  shown([](connection&, rpc::stub& prices) -> awaitable<void> {
    const auto reply = co_await prices.call<price>("resell", lamps);
    CHECK(reply.cents == 252);
  });
}

TEST_CASE("from gRPC: metadata goes there and back") {
  CHECK(shown([](connection& nc, rpc::stub& prices) -> awaitable<void> {
          co_await ask_as_tenant(prices, lamps);
          nuncio::client::headers about;
          REQUIRE(about.add("tenant", "acme"));
          REQUIRE(about.add("Content-Type", "application/json"));
          const nuncio::client::message_view question{.subject = "prices.greet",
                                                      .header_block = about.block(),
                                                      .payload = R"({"item": "lamp"})"};
          const auto reply = co_await nc.async_request(question, 5s, asio::use_awaitable);
          CHECK(reply.headers().find("greeting") == "hello, acme");
        }) == "42\n");
}

TEST_CASE("from gRPC: streams of all kinds") {
  CHECK(shown([](connection&, rpc::stub& prices) { return watch(prices, lamps); }) ==
        "40\n41\n42\n");
  CHECK(shown([](connection&, rpc::stub& prices) { return total(prices, lamps); }) == "252\n");
  CHECK(shown([](connection&, rpc::stub& prices) { return haggle(prices); }) == "31\n36\n39\n40\n");
}

TEST_CASE("from gRPC: retries, interceptors, TLS and who is there") {
  CHECK(shown([](connection& nc, rpc::stub&) -> awaitable<void> {
          auto patient = stub_with_retries(nc);
          co_await ask(patient);
          co_await who_is_there(nc);
          const rpc::service other(nc, counted());
          co_await nc.async_flush(asio::use_awaitable);
          co_await who_is_there(nc);
        }) == "126\n1 instances\n2 instances\n");
  CHECK(secure("ca.pem").tls.ca_file == "ca.pem");
}

TEST_CASE("from gRPC: an interceptor of a service sees its calls") {
  nuncio::test::run_with_broker([](nuncio::client::options reach) -> awaitable<void> {
    const auto executor = co_await here();
    connection nc(executor, reach);
    co_await nc.async_connect(asio::use_awaitable);
    rpc::service service(nc, counted());
    service.endpoint<price_request, price>("get", get);
    rpc::stub prices(nc, "prices");
    const auto before = calls.load();
    co_await prices.call<price>("get", lamps);
    CHECK(calls == before + 1);
  });
}

TEST_CASE("from gRPC: a service is tested in its own process") {
  const nuncio::test::kept_output out(std::cout);
  test_in_process();
  CHECK(out.text() == "126\n");
}
