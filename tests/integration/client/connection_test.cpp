#include "fixture.hpp"

#include <boost/asio/bind_cancellation_slot.hpp>
#include <boost/asio/cancellation_signal.hpp>
#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/use_future.hpp>

#include <csignal>
#include <thread>
#include <vector>

namespace {

using namespace nuncio::test;
using namespace std::chrono_literals;
namespace client = nuncio::client;
using client::connection;
using client::errc;
using client::status;

}  // namespace

TEST_CASE("connection: what is published reaches subscribers, in order") {
  server_process server(server_program());
  run([&]() -> asio::awaitable<void> {
    const auto executor = co_await here();
    connection nc(executor, {.servers = server.url(), .name = "test"});
    CHECK_FALSE(nc.is_connected());
    co_await nc.async_connect(asio::use_awaitable);
    CHECK(nc.is_connected());
    CHECK(nc.server_info().max_payload == 1024 * 1024);
    auto wild = nc.subscribe("a.>");
    auto one = nc.subscribe("a.1");
    for (int i = 0; i < 100; ++i) CHECK_FALSE(nc.publish("a.1", std::to_string(i)));
    for (int i = 0; i < 100; ++i) {
      CHECK(co_await next(wild) == "a.1=" + std::to_string(i));
      CHECK(co_await next(one) == "a.1=" + std::to_string(i));
    }
    CHECK(nc.statistics().in_messages == 200);
  });
}

TEST_CASE("connection: headers, replies, empty and large payloads arrive as they were") {
  server_process server(server_program());
  run([&]() -> asio::awaitable<void> {
    const auto executor = co_await here();
    connection nc(executor, {.servers = server.url()});
    co_await nc.async_connect(asio::use_awaitable);
    auto sub = nc.subscribe("a");
    client::headers h;
    CHECK(h.add("Key", "value"));
    CHECK_FALSE(nc.publish("a", h, "x"));
    CHECK_FALSE(nc.publish({.subject = "a", .reply = "r"}));
    const std::string large(1024 * 1024, 'l');
    CHECK_FALSE(nc.publish("a", large));
    CHECK(nc.publish("a", large + "l") == errc::max_payload);
    auto first = co_await sub.async_next(asio::use_awaitable);
    CHECK(first.headers().find("Key") == "value");
    CHECK(first.payload() == "x");
    CHECK(first.reply().empty());
    auto second = co_await sub.async_next(asio::use_awaitable);
    CHECK(second.reply() == "r");
    CHECK(second.payload().empty());
    CHECK(second.headers().empty());
    auto third = co_await sub.async_next(asio::use_awaitable);
    CHECK(third.payload() == large);
  });
}

TEST_CASE("connection: who asks for it hears each line of the protocol, without secrets") {
  server_process server(server_program());
  run([&]() -> asio::awaitable<void> {
    const auto executor = co_await here();
    std::string told;
    client::options set{.servers = server.url(), .user = "u", .password = "geheim"};
    set.on_protocol_line = [&](const client::protocol_line& line) {
      const bool is_ours = line.way == client::protocol_line::direction::to_server;
      const auto text = line.text.substr(0, line.text.find('{'));
      CHECK(line.text.find("geheim") == std::string_view::npos);
      // A server says more of itself whenever it likes.
      if (text == "INFO " && !told.empty()) return;
      told.append(is_ours ? "> " : "< ").append(text).append(", ");
    };
    connection nc(executor, set);
    co_await nc.async_connect(asio::use_awaitable);
    auto sub = nc.subscribe("a");
    CHECK_FALSE(nc.publish({.subject = "a", .reply = "r", .payload = "PING\r\n"}));
    CHECK(co_await next(sub) == "a=PING\r\n");
    CHECK(told == "< INFO , > CONNECT , > PING, < PONG, > SUB a 1, > PUB a r 6, < MSG a 1 r 6, ");
  });
}

TEST_CASE("connection: bad subjects are refused where they are given") {
  server_process server(server_program());
  run([&]() -> asio::awaitable<void> {
    const auto executor = co_await here();
    connection nc(executor, {.servers = server.url()});
    co_await nc.async_connect(asio::use_awaitable);
    for (const auto* subject : {"", "a b", "a..b", ".a", "a.", "a\r\nPUB b 0"}) {
      CAPTURE(subject);
      CHECK(nc.publish(subject, "x") == errc::bad_subject);
      auto sub = nc.subscribe(subject);
      CHECK((co_await next(sub)) == "error: the subject can't be used");
    }
    CHECK(nc.publish({.subject = "a", .reply = "b c"}) == errc::bad_subject);
    CHECK_FALSE(co_await error_of([&](auto token) { return nc.async_flush(token); }));
  });
}

TEST_CASE("connection: members of a queue group share, a maximum ends a subscription") {
  server_process server(server_program());
  run([&]() -> asio::awaitable<void> {
    const auto executor = co_await here();
    connection nc(executor, {.servers = server.url()});
    co_await nc.async_connect(asio::use_awaitable);
    int a = 0;
    int b = 0;
    auto first = nc.subscribe("jobs", [&](const client::message_view&) { ++a; }, {.queue = "q"});
    auto second = nc.subscribe("jobs", [&](const client::message_view&) { ++b; }, {.queue = "q"});
    auto three = nc.subscribe("jobs", {.max_messages = 3});
    auto later = nc.subscribe("jobs");
    for (int i = 0; i < 1000; ++i) CHECK_FALSE(nc.publish("jobs", "x"));
    co_await nc.async_flush(asio::use_awaitable);
    CHECK(a + b == 1000);
    CHECK(a > 0);
    CHECK(b > 0);
    for (int i = 0; i < 3; ++i) CHECK(co_await next(three) == "jobs=x");
    CHECK(co_await next(three) == "error: the subscription has ended");
    later.unsubscribe();
    CHECK_FALSE(nc.publish("jobs", "y"));
    co_await nc.async_flush(asio::use_awaitable);
    for (int i = 0; i < 1000; ++i) CHECK(co_await next(later) == "jobs=x");
    CHECK(co_await next(later) == "error: the subscription has ended");
  });
}

TEST_CASE("connection: a subscription may end from within its own callback, and go") {
  server_process server(server_program());
  run([&]() -> asio::awaitable<void> {
    const auto executor = co_await here();
    connection nc(executor, {.servers = server.url()});
    co_await nc.async_connect(asio::use_awaitable);
    int count = 0;
    client::subscription sub;
    sub = nc.subscribe("a", [&](const client::message_view&) {
      if (++count == 2) sub = {};
    });
    for (int i = 0; i < 10; ++i) CHECK_FALSE(nc.publish("a", "x"));
    co_await nc.async_flush(asio::use_awaitable);
    CHECK(count == 2);
  });
}

TEST_CASE("connection: cancelling a wait loses no message") {
  server_process server(server_program());
  run([&]() -> asio::awaitable<void> {
    const auto executor = co_await here();
    connection nc(executor, {.servers = server.url()});
    co_await nc.async_connect(asio::use_awaitable);
    auto sub = nc.subscribe("a");
    asio::cancellation_signal stop;
    error_code how;
    sub.async_next(asio::bind_cancellation_slot(
        stop.slot(), [&](error_code error, const client::message&) { how = error; }));
    co_await nc.async_flush(asio::use_awaitable);
    stop.emit(asio::cancellation_type::terminal);
    co_await settle();
    CHECK(how == asio::error::operation_aborted);
    CHECK_FALSE(nc.publish("a", "1"));
    CHECK(co_await next(sub) == "a=1");
  });
}

TEST_CASE("connection: a consumer that is too slow hears of what it missed") {
  server_process server(server_program());
  run([&]() -> asio::awaitable<void> {
    const auto executor = co_await here();
    std::string told;
    connection nc(executor, {.servers = server.url(), .on_status = [&](const status& s) {
                               if (s.what == status::kind::slow_consumer) told += s.text;
                             }});
    co_await nc.async_connect(asio::use_awaitable);
    auto newest_lost = nc.subscribe("a", {.limits = client::subscription_limits{.messages = 2}});
    auto oldest_lost =
        nc.subscribe("b", {.limits = client::subscription_limits{
                               .messages = 2, .full = client::when_full::drop_oldest}});
    for (const auto* subject : {"a", "b"}) {
      for (int i = 0; i < 4; ++i) CHECK_FALSE(nc.publish(subject, std::to_string(i)));
    }
    co_await nc.async_flush(asio::use_awaitable);
    const std::string slow = "error: messages were dropped, since they weren't taken fast enough";
    CHECK(co_await next(newest_lost) == "a=0");
    CHECK(co_await next(newest_lost) == "a=1");
    CHECK(co_await next(newest_lost) == slow);
    CHECK(co_await next(oldest_lost) == slow);
    CHECK(co_await next(oldest_lost) == "b=2");
    CHECK(co_await next(oldest_lost) == "b=3");
    CHECK(newest_lost.dropped() == 2);
    CHECK(oldest_lost.dropped() == 2);
    CHECK(told == "ab");
  });
}

TEST_CASE("connection: a server that isn't there is an error, another of the list does") {
  server_process server(server_program());
  std::uint16_t gone = 0;
  {
    server_process other(server_program());
    gone = other.port();
  }
  const auto nobody = "nats://127.0.0.1:" + std::to_string(gone);
  run([&]() -> asio::awaitable<void> {
    const auto executor = co_await here();
    connection lost(executor, {.servers = nobody});
    CHECK(co_await error_of([&](auto token) { return lost.async_connect(token); }) ==
          asio::error::connection_refused);
    connection nc(executor, {.servers = nobody + "," + server.url(), .randomize = false});
    co_await nc.async_connect(asio::use_awaitable);
    CHECK(nc.is_connected());
    connection wrong(executor, {.servers = "nats://127.0.0.1:no"});
    CHECK(co_await error_of([&](auto token) { return wrong.async_connect(token); }) ==
          errc::bad_options);
  });
}

TEST_CASE("connection: a peer that says nothing is given up in time") {
  run([&]() -> asio::awaitable<void> {
    auto executor = co_await here();
    asio::ip::tcp::acceptor silent(executor, {asio::ip::address_v4::loopback(), 0});
    connection nc(executor,
                  {.servers = "127.0.0.1:" + std::to_string(silent.local_endpoint().port()),
                   .connect_timeout = 50ms});
    CHECK(co_await error_of([&](auto token) { return nc.async_connect(token); }) ==
          errc::timed_out);
    asio::cancellation_signal stop;
    connection patient(executor,
                       {.servers = "127.0.0.1:" + std::to_string(silent.local_endpoint().port())});
    error_code how;
    patient.async_connect(
        asio::bind_cancellation_slot(stop.slot(), [&](error_code error) { how = error; }));
    auto accepted = co_await silent.async_accept(asio::use_awaitable);
    stop.emit(asio::cancellation_type::terminal);
    co_await settle();
    CHECK(how == asio::error::operation_aborted);
  });
}

TEST_CASE("connection: after a crash of the server everything goes on") {
  server_process server(server_program());
  run([&]() -> asio::awaitable<void> {
    const auto executor = co_await here();
    std::string told;
    connection nc(executor, {.servers = server.url(),
                             .reconnect = {.first_pause = 5ms, .longest_pause = 20ms},
                             .on_status = [&](const status& s) {
                               told += std::string(to_string(s.what)) + " ";
                             }});
    co_await nc.async_connect(asio::use_awaitable);
    auto sub = nc.subscribe("a");
    auto limited = nc.subscribe("a", {.max_messages = 2});
    CHECK_FALSE(nc.publish("a", "1"));
    CHECK(co_await next(sub) == "a=1");
    server.kill(SIGKILL);
    while (nc.is_connected()) co_await asio::post(asio::use_awaitable);
    CHECK_FALSE(nc.publish("a", "2"));
    CHECK_FALSE(nc.publish("a", "3"));
    server.restart();
    CHECK(co_await next(sub) == "a=2");
    CHECK(co_await next(sub) == "a=3");
    CHECK(co_await next(limited) == "a=1");
    CHECK(co_await next(limited) == "a=2");
    CHECK(co_await next(limited) == "error: the subscription has ended");
    CHECK(told == "connected disconnected reconnected ");
    CHECK(nc.statistics().reconnects == 1);
  });
}

TEST_CASE("connection: flush fails with the connection, and waits for one") {
  server_process server(server_program());
  run([&]() -> asio::awaitable<void> {
    const auto executor = co_await here();
    connection nc(executor, {.servers = server.url(), .reconnect = {.first_pause = 5ms}});
    co_await nc.async_connect(asio::use_awaitable);
    server.freeze();
    error_code first;
    nc.async_flush([&](error_code error) { first = error; });
    co_await asio::post(asio::use_awaitable);
    server.kill(SIGKILL);
    while (nc.is_connected()) co_await asio::post(asio::use_awaitable);
    error_code second = errc::closed;
    nc.async_flush([&](error_code error) { second = error; });
    server.restart();
    co_await nc.async_flush(asio::use_awaitable);
    CHECK(first == errc::disconnected);
    CHECK_FALSE(second);
  });
}

TEST_CASE("connection: without reconnecting a loss is the end") {
  server_process server(server_program());
  run([&]() -> asio::awaitable<void> {
    const auto executor = co_await here();
    connection nc(executor, {.servers = server.url(), .reconnect = {.enabled = false}});
    co_await nc.async_connect(asio::use_awaitable);
    auto sub = nc.subscribe("a");
    server.kill(SIGKILL);
    CHECK(co_await next(sub) == "error: the connection is closed");
    CHECK(nc.publish("a", "x") == errc::closed);
  });
}

TEST_CASE("connection: closing ends every operation") {
  server_process server(server_program());
  run([&]() -> asio::awaitable<void> {
    const auto executor = co_await here();
    connection nc(executor, {.servers = server.url()});
    co_await nc.async_connect(asio::use_awaitable);
    auto sub = nc.subscribe("a");
    std::vector<error_code> how;
    const auto note = [&](error_code error) { how.push_back(error); };
    nc.async_flush(note);
    sub.async_next([&](error_code error, const client::message&) { how.push_back(error); });
    nc.close();
    nc.async_flush(note);
    nc.async_connect(note);
    CHECK(co_await next(sub) == "error: the connection is closed");
    CHECK(nc.publish("a", "x") == errc::closed);
    co_await settle();
    CHECK(how.size() == 4);
    for (const auto& each : how) CHECK(each == errc::closed);
  });
}

TEST_CASE("connection: a full buffer refuses, and async_publish waits for room") {
  server_process server(server_program());
  run([&]() -> asio::awaitable<void> {
    const auto executor = co_await here();
    connection nc(executor, {.servers = server.url(), .max_pending = 64 * 1024});
    const std::string part(10'000, 'x');
    int taken = 0;
    while (!nc.publish("a", part)) ++taken;
    CHECK(taken == 6);
    CHECK(nc.publish("a", part) == errc::buffer_full);
    int waited = 0;
    for (int i = 0; i < 20; ++i) {
      nc.async_publish("a", part, [&](error_code error) {
        CHECK_FALSE(error);
        ++waited;
      });
    }
    CHECK(co_await error_of([&](auto token) {
            return nc.async_publish("a", std::string(70'000, 'x'), token);
          }) == errc::buffer_full);
    CHECK(waited == 0);
    int got = 0;
    auto sub = nc.subscribe("a", [&](const client::message_view&) { ++got; });
    co_await nc.async_connect(asio::use_awaitable);
    while (waited < 20) co_await asio::post(asio::use_awaitable);
    co_await nc.async_flush(asio::use_awaitable);
    CHECK(got == 26);
  });
}

TEST_CASE("connection: who doesn't want to wait for room is told that there is none") {
  run([]() -> asio::awaitable<void> {
    const auto executor = co_await here();
    connection nc(executor, {.max_pending = 64 * 1024, .pending_full = client::when_full::error});
    const std::string part(10'000, 'x');
    while (!nc.publish("a", part)) {
    }
    CHECK(co_await error_of([&](auto token) { return nc.async_publish("a", part, token); }) ==
          errc::buffer_full);
    auto sub =
        nc.subscribe("a", {.limits = client::subscription_limits{.full = client::when_full::wait}});
    CHECK(co_await next(sub) == "error: " + error_code(errc::bad_options).message());
  });
}

TEST_CASE("connection: a request can have several answers, until they are enough") {
  server_process server(server_program());
  run([&]() -> asio::awaitable<void> {
    const auto executor = co_await here();
    connection nc(executor, {.servers = server.url()});
    co_await nc.async_connect(asio::use_awaitable);
    int late = 0;
    auto one = nc.subscribe("count", [&](const client::message_view& m) {
      CHECK_FALSE(nc.publish(m.reply, "1"));
      CHECK_FALSE(nc.publish(m.reply, "2"));
      CHECK_FALSE(nc.publish(m.reply, ""));
      CHECK_FALSE(nc.publish(m.reply, "3"));
      ++late;
    });
    using collect = client::collect_options;
    const auto ask = [&](const std::string& subject,
                         collect until) -> asio::awaitable<std::string> {
      const auto [error, answers] = co_await nc.async_request_many(subject, "?", until, as_values);
      std::string out;
      for (const auto& each : answers) out += "[" + std::string(each.payload()) + "]";
      co_return error ? out + error.message() : out;
    };
    const collect two{.count = 2};
    CHECK(co_await ask("count", two) == "[1][2]");
    const collect to_empty{.until_empty = true};
    CHECK(co_await ask("count", to_empty) == "[1][2]");
    const collect stalled{.stall = 100ms};
    CHECK(co_await ask("count", stalled) == "[1][2][][3]");
    const collect for_a_while{.timeout = 100ms};
    CHECK(co_await ask("count", for_a_while) == "[1][2][][3]");
    const collect small{.max_bytes = 1};
    CHECK(co_await ask("count", small) == "[1]");
    CHECK(co_await ask("nobody", two) == error_code(errc::no_responders).message());
    auto silent = nc.subscribe("silent", [](const client::message_view&) {});
    CHECK(co_await ask("silent", for_a_while) == error_code(errc::timed_out).message());
    // Two who answer are two answers.
    auto other = nc.subscribe(
        "count", [&](const client::message_view& m) { CHECK_FALSE(nc.publish(m.reply, "other")); });
    const collect five{.count = 5};
    CHECK((co_await ask("count", five)).find("[other]") != std::string::npos);
    nc.async_request_many("silent", "?", {}, [&](error_code error, const auto& answers) {
      CHECK(error == errc::closed);
      CHECK(answers.empty());
      late = -1;
    });
    nc.close();
    co_await until([&] { return late == -1; });
  });
}

TEST_CASE("connection: reading a subscription ends with it") {
  server_process server(server_program());
  run([&]() -> asio::awaitable<void> {
    const auto executor = co_await here();
    connection nc(executor, {.servers = server.url()});
    co_await nc.async_connect(asio::use_awaitable);
    auto sub = nc.subscribe("a", {.max_messages = 3});
    for (const std::string each : {"x", "y", "z"}) CHECK_FALSE(nc.publish("a", each));
    std::string got;
    while (const auto m = co_await sub.async_read()) got += m->payload();
    CHECK(got == "xyz");
    auto wrong = nc.subscribe("a..b");
    bool thrown = false;
    try {
      co_await wrong.async_read();
    } catch (const boost::system::system_error& why) {
      thrown = why.code() == errc::bad_subject;
    }
    CHECK(thrown);
  });
}

TEST_CASE("connection: threads publish and subscribe at once") {
  server_process server(server_program());
  asio::io_context context(1);
  auto work = asio::make_work_guard(context);
  std::thread loop([&] { context.run(); });
  {
    connection nc(context.get_executor(), {.servers = server.url()});
    nc.async_connect(asio::use_future).get();
    std::vector<std::thread> threads;
    std::vector<int> got(4);
    for (int t = 0; t < 4; ++t) {
      threads.emplace_back([&nc, &got, t] {
        const auto subject = "t." + std::to_string(t);
        auto sub = nc.subscribe(subject);
        for (int i = 0; i < 1000; ++i) {
          while (nc.publish(subject, std::to_string(i))) std::this_thread::yield();
        }
        for (int i = 0; i < 1000; ++i) {
          const auto m = sub.async_next(asio::use_future).get();
          got[static_cast<std::size_t>(t)] += m.payload() == std::to_string(i) ? 1 : 0;
        }
      });
    }
    for (auto& each : threads) each.join();
    CHECK(got == std::vector<int>(4, 1000));
  }
  work.reset();
  loop.join();
}

TEST_CASE("connection: a request is answered, or fails at once where nobody listens") {
  server_process server(server_program());
  run([&]() -> asio::awaitable<void> {
    const auto executor = co_await here();
    connection nc(executor, {.servers = server.url()});
    co_await nc.async_connect(asio::use_awaitable);
    auto service = nc.subscribe("double", [&nc](const client::message_view& m) {
      const auto twice = std::string(m.payload) + std::string(m.payload);
      CHECK_FALSE(nc.publish(m.reply, twice));
    });
    auto silent = nc.subscribe("silent");
    for (int i = 0; i < 100; ++i) {
      const auto m =
          co_await nc.async_request("double", std::to_string(i), 5s, asio::use_awaitable);
      CHECK(m.payload() == std::to_string(i) + std::to_string(i));
    }
    auto [nobody, m] = co_await nc.async_request("nobody", "x", 5s, as_values);
    CHECK(nobody == errc::no_responders);
    auto [late, n] = co_await nc.async_request("silent", "x", 20ms, as_values);
    CHECK(late == errc::timed_out);
    auto [bad, o] = co_await nc.async_request("a b", "x", 5s, as_values);
    CHECK(bad == errc::bad_subject);
    asio::cancellation_signal stop;
    error_code how;
    nc.async_request(
        "silent", "x", 5s,
        asio::bind_cancellation_slot(
            stop.slot(), [&](error_code error, const client::message&) { how = error; }));
    co_await nc.async_flush(asio::use_awaitable);
    stop.emit(asio::cancellation_type::terminal);
    co_await settle();
    CHECK(how == asio::error::operation_aborted);
  });
}

TEST_CASE("connection: many requests are in flight at once") {
  server_process server(server_program());
  run([&]() -> asio::awaitable<void> {
    const auto executor = co_await here();
    connection nc(executor, {.servers = server.url()});
    co_await nc.async_connect(asio::use_awaitable);
    auto service = nc.subscribe("echo", [&nc](const client::message_view& m) {
      CHECK_FALSE(nc.publish(m.reply, m.payload));
    });
    int right = 0;
    for (int i = 0; i < 10'000; ++i) {
      nc.async_request("echo", std::to_string(i), 20s,
                       [&right, i](error_code error, const client::message& m) {
                         right += !error && m.payload() == std::to_string(i) ? 1 : 0;
                       });
    }
    while (right < 10'000) co_await asio::post(asio::use_awaitable);
    CHECK(right == 10'000);
  });
}

TEST_CASE("connection: draining lets everything on its way arrive, answers included") {
  server_process server(server_program());
  run([&]() -> asio::awaitable<void> {
    const auto executor = co_await here();
    connection service(executor, {.servers = server.url()});
    connection caller(executor, {.servers = server.url()});
    co_await service.async_connect(asio::use_awaitable);
    co_await caller.async_connect(asio::use_awaitable);
    auto echo = service.subscribe("echo", [&service](const client::message_view& m) {
      CHECK_FALSE(service.publish(m.reply, m.payload));
    });
    auto kept = service.subscribe("echo");
    co_await service.async_flush(asio::use_awaitable);
    int answered = 0;
    int refused = 0;
    for (int i = 0; i < 1000; ++i) {
      caller.async_request("echo", std::to_string(i), 20s,
                           [&](error_code error, const client::message&) {
                             answered += error ? 0 : 1;
                             refused += error == errc::no_responders ? 1 : 0;
                           });
    }
    // Some are with the service, some on their way, and some come too late.
    co_await caller.async_flush(asio::use_awaitable);
    CHECK_FALSE(co_await error_of([&](auto token) { return service.async_drain(token); }));
    while (answered + refused < 1000) co_await asio::post(asio::use_awaitable);
    CHECK(answered == 1000);
    for (int i = 0; i < 1000; ++i) CHECK(co_await next(kept) == "echo=" + std::to_string(i));
    CHECK(co_await next(kept) == "error: the subscription has ended");
    CHECK(service.publish("a", "x") == errc::closed);
    auto late = service.subscribe("a");
    CHECK(co_await next(late) == "error: the connection is closed");
  });
}

TEST_CASE("connection: a drained subscription has had all its messages") {
  server_process server(server_program());
  run([&]() -> asio::awaitable<void> {
    const auto executor = co_await here();
    connection nc(executor, {.servers = server.url()});
    co_await nc.async_connect(asio::use_awaitable);
    auto sub = nc.subscribe("a");
    for (int i = 0; i < 100; ++i) CHECK_FALSE(nc.publish("a", std::to_string(i)));
    CHECK_FALSE(co_await error_of([&](auto token) { return sub.async_drain(token); }));
    CHECK_FALSE(nc.publish("a", "late"));
    for (int i = 0; i < 100; ++i) CHECK(co_await next(sub) == "a=" + std::to_string(i));
    CHECK(co_await next(sub) == "error: the subscription has ended");
    CHECK_FALSE(co_await error_of([&](auto token) { return sub.async_drain(token); }));
  });
}
