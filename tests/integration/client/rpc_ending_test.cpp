// How calls end without an answer: in time, by either side, with the connection, or refused.
#include "rpc_world.hpp"

#include <boost/asio/bind_cancellation_slot.hpp>
#include <boost/asio/cancellation_signal.hpp>
#include <boost/asio/post.hpp>

#include <array>
#include <csignal>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace {

using namespace nuncio::test;
namespace client = nuncio::client;
namespace rpc = nuncio::rpc;
using rpc::code;

}  // namespace

TEST_CASE("rpc: the deadline ends the call at the caller, and the handler") {
  run_in_world([](world& w) -> asio::awaitable<void> {
    rpc::service service(w.serving, calc());
    patient_handler slow;
    std::optional<std::chrono::steady_clock::duration> left;
    service.endpoint<int, int>("slow", [&](int, rpc::context& about) {
      left = *about.deadline() - std::chrono::steady_clock::now();
      return slow.wait(about);
    });
    co_await w.ready();
    const auto how = co_await status_of(w.remote.call<int>("slow", 1, {.timeout = 60ms}));
    CHECK(how.code == code::deadline_exceeded);
    CHECK_FALSE(how.surely_not_run);
    co_await until([&] { return slow.cancelled == 1; });
    CHECK(*left <= 60ms);
    CHECK(service.stats().endpoints[0].errors == 1);
    const auto none = co_await status_of(w.remote.call<int>("slow", 1, {.timeout = 0ns}));
    CHECK(none.code == code::deadline_exceeded);
    CHECK(none.surely_not_run);
  });
}

TEST_CASE("rpc: a service is told how much time is left, not until when") {
  run_in_world([](world& w) -> asio::awaitable<void> {
    auto requests = w.serving.subscribe("calc.slow");
    co_await w.ready();
    std::optional<rpc::result<int>> how;
    w.remote.async_call<int>("slow", 1, {.timeout = 20s},
                             [&](rpc::result<int> r) { how = std::move(r); });
    const auto m = co_await requests.async_next(asio::use_awaitable);
    nuncio::protocol::rpc_line line;
    const auto state = read_rpc_line(m.header_block(), line);
    CHECK(state == nuncio::protocol::rpc_line_state::present);
    REQUIRE(line.timeout_us);
    CHECK(*line.timeout_us > 0);
    CHECK(*line.timeout_us <= 20'000'000);
    CHECK_FALSE(w.serving.publish(m.reply(), "\x07"));
    co_await until([&] { return how.has_value(); });
    CHECK(how->value() == 7);
  });
}

TEST_CASE(
    "rpc: an answer that comes after the deadline, or to a call that was cancelled, is dropped") {
  run_in_world([](world& w) -> asio::awaitable<void> {
    auto requests = w.serving.subscribe("calc.slow");
    co_await w.ready();
    const auto late = co_await status_of(w.remote.call<int>("slow", 1, {.timeout = 20ms}));
    CHECK(late.code == code::deadline_exceeded);
    asio::cancellation_signal signal;
    int ends = 0;
    w.remote.async_call<int>(
        "slow", 2, {.timeout = 20s},
        asio::bind_cancellation_slot(
            signal.slot(), [&](const rpc::result<int>& r) { ends += r.has_error() ? 1 : 100; }));
    const auto first = co_await requests.async_next(asio::use_awaitable);
    const auto second = co_await requests.async_next(asio::use_awaitable);
    signal.emit(asio::cancellation_type::all);
    co_await until([&] { return ends > 0; });
    std::optional<rpc::result<int>> how;
    w.remote.async_call<int>("slow", 3, {.timeout = 20s},
                             [&](rpc::result<int> r) { how = std::move(r); });
    const auto third = co_await requests.async_next(asio::use_awaitable);
    const std::array answers{&first, &second, &third, &third, &first};
    for (const auto* const each : answers) {
      CHECK_FALSE(w.serving.publish(each->reply(), each->payload()));
    }
    co_await until([&] { return how.has_value(); });
    CHECK(how->value() == 3);
    co_await w.serving.async_flush(asio::use_awaitable);
    co_await w.calling.async_flush(asio::use_awaitable);
    CHECK(ends == 1);
  });
}

TEST_CASE("rpc: a nested call has no more time than what is left of the outer one") {
  run_in_world([](world& w) -> asio::awaitable<void> {
    rpc::service service(w.serving, calc());
    rpc::stub inner(w.serving, "calc");
    service.endpoint<int, long>("outer", [&](int n, rpc::context& about) -> asio::awaitable<long> {
      co_return co_await inner.call<long>("inner", n, {.timeout = 10s, .parent = &about});
    });
    int priority = 0;
    service.endpoint<int, long>("inner", [&](int, rpc::context& about) -> long {
      priority = about.priority();
      return std::chrono::ceil<std::chrono::milliseconds>(*about.deadline() -
                                                          std::chrono::steady_clock::now())
          .count();
    });
    co_await w.ready();
    const auto left = co_await w.remote.call<long>("outer", 1, {.timeout = 3s, .priority = 3});
    CHECK(left <= 3000);
    CHECK(left > 0);
    CHECK(priority == 3);
  });
}

TEST_CASE("rpc: cancelling reaches a handler that has run for a while") {
  run_in_world([](world& w) -> asio::awaitable<void> {
    auto set = calc();
    set.accept_after = 1ms;
    rpc::service service(w.serving, set);
    patient_handler slow;
    slow.serve(service);
    co_await w.ready();
    for (const auto wait : {0ms, 60ms}) {  // before it was accepted, and afterwards
      CAPTURE(wait.count());
      slow.started = slow.cancelled = 0;
      asio::cancellation_signal signal;
      std::optional<rpc::result<int>> how;
      w.remote.async_call<int>("slow", 1, {.timeout = 20s},
                               asio::bind_cancellation_slot(
                                   signal.slot(), [&](rpc::result<int> r) { how = std::move(r); }));
      if (wait > 0ms) {
        co_await until([&] { return slow.started == 1; });
        co_await pause(wait);
      }
      signal.emit(asio::cancellation_type::all);
      co_await until([&] { return how.has_value(); });
      REQUIRE(how->has_error());
      CHECK(how->error().code == code::cancelled);
      co_await until([&] { return slow.cancelled == 1; });
    }
  });
}

TEST_CASE("rpc: two instances that take one call end it") {
  run_in_world([](world& w) -> asio::awaitable<void> {
    auto set = calc();
    set.accept_after = 1ms;
    set.queue.reset();  // so that both get it
    patient_handler slow;
    rpc::service one(w.serving, set);
    rpc::service other(w.serving, set);
    slow.serve(one);
    slow.serve(other);
    co_await w.ready();
    const auto how = co_await status_of(w.remote.call<int>("slow", 1));
    CHECK(how.code == code::aborted);
    co_await until([&] { return slow.cancelled == 2; });
  });
}

TEST_CASE("rpc: more calls than are taken are refused at once") {
  run_in_world([](world& w) -> asio::awaitable<void> {
    auto set = calc();
    set.max_concurrent = 3;
    set.max_per_caller = 2;
    rpc::service service(w.serving, set);
    bool may_end = false;
    service.endpoint<int, int>("wait", [&](int n) -> asio::awaitable<int> {
      co_await until([&] { return may_end; });
      co_return n;
    });
    co_await w.ready();
    rpc::stub other(w.serving, "calc");
    std::vector<rpc::result<int>> ended;
    const auto note = [&](rpc::result<int> r) { ended.push_back(std::move(r)); };
    for (int i = 0; i < 3; ++i) w.remote.async_call<int>("wait", i, {}, note);
    co_await until([&] { return ended.size() == 1; });
    CHECK(ended[0].error().code == code::resource_exhausted);
    CHECK(ended[0].error().reason == "max-per-caller");
    CHECK(ended[0].error().surely_not_run);
    for (int i = 0; i < 2; ++i) other.async_call<int>("wait", i, {}, note);
    co_await until([&] { return ended.size() == 2; });
    CHECK(ended[1].error().reason == "overloaded");
    may_end = true;
    co_await until([&] { return ended.size() == 5; });
    for (std::size_t i = 2; i < 5; ++i) CHECK(ended[i].has_value());
    CHECK(co_await w.remote.call<int>("wait", 4) == 4);
  });
}

TEST_CASE("rpc: instances come and go under load, and no call fails") {
  run_in_world([](world& w) -> asio::awaitable<void> {
    const auto start = [&](client::connection& on) {
      auto made = std::make_unique<rpc::service>(on, calc());
      made->endpoint<int, int>("same", [](int n) -> asio::awaitable<int> {
        co_await asio::post(asio::use_awaitable);
        co_return n;
      });
      return made;
    };
    auto old = start(w.serving);
    co_await w.ready();
    int answered = 0;
    int failed = 0;
    bool is_over = false;
    std::function<void()> again = [&] {
      w.remote.async_call<int>("same", 1, {}, [&](rpc::result<int> r) {
        (r.has_value() ? answered : failed)++;
        if (!is_over) again();
      });
    };
    for (int i = 0; i < 32; ++i) again();
    for (int round = 0; round < 10; ++round) {
      auto next = start(w.serving);
      co_await w.ready();
      const auto before = answered;
      co_await until([&] { return answered > before + 100; });
      co_await old->async_drain(asio::use_awaitable);
      old = std::move(next);
    }
    is_over = true;
    const auto goal = answered;
    co_await until([&] { return answered + failed >= goal + 32; });
    CHECK(failed == 0);
    again = nullptr;
  });
}

TEST_CASE("rpc: a lost connection ends the calls that were accepted, others wait") {
  run_in_world([](world& w) -> asio::awaitable<void> {
    auto set = calc();
    set.accept_after = 1ms;
    rpc::service service(w.serving, set);
    patient_handler slow;
    slow.serve(service);
    service.endpoint<int, int>("same", [](int n) { return n; });
    co_await w.ready();
    std::optional<rpc::result<int>> accepted;
    w.remote.async_call<int>("slow", 1, {.timeout = 20s},
                             [&](rpc::result<int> r) { accepted = std::move(r); });
    co_await until([&] { return slow.started == 1; });
    co_await pause(50ms);
    w.server.kill(SIGKILL);
    co_await until([&] { return !w.calling.is_connected() && !w.serving.is_connected(); });
    co_await until([&] { return accepted.has_value(); });
    REQUIRE(accepted->has_error());
    CHECK(accepted->error().code == code::unavailable);
    CHECK(accepted->error().reason == "disconnected");
    CHECK_FALSE(accepted->error().surely_not_run);
    co_await until([&] { return slow.cancelled == 1; });

    // One that is made now waits for a connection, with its deadline.
    const auto late = co_await status_of(w.remote.call<int>("same", 1, {.timeout = 20ms}));
    CHECK(late.code == code::deadline_exceeded);
    CHECK(late.surely_not_run);
    std::optional<rpc::result<int>> waiting;
    w.remote.async_call<int>("same", 8, {.timeout = 20s},
                             [&](rpc::result<int> r) { waiting = std::move(r); });
    co_await asio::post(asio::use_awaitable);
    w.server.restart();
    co_await w.serving.async_flush(asio::use_awaitable);
    co_await until([&] { return waiting.has_value(); });
    // The service may have come back later than the caller.
    if (waiting->has_error()) CHECK(waiting->error().reason == "no-responders");
    CHECK(co_await w.remote.call<int>("same", 9) == 9);
  });
}

TEST_CASE("rpc: control frames of calls that nobody knows do no harm") {
  run_in_world([](world& w) -> asio::awaitable<void> {
    rpc::service service(w.serving, calc());
    service.endpoint<int, int>("same", [](int n) { return n; });
    co_await w.ready();
    const auto control = "$SRV.CALL.calc." + std::string(service.id()) + ".";
    const std::string ping = "NATS/1.0\r\nNuncio: f=ping,s=0\r\n\r\n";
    for (const std::string token : {"x", "AAAAAAAAAAA", "a.b"}) {
      const auto subject = control + token;
      const auto m = co_await w.calling.async_request({.subject = subject, .header_block = ping},
                                                      5s, asio::use_awaitable);
      CHECK(m.headers().find("Nuncio") == "f=end");
      CHECK(m.headers().find("Nuncio-Reason") == "unknown-call");
      for (const std::string line :
           {"f=cancel", "f=end", "f=accept", "f=what", "=", "f=ack,r=9/9"}) {
        const auto block = "NATS/1.0\r\nNuncio: " + line + "\r\n\r\n";
        CHECK_FALSE(w.calling.publish({.subject = subject, .header_block = block}));
      }
    }
    CHECK(co_await w.remote.call<int>("same", 1) == 1);
  });
}

TEST_CASE("rpc: an accept for a call that was given up is answered with cancel") {
  run_in_world([](world& w) -> asio::awaitable<void> {
    std::string reply;
    auto sub =
        w.serving.subscribe("calc.slow", [&](const client::message_view& m) { reply = m.reply; });
    auto control = w.serving.subscribe("control");
    co_await w.ready();
    const auto how = co_await status_of(w.remote.call<int>("slow", 1, {.timeout = 30ms}));
    CHECK(how.code == code::deadline_exceeded);
    CHECK_FALSE(w.serving.publish({.subject = reply,
                                   .reply = "control",
                                   .header_block = "NATS/1.0\r\nNuncio: f=accept\r\n\r\n"}));
    const auto m = co_await control.async_next(asio::use_awaitable);
    CHECK(m.headers().find("Nuncio") == "f=cancel");
  });
}

TEST_CASE("rpc: stopping a service ends its calls, closing a connection those that were made") {
  run_in_world([](world& w) -> asio::awaitable<void> {
    rpc::service service(w.serving, calc());
    patient_handler slow;
    slow.serve(service);
    co_await w.ready();
    std::vector<rpc::result<int>> ended;
    const auto note = [&](rpc::result<int> r) { ended.push_back(std::move(r)); };
    w.remote.async_call<int>("slow", 1, {.timeout = 20s}, note);
    co_await until([&] { return slow.started == 1; });
    service.stop();
    co_await until([&] { return ended.size() == 1; });
    CHECK(ended[0].error().code == code::unavailable);
    CHECK(ended[0].error().text == "the service stops");
    auto sub = w.serving.subscribe("calc.slow");
    co_await w.ready();
    w.remote.async_call<int>("slow", 1, {.timeout = 20s}, note);
    co_await asio::post(asio::use_awaitable);
    w.calling.close();
    co_await until([&] { return ended.size() == 2; });
    CHECK(ended[1].error().code == code::unavailable);
    const auto after = co_await status_of(w.remote.call<int>("slow", 1));
    CHECK(after.code == code::unavailable);
    CHECK(after.surely_not_run);
  });
}
