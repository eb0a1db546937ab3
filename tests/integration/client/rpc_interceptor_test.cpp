// Interceptors and metrics, at both ends.
#include "rpc_world.hpp"

#include <nuncio/rpc/call_metrics.hpp>

#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

namespace {

using namespace nuncio::test;
namespace rpc = nuncio::rpc;
using rpc::code;

/// Notes what it is told, and does what `starting` does.
struct spy final : rpc::interceptor {
  explicit spy(std::string its_name, std::vector<std::string>& into)
      : name(std::move(its_name)), notes(into) {}

  void on_start(rpc::call_view& call) override {
    notes.push_back(name + " starts " + std::string(call.endpoint()));
    key = call.key();
    if (starting) starting(call);
  }
  void on_end(const rpc::call_view& call,
              const rpc::status& how,
              std::chrono::nanoseconds took) noexcept override {
    notes.push_back(name + " ends " + std::string(call.endpoint()) + ' ' +
                    std::string(nuncio::protocol::to_string(how.code)));
    CHECK(key == call.key());
    CHECK(took >= 0ns);
    attempts = call.attempts();
    kind = call.kind();
  }

  std::string name;
  std::vector<std::string>& notes;
  std::function<void(rpc::call_view&)> starting;
  const void* key = nullptr;
  std::uint32_t attempts = 0;
  rpc::call_kind kind = rpc::call_kind::unary;
};

using lines = std::vector<std::string>;

std::uint64_t ended(const rpc::call_metrics::endpoint& of, code how) {
  return of.ended.at(static_cast<std::size_t>(how));
}

}  // namespace

TEST_CASE("rpc: interceptors of both ends are told of a call, and add headers to it") {
  run_in_world([](world& w) -> asio::awaitable<void> {
    lines notes;
    const auto outer = std::make_shared<spy>("outer", notes);
    const auto inner = std::make_shared<spy>("inner", notes);
    const auto served = std::make_shared<spy>("served", notes);
    inner->starting = [](rpc::call_view& call) {
      CHECK(call.side() == rpc::call_side::caller);
      CHECK(call.service() == "calc");
      CHECK(call.headers().find("Tenant") == "acme");
      CHECK(call.add_header("Token", "secret"));
      CHECK_FALSE(call.add_header("Nuncio-Status", "OK"));
      CHECK(call.served() == nullptr);
    };
    served->starting = [](rpc::call_view& call) {
      CHECK(call.side() == rpc::call_side::service);
      CHECK(call.service() == "calc");
      CHECK(call.headers().find("Token") == "secret");
      CHECK(call.headers().find("Tenant") == "acme");
      REQUIRE(call.served() != nullptr);
      CHECK(call.served()->subject() == "calc.add");
      CHECK(call.deadline().has_value());
    };
    auto set = calc();
    set.interceptors = {served};
    rpc::service service(w.serving, set);
    service.endpoint<sum_request, int>("add", [](sum_request r) { return r.a + r.b; });
    co_await w.ready();
    rpc::stub_options options;
    options.interceptors = {outer, inner};
    rpc::stub remote(w.calling, "calc", options);
    rpc::metadata headers;
    headers.add("Tenant", "acme");
    CHECK(co_await remote.call<int>("add", two_and_three, {.headers = &headers}) == 5);
    CHECK(notes == lines{"outer starts add", "inner starts add", "served starts add",
                         "served ends add OK", "inner ends add OK", "outer ends add OK"});
    CHECK(served->attempts == 1);
  });
}

TEST_CASE("rpc: an interceptor refuses calls before they are sent, or before they are decoded") {
  run_in_world([](world& w) -> asio::awaitable<void> {
    lines notes;
    const auto outer = std::make_shared<spy>("outer", notes);
    const auto inner = std::make_shared<spy>("inner", notes);
    const auto served = std::make_shared<spy>("served", notes);
    auto set = calc();
    set.interceptors = {served};
    std::string logged;
    set.log = [&](std::string_view line) { logged += line; };
    rpc::service service(w.serving, set);
    int runs = 0;
    service.endpoint<sum_request, int>("add", [&](sum_request) { return ++runs; });
    co_await w.ready();
    rpc::stub_options options;
    options.interceptors = {outer, inner};
    rpc::stub remote(w.calling, "calc", options);

    outer->starting = [](rpc::call_view& call) { call.refuse({code::permission_denied, "no"}); };
    auto how = co_await status_of(remote.call<int>("add", two_and_three));
    CHECK(how.code == code::permission_denied);
    CHECK(how.surely_not_run);
    CHECK(notes == lines{"outer starts add", "outer ends add PERMISSION_DENIED"});
    CHECK(remote.send("add", two_and_three).code == code::permission_denied);
    outer->starting = nullptr;

    notes.clear();
    served->starting = [](rpc::call_view&) { throw rpc::error(code::unauthenticated, "who?"); };
    // No msgpack: it isn't looked at.
    const rpc::bytes garbage{"\xc1"};
    how = co_await status_of(remote.call<int>("add", garbage));
    CHECK(how.code == code::unauthenticated);
    CHECK(how.text == "who?");
    CHECK(how.surely_not_run);
    CHECK(notes == lines{"outer starts add", "inner starts add", "served starts add",
                         "served ends add UNAUTHENTICATED", "inner ends add UNAUTHENTICATED",
                         "outer ends add UNAUTHENTICATED"});
    served->starting = [](rpc::call_view&) { throw std::runtime_error("secret"); };
    how = co_await status_of(remote.call<int>("add", two_and_three));
    CHECK(how.code == code::internal);
    CHECK(how.text.find("secret") == std::string::npos);
    CHECK(logged.find("secret") != std::string::npos);
    CHECK(logged.find(how.text.substr(how.text.rfind(' ') + 1)) != std::string::npos);
    CHECK(runs == 0);
    served->starting = nullptr;
    co_await remote.call<int>("add", two_and_three);
    CHECK(runs == 1);
  });
}

TEST_CASE("rpc: interceptors are told of one-way calls, of refusals, and of unreadable replies") {
  run_in_world([](world& w) -> asio::awaitable<void> {
    lines notes;
    const auto calling = std::make_shared<spy>("calling", notes);
    const auto served = std::make_shared<spy>("served", notes);
    auto set = calc();
    set.interceptors = {served};
    set.max_concurrent = 1;
    rpc::service service(w.serving, set);
    service.endpoint<int, int>("same", [](int n) { return n; });
    rpc::endpoint_options full;
    full.max_concurrent = 0;
    service.endpoint<int, int>("full", [](int n) { return n; }, full);
    co_await w.ready();
    rpc::stub_options options;
    options.interceptors = {calling};
    options.retries.first_pause = 1ms;
    rpc::stub remote(w.calling, "calc", options);

    CHECK(remote.send("same", 1).is_ok());
    co_await until([&] { return notes.size() == 4; });
    CHECK(served->kind == rpc::call_kind::one_way);
    CHECK(calling->kind == rpc::call_kind::one_way);

    notes.clear();
    auto how = co_await status_of(remote.call<int>("full", 1));
    CHECK(how.code == code::resource_exhausted);
    CHECK(calling->attempts == 3);
    CHECK(served->attempts == 3);
    CHECK(notes.front() == "calling starts full");
    CHECK(notes.back() == "calling ends full RESOURCE_EXHAUSTED");
    CHECK(notes.size() == 8);

    notes.clear();
    how = co_await status_of(remote.call<std::string>("same", 1));
    CHECK(how.code == code::internal);
    CHECK(notes.back() == "calling ends same INTERNAL");
  });
}

TEST_CASE("rpc: metrics count calls of both ends") {
  run_in_world([](world& w) -> asio::awaitable<void> {
    const auto metrics = std::make_shared<rpc::call_metrics>();
    auto set = calc();
    set.interceptors = {metrics};
    rpc::service service(w.serving, set);
    service.endpoint<int, int>("same", [](int n) {
      if (n == 0) throw rpc::error(code::not_found, "nothing");
      return n;
    });
    patient_handler slow;
    slow.serve(service);
    co_await w.ready();
    rpc::stub_options options;
    options.interceptors = {metrics};
    rpc::stub remote(w.calling, "calc", options);
    for (const int n : {1, 2, 0})
      static_cast<void>(co_await status_of(remote.call<int>("same", n)));
    std::optional<rpc::result<int>> how;
    remote.async_call<int>("slow", 1, {.timeout = 20s},
                           [&](rpc::result<int> r) { how = std::move(r); });
    co_await until([&] { return slow.started == 1; });
    auto all = metrics->snapshot();
    REQUIRE(all.size() == 4);
    for (const std::size_t i : {0U, 2U}) {
      CAPTURE(i);
      CHECK(all[i].service == "calc");
      CHECK(all[i].name == "same");
      CHECK(all[i].side == (i == 0 ? rpc::call_side::caller : rpc::call_side::service));
      CHECK(ended(all[i], code::ok) == 2);
      CHECK(ended(all[i], code::not_found) == 1);
      CHECK(all[i].latency.count() == 3);
      CHECK(all[i + 1].name == "slow");
      CHECK(all[i + 1].in_flight == 1);
    }
    service.stop();
    co_await until([&] { return how.has_value(); });
    all = metrics->snapshot();
    CHECK(all[1].in_flight == 0);
    CHECK(ended(all[1], code::unavailable) == 1);
    CHECK(ended(all[3], code::unavailable) == 1);
  });
}

TEST_CASE("rpc: interceptors of both ends are told of streams, and refuse them") {
  run_in_world([](world& w) -> asio::awaitable<void> {
    lines notes;
    const auto calling = std::make_shared<spy>("calling", notes);
    const auto served = std::make_shared<spy>("served", notes);
    auto set = calc();
    set.interceptors = {served};
    rpc::service service(w.serving, set);
    service.server_stream<int, int>("count",
                                    [](int n, rpc::writer<int>& out) -> asio::awaitable<void> {
                                      for (int i = 0; i < n; ++i) co_await out.async_write(i);
                                    });
    co_await w.ready();
    rpc::stub_options options;
    options.interceptors = {calling};
    rpc::stub remote(w.calling, "calc", options);
    {
      auto items = remote.server_stream<int>("count", 3);
      int sum = 0;
      while (const auto each = co_await items.async_read()) sum += *each;
      CHECK(sum == 3);
    }
    CHECK(notes == lines{"calling starts count", "served starts count", "served ends count OK",
                         "calling ends count OK"});
    CHECK(calling->kind == rpc::call_kind::server_stream);
    CHECK(served->kind == rpc::call_kind::server_stream);

    const std::vector<std::shared_ptr<spy>> both{served, calling};
    for (const auto& each : both) {
      each->starting = [](rpc::call_view& call) { call.refuse({code::permission_denied, "no"}); };
      notes.clear();
      auto items = remote.server_stream<int>("count", 3);
      const auto how = co_await status_of(items.async_read());
      CHECK(how.code == code::permission_denied);
      CHECK(how.surely_not_run);
      CHECK(notes.size() == (each == served ? 4U : 2U));
    }
  });
}
