// Circuit breakers and fallbacks.
#include "rpc_world.hpp"

#include <optional>
#include <string>

namespace {

using namespace nuncio::test;
namespace rpc = nuncio::rpc;
using rpc::code;

rpc::stub_options fragile() {
  rpc::stub_options set;
  set.circuit_breaker = rpc::circuit_breaker_options{.min_calls = 3, .open_for = 100ms};
  return set;
}

}  // namespace

TEST_CASE("rpc: a circuit opens where too many calls fail, and closes when one succeeds again") {
  run_in_world([](world& w) -> asio::awaitable<void> {
    rpc::service service(w.serving, calc());
    int runs = 0;
    bool is_broken = true;
    const auto serve = [&](int n) {
      ++runs;
      if (is_broken) throw rpc::error(code::internal, "broken");
      return n;
    };
    service.endpoint<int, int>("same", serve);
    service.endpoint<int, int>("other", [](int n) { return n; });
    co_await w.ready();
    auto set = fragile();
    set.circuit_breaker->open_for = 1h;
    rpc::stub closed_for_long(w.calling, "calc", set);
    rpc::stub remote(w.calling, "calc", fragile());
    for (auto* const each : {&closed_for_long, &remote}) {
      for (int i = 0; i < 3; ++i) {
        const auto how = co_await status_of(each->call<int>("same", 1));
        CHECK(how.code == code::internal);
      }
    }
    CHECK(runs == 6);
    const auto how = co_await status_of(closed_for_long.call<int>("same", 1));
    CHECK(how.code == code::unavailable);
    CHECK(how.reason == "circuit-open");
    CHECK(how.surely_not_run);
    REQUIRE(how.retry_after.has_value());
    CHECK(*how.retry_after <= 1h);
    CHECK(runs == 6);
    // Each endpoint has its own.
    CHECK(co_await closed_for_long.call<int>("other", 1) == 1);

    is_broken = false;
    std::optional<int> got;
    while (!got) {
      const auto again = co_await status_of(remote.call<int>("same", 1));
      if (again.is_ok()) got = 1;
      if (!again.is_ok()) CHECK(again.reason == "circuit-open");
    }
    CHECK(runs == 7);
    CHECK(co_await remote.call<int>("same", 1) == 1);
  });
}

TEST_CASE("rpc: a caller's mistakes leave the circuit closed") {
  run_in_world([](world& w) -> asio::awaitable<void> {
    rpc::service service(w.serving, calc());
    service.endpoint<int, int>(
        "same", [](int n) -> int { throw rpc::error(code::not_found, std::to_string(n)); });
    co_await w.ready();
    rpc::stub remote(w.calling, "calc", fragile());
    for (int i = 0; i < 10; ++i) {
      const auto how = co_await status_of(remote.call<int>("same", 1));
      CHECK(how.code == code::not_found);
    }
  });
}

TEST_CASE("rpc: a fallback answers instead, for its type of replies") {
  run_in_world([](world& w) -> asio::awaitable<void> {
    rpc::service service(w.serving, calc());
    service.endpoint<int, int>("same", [](int n) -> int {
      if (n == 1) throw rpc::error(code::internal, "broken");
      throw rpc::error(code::not_found, "nothing");
    });
    co_await w.ready();
    rpc::stub remote(w.calling, "calc", fragile());
    rpc::status told;
    remote.fallback<int>("same", [&](const rpc::status& why) {
      told = why;
      return 42;
    });
    for (int i = 0; i < 3; ++i) CHECK(co_await remote.call<int>("same", 1) == 42);
    CHECK(told.code == code::internal);
    CHECK(co_await remote.call<int>("same", 1) == 42);
    CHECK(told.reason == "circuit-open");
    const auto other = co_await status_of(remote.call<long>("same", 1));
    CHECK(other.reason == "circuit-open");

    // A mistake of the caller's is his.
    rpc::stub strict(w.calling, "calc");
    strict.fallback<int>("same", [](const rpc::status&) { return 42; });
    const auto mistake = co_await status_of(strict.call<int>("same", 2));
    CHECK(mistake.code == code::not_found);

    // It may fail, too.
    strict.fallback<int>("same", [](const rpc::status& why) -> rpc::result<int> {
      return rpc::status(code::data_loss, "instead of " + why.text);
    });
    auto how = co_await status_of(strict.call<int>("same", 1));
    CHECK(how.text == "instead of broken");
    strict.fallback<int>("same",
                         [](const rpc::status&) -> int { throw rpc::error(code::aborted, "no"); });
    how = co_await status_of(strict.call<int>("same", 1));
    CHECK(how.code == code::aborted);
    // One without a value.
    bool is_called = false;
    strict.fallback<void>("absent", [&](const rpc::status&) { is_called = true; });
    co_await strict.call("absent", 1);
    CHECK(is_called);
  });
}
