// Calls that take more than one attempt.
#include "rpc_world.hpp"

#include <nuncio/protocol/headers.hpp>

#include <boost/asio/bind_cancellation_slot.hpp>
#include <boost/asio/cancellation_signal.hpp>

#include <csignal>
#include <deque>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

namespace {

using namespace nuncio::test;
namespace client = nuncio::client;
namespace protocol = nuncio::protocol;
namespace rpc = nuncio::rpc;
using rpc::code;

/// Answers requests to `calc.add` as it is told, and keeps what it was asked.
struct scripted_service {
  struct request {
    protocol::rpc_line line;
    std::string id;
    std::string reply;
  };

  explicit scripted_service(client::connection& on)
      : home(on), taken(on.subscribe("calc.add", [this](const client::message_view& m) {
          request got;
          CHECK(protocol::read_rpc_line(m.header_block, got.line) ==
                protocol::rpc_line_state::present);
          got.id = got.line.call_id;
          got.reply = m.reply;
          asked.push_back(got);
          if (answers.empty()) return;
          answer(m.reply, answers.front());
          answers.pop_front();
        })) {}

  /// Fails with a status, or succeeds with 7; nothing is no answer.
  void answer(std::string_view to, const std::optional<rpc::status>& how) const {
    if (!how) return;
    protocol::rpc_block block;
    if (!how->is_ok()) block.add_failure(*how);
    CHECK_FALSE(home.publish({.subject = to, .header_block = block.finish(), .payload = "\x07"}));
  }
  void accept(std::string_view to, std::string_view control) const {
    protocol::rpc_block block(protocol::rpc_line{.frame = protocol::rpc_frame::accept});
    CHECK_FALSE(home.publish({.subject = to, .reply = control, .header_block = block.finish()}));
  }

  client::connection& home;
  std::deque<std::optional<rpc::status>> answers;
  std::vector<request> asked;
  client::subscription taken;
};

rpc::status not_run(code what) {
  return rpc::status::not_run(what, "later");
}

rpc::stub_options quick() {
  rpc::stub_options set;
  set.retries.first_pause = 1ms;
  return set;
}

}  // namespace

TEST_CASE("rpc: what surely hasn't run is attempted again, on reply subjects of its own") {
  run_in_world([](world& w) -> asio::awaitable<void> {
    scripted_service service(w.serving);
    service.answers = {not_run(code::unavailable), not_run(code::resource_exhausted),
                       rpc::status()};
    co_await w.ready();
    rpc::stub remote(w.calling, "calc", quick());
    CHECK(co_await remote.call<int>("add", two_and_three) == 7);
    REQUIRE(service.asked.size() == 3);
    std::set<std::string> replies;
    for (std::uint32_t i = 0; i < 3; ++i) {
      CHECK(service.asked[i].line.attempt == i + 1);
      CHECK(service.asked[i].id.empty());
      replies.insert(service.asked[i].reply);
    }
    CHECK(replies.size() == 3);
  });
}

TEST_CASE("rpc: the last failure is told when there are no more attempts, as a call sets them") {
  run_in_world([](world& w) -> asio::awaitable<void> {
    scripted_service service(w.serving);
    for (int i = 0; i < 6; ++i) service.answers.emplace_back(not_run(code::unavailable));
    co_await w.ready();
    rpc::stub remote(w.calling, "calc", quick());
    auto how = co_await status_of(remote.call<int>("add", two_and_three));
    CHECK(how.code == code::unavailable);
    CHECK(how.surely_not_run);
    CHECK(service.asked.size() == 3);
    how = co_await status_of(
        remote.call<int>("add", two_and_three, {.retries = rpc::retry_options{.attempts = 1}}));
    CHECK(how.code == code::unavailable);
    CHECK(service.asked.size() == 4);
    // The service says never.
    auto never = not_run(code::unavailable);
    never.retry_after = -1ms;
    service.answers = {never};
    how = co_await status_of(remote.call<int>("add", two_and_three));
    CHECK(how.retry_after == -1ms);
    CHECK(service.asked.size() == 5);
  });
}

TEST_CASE("rpc: idempotent calls survive what may have run, with the same id") {
  run_in_world([](world& w) -> asio::awaitable<void> {
    scripted_service service(w.serving);
    service.answers = {rpc::status(code::unavailable, "gone"), rpc::status()};
    co_await w.ready();
    rpc::stub remote(w.calling, "calc", quick());
    CHECK(co_await remote.call<int>("add", two_and_three, {.idempotent = true}) == 7);
    REQUIRE(service.asked.size() == 2);
    CHECK(service.asked[0].line.is_idempotent);
    CHECK(service.asked[0].id.size() == 16);
    CHECK(service.asked[1].id == service.asked[0].id);
    CHECK(service.asked[1].line.attempt == 2);

    // One that the user gives is used instead; the next call has another one.
    service.answers = {rpc::status(), rpc::status()};
    co_await remote.call<int>("add", two_and_three, {.idempotent = true, .id = "mine"});
    CHECK(service.asked[2].id == "mine");
    co_await remote.call<int>("add", two_and_three, {.idempotent = true});
    CHECK(service.asked[3].id != service.asked[0].id);

    // Of a call of which one attempt may have run, it isn't said that it surely hasn't.
    service.answers = {rpc::status(code::unavailable, "gone"), not_run(code::unavailable),
                       not_run(code::unavailable)};
    const auto how =
        co_await status_of(remote.call<int>("add", two_and_three, {.idempotent = true}));
    CHECK(how.code == code::unavailable);
    CHECK_FALSE(how.surely_not_run);
    service.answers = {rpc::status(code::unavailable, "gone")};
    const auto once = co_await status_of(remote.call<int>("add", two_and_three));
    CHECK(once.text == "gone");
  });
}

TEST_CASE("rpc: an attempt that takes too long gives way to another one") {
  run_in_world([](world& w) -> asio::awaitable<void> {
    scripted_service service(w.serving);
    service.answers = {std::nullopt, rpc::status()};
    co_await w.ready();
    auto set = quick();
    set.retries.attempt_timeout = 30ms;
    rpc::stub remote(w.calling, "calc", set);
    CHECK(co_await remote.call<int>("add", two_and_three, {.timeout = 20s, .idempotent = true}) ==
          7);
    REQUIRE(service.asked.size() == 2);
    CHECK(service.asked[0].line.timeout_us <= 30'000);
    CHECK(service.asked[1].line.attempt == 2);
  });
}

TEST_CASE("rpc: a hedge is made when the answer is late, and the loser is cancelled") {
  run_in_world([](world& w) -> asio::awaitable<void> {
    scripted_service service(w.serving);
    service.answers = {std::nullopt, std::nullopt};
    auto control = w.serving.subscribe("control");
    co_await w.ready();
    std::optional<rpc::result<int>> how;
    w.remote.async_call<int>("add", two_and_three,
                             {.timeout = 20s, .idempotent = true, .hedge_after = 5ms},
                             [&](rpc::result<int> r) { how = std::move(r); });
    co_await until([&] { return service.asked.size() == 2; });
    CHECK(service.asked[1].id == service.asked[0].id);
    CHECK(service.asked[1].line.attempt == 2);
    service.accept(service.asked[0].reply, "control");
    co_await w.ready();
    service.answer(service.asked[1].reply, rpc::status());
    co_await until([&] { return how.has_value(); });
    REQUIRE(how->has_value());
    CHECK(**how == 7);
    const auto m = co_await control.async_next(asio::use_awaitable);
    CHECK(m.headers().find("Nuncio") == "f=cancel");

    // In time: none is made.
    service.answers = {rpc::status()};
    CHECK(co_await w.remote.call<int>("add", two_and_three,
                                      {.idempotent = true, .hedge_after = 10s}) == 7);
    CHECK(service.asked.size() == 3);
  });
}

TEST_CASE("rpc: a call is cancelled whichever attempt it is at") {
  run_in_world([](world& w) -> asio::awaitable<void> {
    scripted_service service(w.serving);
    co_await w.ready();
    for (const bool waits : {false, true}) {
      CAPTURE(waits);
      service.asked.clear();
      rpc::stub_options set;
      set.retries.first_pause = set.retries.longest_pause = waits ? 20s : 1ms;
      rpc::stub remote(w.calling, "calc", set);
      auto why = not_run(code::unavailable);
      if (waits) why.retry_after = 10s;
      service.answers = {why};
      asio::cancellation_signal signal;
      std::optional<rpc::result<int>> how;
      remote.async_call<int>("add", two_and_three, {.timeout = 60s},
                             asio::bind_cancellation_slot(
                                 signal.slot(), [&](rpc::result<int> r) { how = std::move(r); }));
      co_await until([&] { return service.asked.size() == (waits ? 1U : 2U); });
      if (waits) co_await w.calling.async_flush(asio::use_awaitable);
      signal.emit(asio::cancellation_type::all);
      co_await until([&] { return how.has_value(); });
      REQUIRE(how->has_error());
      CHECK(how->error().code == code::cancelled);
    }
  });
}

TEST_CASE("rpc: an idempotent call outlives the connection that its first attempt was made on") {
  run_in_world([](world& w) -> asio::awaitable<void> {
    scripted_service service(w.serving);
    co_await w.ready();
    std::optional<rpc::result<int>> how;
    w.remote.async_call<int>(
        "add", two_and_three,
        {.timeout = 20s,
         .idempotent = true,
         .retries = rpc::retry_options{.attempts = 200, .when_nobody_serves = true}},
        [&](rpc::result<int> r) { how = std::move(r); });
    co_await until([&] { return service.asked.size() == 1; });
    service.accept(service.asked[0].reply, "control");
    co_await w.ready();
    co_await w.calling.async_flush(asio::use_awaitable);
    service.answers = {rpc::status()};
    w.server.kill(SIGKILL);
    w.server.restart();
    co_await until([&] { return how.has_value(); });
    REQUIRE(how->has_value());
    CHECK(service.asked.back().id == service.asked[0].id);
  });
}

TEST_CASE("rpc: a call that is made before the first connection waits for it") {
  run([]() -> asio::awaitable<void> {
    const auto executor = co_await asio::this_coro::executor;
    world w(executor);
    co_await w.serving.async_connect(asio::use_awaitable);
    rpc::service service(w.serving, calc());
    service.endpoint<int, int>("same", [](int n) { return n; });
    co_await w.ready();
    std::optional<rpc::result<int>> early;
    std::optional<rpc::result<int>> late;
    w.remote.async_call<int>("same", 8, {.timeout = 20s},
                             [&](rpc::result<int> r) { early = std::move(r); });
    w.remote.async_call<int>("same", 8, {.timeout = 1ms},
                             [&](rpc::result<int> r) { late = std::move(r); });
    co_await until([&] { return late.has_value(); });
    CHECK(late->error().code == code::deadline_exceeded);
    co_await w.calling.async_connect(asio::use_awaitable);
    co_await until([&] { return early.has_value(); });
    CHECK(early->has_value());
  });
}

TEST_CASE("rpc: a call that its handler's own call fails is not said not to have run") {
  run_in_world([](world& w) -> asio::awaitable<void> {
    rpc::service service(w.serving, calc());
    rpc::stub absent(w.serving, "absent");
    int runs = 0;
    service.endpoint<int, int>("outer", [&](int n, rpc::context& about) -> asio::awaitable<int> {
      ++runs;
      co_return co_await absent.call<int>("inner", n, {.parent = &about});
    });
    co_await w.ready();
    const auto how = co_await status_of(w.remote.call<int>("outer", 1));
    CHECK(how.code == code::unavailable);
    CHECK_FALSE(how.surely_not_run);
    CHECK(runs == 1);
  });
}
