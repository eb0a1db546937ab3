// Services whose endpoints don't listen on `<service>.<endpoint>`.
#include "rpc_world.hpp"

#include <boost/asio/bind_cancellation_slot.hpp>
#include <boost/asio/cancellation_signal.hpp>

#include <optional>
#include <string>
#include <vector>

namespace {

using namespace nuncio::test;
namespace client = nuncio::client;
namespace rpc = nuncio::rpc;
using rpc::code;

rpc::endpoint_options at(const std::string& subject) {
  rpc::endpoint_options set;
  set.subject = subject;
  return set;
}

/// Counts what the service is asked about itself.
struct question_counter {
  explicit question_counter(world& w)
      : heard(w.serving.subscribe("$SRV.INFO.calc",
                                  [this](const client::message_view&) { ++count; })) {}
  int count = 0;
  client::subscription heard;
};

}  // namespace

TEST_CASE("rpc: where nobody listens the service is asked once, and its answer kept") {
  run_in_world([](world& w) -> asio::awaitable<void> {
    rpc::service service(w.serving, calc());
    service.endpoint<int, int>("same", [](int n) { return n; }, at("elsewhere"));
    service.endpoint<int, int>("twice", [](int n) { return 2 * n; }, at("some.where"));
    question_counter questions(w);
    co_await w.ready();
    std::vector<rpc::result<int>> first;
    for (int i = 0; i < 10; ++i) {
      w.remote.async_call<int>("same", i, {}, [&](rpc::result<int> r) { first.push_back(r); });
    }
    co_await until([&] { return first.size() == 10; });
    for (const auto& each : first) CHECK(each.has_value());
    CHECK(co_await w.remote.call<int>("twice", 4) == 8);
    CHECK(co_await w.remote.call<int>("same", 4) == 4);
    co_await w.remote.async_send("same", 1, {}, asio::use_awaitable);
    CHECK(questions.count == 1);
    // Not counted as an attempt.
    CHECK(co_await w.remote.call<int>("same", 4, {.retries = rpc::retry_options{.attempts = 1}}) ==
          4);
  });
}

TEST_CASE("rpc: when nobody listens any more where a service said, it is asked again") {
  run_in_world([](world& w) -> asio::awaitable<void> {
    {
      rpc::service old(w.serving, calc());
      old.endpoint<int, int>("same", [](int) { return 1; }, at("before"));
      co_await w.ready();
      CHECK(co_await w.remote.call<int>("same", 1) == 1);
    }
    co_await w.ready();
    auto how = co_await status_of(w.remote.call<int>("same", 1));
    CHECK(how.reason == "no-responders");
    rpc::service service(w.serving, calc());
    service.endpoint<int, int>("same", [](int) { return 2; }, at("afterwards"));
    co_await w.ready();
    // The service wasn't there when it was asked, so nothing is new enough to be believed.
    while (true) {
      how = co_await status_of(w.remote.call<int>("same", 1));
      if (how.is_ok()) break;
      CHECK(how.reason == "no-responders");
    }
    CHECK(co_await w.remote.call<int>("same", 1) == 2);
  });
}

TEST_CASE("rpc: instances that listen in different places are all found") {
  run_in_world([](world& w) -> asio::awaitable<void> {
    std::optional<rpc::service> one(std::in_place, w.serving, calc());
    one->endpoint<int, int>("same", [](int) { return 1; }, at("one"));
    rpc::service two(w.serving, calc());
    two.endpoint<int, int>("same", [](int) { return 2; }, at("two"));
    co_await w.ready();
    const auto first = co_await w.remote.call<int>("same", 1);
    CHECK((first == 1 || first == 2));
    one.reset();
    co_await w.ready();
    // Perhaps before both had answered.
    while (true) {
      const auto how = co_await status_of(w.remote.call<int>("same", 1));
      if (how.is_ok()) break;
      CHECK(how.reason == "no-responders");
    }
    CHECK(co_await w.remote.call<int>("same", 1) == 2);
  });
}

TEST_CASE("rpc: an endpoint that a service doesn't have is served by nobody") {
  run_in_world([](world& w) -> asio::awaitable<void> {
    rpc::service service(w.serving, calc());
    service.endpoint<int, int>("same", [](int n) { return n; });
    question_counter questions(w);
    co_await w.ready();
    for (int i = 0; i < 3; ++i) {
      const auto how = co_await status_of(w.remote.call<int>("other", 1));
      CHECK(how.reason == "no-responders");
      CHECK(how.surely_not_run);
    }
    CHECK(questions.count >= 1);
    CHECK(co_await w.remote.call<int>("same", 1) == 1);

    rpc::stub_options set;
    set.look_up = false;
    rpc::stub incurious(w.calling, "calc", set);
    const auto before = questions.count;
    const auto how = co_await status_of(incurious.call<int>("other", 1));
    CHECK(how.reason == "no-responders");
    co_await w.ready();
    CHECK(questions.count == before);
  });
}

TEST_CASE("rpc: nonsense for an answer does no harm") {
  run_in_world([](world& w) -> asio::awaitable<void> {
    auto liar = w.serving.subscribe("$SRV.INFO.calc", [&](const client::message_view& m) {
      for (const std::string answer :
           {"", "{", "[]", R"({"name":"calc"})",
            R"({"name":"calc","id":"1","endpoints":[{"name":"same","subject":"a.>"}]})",
            R"({"name":"lamp","id":"1","endpoints":[{"name":"same","subject":"b"}]})"}) {
        CHECK_FALSE(w.serving.publish(m.reply, answer));
      }
    });
    co_await w.ready();
    const auto how = co_await status_of(w.remote.call<int>("same", 1));
    CHECK(how.reason == "no-responders");
  });
}

TEST_CASE("rpc: a call that waits for a service to be found is cancelled, and has a deadline") {
  run_in_world([](world& w) -> asio::awaitable<void> {
    int asked = 0;
    auto silent =
        w.serving.subscribe("$SRV.INFO.calc", [&](const client::message_view&) { ++asked; });
    co_await w.ready();
    asio::cancellation_signal signal;
    std::optional<rpc::result<int>> how;
    w.remote.async_call<int>("same", 1, {.timeout = 20s},
                             asio::bind_cancellation_slot(
                                 signal.slot(), [&](rpc::result<int> r) { how = std::move(r); }));
    co_await until([&] { return asked == 1; });
    signal.emit(asio::cancellation_type::all);
    co_await until([&] { return how.has_value(); });
    CHECK(how->error().code == code::cancelled);
    const auto late = co_await status_of(w.remote.call<int>("same", 1, {.timeout = 10ms}));
    CHECK(late.surely_not_run);
  });
}

TEST_CASE("rpc: streams go to where calls have found the service") {
  run_in_world([](world& w) -> asio::awaitable<void> {
    rpc::service service(w.serving, calc());
    service.endpoint<int, int>("same", [](int n) { return n; }, at("elsewhere"));
    service.server_stream<int, int>(
        "count",
        [](int n, rpc::writer<int>& out) -> asio::awaitable<void> {
          for (int i = 0; i < n; ++i) co_await out.async_write(i);
        },
        at("counting"));
    co_await w.ready();
    co_await w.remote.call<int>("same", 1);
    auto items = w.remote.server_stream<int>("count", 3);
    int count = 0;
    while (const auto item = co_await items.async_read()) ++count;
    CHECK(count == 3);
  });
}
