#include "rpc_world.hpp"

#include <nuncio/client/blocking.hpp>

#include <boost/asio/use_future.hpp>
#include <boost/system/errc.hpp>
#include <boost/system/system_error.hpp>

#include <algorithm>
#include <atomic>
#include <csignal>
#include <functional>
#include <future>
#include <numeric>
#include <optional>
#include <stop_token>
#include <string>
#include <thread>
#include <utility>
#include <vector>

namespace {

using namespace nuncio::test;
using namespace std::chrono_literals;
namespace blocking = nuncio::blocking;
namespace client = nuncio::client;
using client::errc;
using client::status;

const auto would_deadlock = make_error_code(boost::system::errc::resource_deadlock_would_occur);

/// What `call` throws, if it does.
error_code thrown_by(const std::function<void()>& call) {
  try {
    call();
    return {};
  } catch (const boost::system::system_error& why) {
    return why.code();
  }
}

std::string text_of(const std::optional<client::message>& m) {
  return m ? std::string(m->subject()) + "=" + std::string(m->payload()) : "nothing";
}

client::options to(const server_process& server) {
  client::options set{.servers = server.url()};
  set.reconnect.first_pause = 5ms;
  set.reconnect.longest_pause = 20ms;
  return set;
}

/// Somebody who answers requests to `subject` until the subscription ends.
struct answering {
  answering(blocking::connection& nc, const std::string& subject)
      : sub(nc.subscribe(subject)), thread([this, &nc] {
          while (const auto m = sub.next())
            nc.publish(m->reply(), "re: " + std::string(m->payload()));
        }) {
    nc.flush();
  }
  answering(const answering&) = delete;
  answering& operator=(const answering&) = delete;
  ~answering() {
    sub.unsubscribe();
    thread.join();
  }
  blocking::subscription sub;
  std::thread thread;
};

}  // namespace

TEST_CASE("blocking: what is published reaches subscribers whole and in order") {
  server_process server(server_program());
  blocking::connection nc(to(server));
  CHECK_FALSE(nc.is_connected());
  nc.connect();
  CHECK(nc.is_connected());
  CHECK(nc.server_info().max_payload == 1024 * 1024);
  auto sub = nc.subscribe("a.>");
  client::headers h;
  CHECK(h.add("Key", "value"));
  const std::string large(1024 * 1024, 'l');
  nc.publish("a.1", h, "x");
  nc.publish({.subject = "a.2", .reply = "r"});
  nc.publish("a.3", large);
  CHECK(thrown_by([&] { nc.publish("a.3", large + "l"); }) == errc::max_payload);
  CHECK(thrown_by([&] { nc.publish("a b", "x"); }) == errc::bad_subject);
  const auto first = sub.next();
  REQUIRE(first);
  CHECK(first->headers().find("Key") == "value");
  const auto second = sub.next();
  REQUIRE(second);
  CHECK(second->reply() == "r");
  CHECK(text_of(sub.next()) == "a.3=" + large);
  for (int i = 0; i < 5000; ++i) nc.publish("a.4", std::to_string(i));
  for (int i = 0; i < 5000; ++i) {
    const auto got = text_of(sub.next());
    if (got != "a.4=" + std::to_string(i)) FAIL_CHECK(got << " instead of " << i);
  }
  CHECK(nc.statistics().in_messages == 5003);
}

TEST_CASE("blocking: a request is answered, or fails with what is wrong") {
  server_process server(server_program());
  blocking::connection nc(to(server));
  nc.connect();
  CHECK(thrown_by([&] { nc.request("ask", "x", 10s); }) == errc::no_responders);
  {
    const answering one(nc, "ask");
    CHECK(nc.request("ask", "x", 10s).payload() == "re: x");
    client::headers h;
    CHECK(h.add("Key", "value"));
    const auto answer =
        nc.request({.subject = "ask", .header_block = h.block(), .payload = "y"}, 10s);
    CHECK(answer.payload() == "re: y");
    CHECK(thrown_by([&] { nc.request("a b", "x"); }) == errc::bad_subject);
  }
  const auto silent = nc.subscribe("ask");
  CHECK(thrown_by([&] { nc.request("ask", "x", 20ms); }) == errc::timed_out);
}

TEST_CASE("blocking: a request can have several answers") {
  server_process server(server_program());
  blocking::connection nc(to(server));
  nc.connect();
  CHECK(thrown_by([&] { nc.request_many("ask", "x"); }) == errc::no_responders);
  const answering one(nc, "ask");
  const answering two(nc, "ask");
  const answering three(nc, "ask");
  CHECK(nc.request_many("ask", "x", {.count = 3}).size() == 3);
  const auto two_of_them = nc.request_many({.subject = "ask", .payload = "x"}, {.count = 2});
  REQUIRE(two_of_them.size() == 2);
  CHECK(two_of_them[1].payload() == "re: x");
}

TEST_CASE("blocking: threads publish and take messages of one subscription, each once") {
  server_process server(server_program());
  blocking::connection nc(to(server));
  nc.connect();
  auto sub = nc.subscribe("jobs", {.queue = "q"});
  constexpr int count = 20'000;
  constexpr int publishers = 2;
  std::vector<std::vector<int>> got(3);
  std::vector<std::thread> threads;
  for (auto& mine : got) {
    threads.emplace_back([&] {
      while (const auto m = sub.next()) mine.push_back(std::stoi(std::string(m->payload())));
    });
  }
  for (int p = 0; p < publishers; ++p) {
    threads.emplace_back([&nc, p] {
      for (int i = p; i < count; i += publishers) nc.publish("jobs", std::to_string(i));
      nc.flush();
    });
  }
  for (int p = 0; p < publishers; ++p) {
    threads.back().join();
    threads.pop_back();
  }
  sub.drain();
  for (auto& each : threads) each.join();
  std::vector<int> all;
  for (const auto& mine : got) all.insert(all.end(), mine.begin(), mine.end());
  std::sort(all.begin(), all.end());
  std::vector<int> expected(count);
  std::iota(expected.begin(), expected.end(), 0);
  CHECK(all == expected);
  CHECK(sub.has_ended());
}

TEST_CASE("blocking: a message for each of those that wait, though one gets all that came") {
  server_process server(server_program());
  blocking::connection nc(to(server));
  nc.connect();
  // Whoever comes first may find all of them; the others must find them with him.
  for (int round = 0; round < 50; ++round) {
    auto sub = nc.subscribe("a");
    std::vector<std::thread> threads;
    std::atomic<int> got{0};
    for (int i = 0; i < 3; ++i) {
      threads.emplace_back([&] { got += sub.next() ? 1 : 0; });
    }
    for (int i = 0; i < 3; ++i) nc.publish("a", "x");
    for (auto& each : threads) each.join();
    CHECK(got == 3);
  }
}

TEST_CASE("blocking: a subscription ends after its maximum, or when it is told to") {
  server_process server(server_program());
  blocking::connection nc(to(server));
  nc.connect();
  auto two = nc.subscribe("a", {.max_messages = 2});
  auto three = nc.subscribe("a");
  three.unsubscribe_after(3);
  auto ended = nc.subscribe("a");
  for (int i = 0; i < 5; ++i) nc.publish("a", std::to_string(i));
  nc.flush();
  ended.unsubscribe();
  nc.publish("a", "too late");
  for (int i = 0; i < 2; ++i) CHECK(text_of(two.next()) == "a=" + std::to_string(i));
  for (int i = 0; i < 3; ++i) CHECK(text_of(three.next()) == "a=" + std::to_string(i));
  for (int i = 0; i < 5; ++i) CHECK(text_of(ended.next()) == "a=" + std::to_string(i));
  for (auto* each : {&two, &three, &ended}) {
    CHECK_FALSE(each->has_ended());
    CHECK_FALSE(each->next());
    CHECK(each->has_ended());
    CHECK_FALSE(each->next(1h));
  }
  auto bad = nc.subscribe("a..b");
  CHECK(thrown_by([&] { bad.next(); }) == errc::bad_subject);
  CHECK(bad.has_ended());
}

TEST_CASE("blocking: next ends when the time is up, and no message is lost by it") {
  server_process server(server_program());
  blocking::connection nc(to(server));
  nc.connect();
  auto sub = nc.subscribe("a");
  CHECK_FALSE(sub.next(1ms));
  CHECK_FALSE(sub.next(0ms));
  CHECK_FALSE(sub.next(-1h));
  CHECK_FALSE(sub.next(std::chrono::steady_clock::now() + 1ms));
  CHECK_FALSE(sub.next(std::chrono::steady_clock::time_point::min()));
  CHECK_FALSE(sub.has_ended());
  nc.publish("a", "1");
  nc.publish("a", "2");
  nc.publish("a", "3");
  nc.flush();
  CHECK(text_of(sub.next(0ms)) == "a=1");
  CHECK(text_of(sub.next(0ms)) == "a=2");
  CHECK(text_of(sub.next(1h)) == "a=3");
  int sent = 0;
  for (int got = 0; got < 200;) {  // just when the time is up
    if (sent <= got) nc.publish("a", std::to_string(sent++));
    if (const auto m = sub.next(50us)) CHECK(text_of(m) == "a=" + std::to_string(got++));
  }
}

TEST_CASE("blocking: whoever waits can be stopped from elsewhere") {
  server_process server(server_program());
  blocking::connection nc(to(server));
  nc.connect();
  auto sub = nc.subscribe("a");
  auto other = nc.subscribe("b");
  for (int i = 0; i < 20; ++i) {
    std::stop_source stop;
    auto one = std::async(std::launch::async, [&] { return sub.next(stop.get_token()); });
    auto two = std::async(std::launch::async, [&] { return other.next(1h, stop.get_token()); });
    stop.request_stop();
    CHECK_FALSE(one.get());
    CHECK_FALSE(two.get());
    CHECK_FALSE(sub.next(stop.get_token()));
  }
  CHECK_FALSE(sub.has_ended());
  std::stop_source by_callback;
  const auto stopping =
      nc.subscribe("stop", [&](const client::message_view&) { by_callback.request_stop(); });
  nc.publish("stop", "");
  CHECK_FALSE(sub.next(by_callback.get_token()));
  nc.publish("a", "still there");
  CHECK(text_of(sub.next(std::stop_source().get_token())) == "a=still there");
}

TEST_CASE("blocking: closing ends whatever waits") {
  server_process server(server_program());
  for (int i = 0; i < 20; ++i) {
    blocking::connection nc(to(server));
    nc.connect();
    auto sub = nc.subscribe("a");
    auto silent = nc.subscribe("ask");
    nc.flush();
    const auto ends_closed = [](auto call) {
      return std::async(std::launch::async, [call] { CHECK(thrown_by(call) == errc::closed); });
    };
    std::vector<std::future<void>> waiting;
    waiting.push_back(ends_closed([&] { sub.next(); }));
    waiting.push_back(ends_closed([&] { sub.next(1h); }));
    waiting.push_back(ends_closed([&] { nc.request("ask", "x", 1h); }));
    waiting.push_back(ends_closed([&] { nc.request_many("ask", "x", {.timeout = 1h}); }));
    if (i % 2 == 0) {
      // The last request has come.
      CHECK(text_of(silent.next()) == "ask=x");
      CHECK(text_of(silent.next()) == "ask=x");
    }
    nc.close();
    for (auto& each : waiting) each.get();
    CHECK(sub.has_ended());
    CHECK(thrown_by([&] { nc.publish("a", "x"); }) == errc::closed);
    CHECK(thrown_by([&] { nc.flush(); }) == errc::closed);
    CHECK(thrown_by([&] { nc.drain(); }) == errc::closed);
    CHECK(thrown_by([&] { nc.connect(); }) == errc::closed);
    CHECK_FALSE(nc.is_connected());
  }
}

TEST_CASE("blocking: draining lets everything arrive that is on its way") {
  server_process server(server_program());
  blocking::connection other(to(server));
  other.connect();
  auto all = other.subscribe("a");
  other.flush();
  blocking::connection nc(to(server));
  nc.connect();
  auto sub = nc.subscribe("a");
  auto rest = nc.subscribe("a");
  for (int i = 0; i < 1000; ++i) nc.publish("a", std::to_string(i));
  sub.drain();
  for (int i = 0; i < 1000; ++i) REQUIRE(text_of(sub.next()) == "a=" + std::to_string(i));
  CHECK_FALSE(sub.next());
  nc.publish("a", "last");
  nc.drain();
  for (int i = 0; i < 1000; ++i) REQUIRE(text_of(rest.next()) == "a=" + std::to_string(i));
  CHECK(text_of(rest.next()) == "a=last");
  CHECK_FALSE(rest.next());
  for (int i = 0; i < 1000; ++i) REQUIRE(text_of(all.next()) == "a=" + std::to_string(i));
  CHECK(text_of(all.next()) == "a=last");
}

TEST_CASE("blocking: who takes messages too slowly is told where they are missing") {
  server_process server(server_program());
  blocking::connection nc(to(server));
  nc.connect();
  const client::subscription_limits two{.messages = 2};
  const client::subscription_limits last_two{.messages = 2, .full = client::when_full::drop_oldest};
  auto newest_lost = nc.subscribe("a", {.limits = two});
  auto oldest_lost = nc.subscribe("a", {.limits = last_two});
  for (int i = 0; i < 4; ++i) nc.publish("a", std::to_string(i));
  nc.flush();
  CHECK(text_of(newest_lost.next()) == "a=0");
  CHECK(text_of(newest_lost.next()) == "a=1");
  CHECK(thrown_by([&] { newest_lost.next(); }) == errc::slow_consumer);
  CHECK_FALSE(newest_lost.has_ended());
  CHECK(newest_lost.dropped() == 2);
  CHECK(thrown_by([&] { oldest_lost.next(); }) == errc::slow_consumer);
  CHECK(text_of(oldest_lost.next()) == "a=2");
  // What was fetched before it was asked for would be out of date.
  nc.publish("a", "4");
  nc.publish("a", "5");
  nc.flush();
  CHECK(thrown_by([&] { oldest_lost.next(); }) == errc::slow_consumer);
  CHECK(text_of(oldest_lost.next()) == "a=4");
  CHECK(text_of(oldest_lost.next()) == "a=5");
  CHECK(text_of(newest_lost.next()) == "a=4");
}

TEST_CASE("blocking: connecting says what is wrong, and may be tried again") {
  server_process server(server_program());
  server.kill(SIGKILL);
  blocking::connection nc(to(server));
  CHECK(thrown_by([&] { nc.connect(); }) == asio::error::connection_refused);
  server.restart();
  nc.connect();
  nc.flush();
  blocking::connection wrong({.servers = "http://127.0.0.1"});
  CHECK(thrown_by([&] { wrong.connect(); }) == errc::bad_options);
}

TEST_CASE("blocking: a server that crashes ends what waits for it, and everything goes on after") {
  server_process server(server_program());
  std::atomic<int> told{0};
  auto set = to(server);
  set.on_status = [&](const status& s) { told += s.what == status::kind::reconnected ? 1 : 0; };
  blocking::connection nc(set);
  nc.connect();
  auto sub = nc.subscribe("a");
  nc.flush();
  server.freeze();
  auto flushing = std::async(std::launch::async, [&] { return thrown_by([&] { nc.flush(); }); });
  CHECK(thrown_by([&] { nc.flush(1ms); }) == errc::timed_out);
  server.kill(SIGKILL);
  // It may also begin when the connection is gone, and waits for the next one then.
  server.restart();
  nc.connect();
  const auto how = flushing.get();
  CHECK((!how || how == errc::disconnected));
  nc.publish("a", "after");
  CHECK(text_of(sub.next()) == "a=after");
  CHECK(told == 1);
}

TEST_CASE("blocking: without reconnecting a crash of the server ends it") {
  server_process server(server_program());
  auto set = to(server);
  set.reconnect.enabled = false;
  blocking::connection nc(set);
  nc.connect();
  auto sub = nc.subscribe("a");
  nc.publish("a", "1");
  nc.flush();
  server.kill(SIGKILL);
  CHECK(text_of(sub.next()) == "a=1");
  CHECK(thrown_by([&] { sub.next(); }) == errc::closed);
  CHECK(thrown_by([&] { nc.publish("a", "x"); }) == errc::closed);
}

TEST_CASE("blocking: publishing waits for room, unless it mustn't") {
  server_process server(server_program());
  auto set = to(server);
  set.max_pending = 100'000;
  {
    blocking::connection nc(set);
    auto sending = std::async(std::launch::async, [&] {
      for (int i = 0; i < 100; ++i) nc.publish({.subject = "a", .payload = std::string(9000, 'x')});
    });
    auto sub = nc.subscribe("a");
    nc.connect();
    sending.get();
    nc.drain();
    CHECK(nc.statistics().out_bytes > 900'000);
    CHECK(thrown_by([&] { nc.publish("a", "x"); }) == errc::closed);
  }
  set.pending_full = client::when_full::error;
  blocking::connection nc(set);
  CHECK(thrown_by([&] {
          for (int i = 0; i < 100; ++i) nc.publish("a", std::string(9000, 'x'));
        }) == errc::buffer_full);
}

TEST_CASE("blocking: callbacks run on the connection's thread, where nothing may wait") {
  server_process server(server_program());
  std::thread::id home;
  auto set = to(server);
  set.on_status = [&](const status&) { home = std::this_thread::get_id(); };
  blocking::connection nc(set);
  nc.connect();
  auto sub = nc.subscribe("b");
  std::promise<void> done;
  auto called = nc.subscribe("a", [&](const client::message_view& m) {
    CHECK(std::this_thread::get_id() == home);
    CHECK(home != std::thread::id());
    for (const auto& call : std::vector<std::function<void()>>{
             [&] { nc.connect(); }, [&] { nc.request("b", "x"); }, [&] { nc.flush(); },
             [&] { nc.drain(); }, [&] { sub.next(); }, [&] { sub.next(0ms); }, [&] { sub.drain(); },
             [&] { nc.request_many("b", "x"); }}) {
      CHECK(thrown_by(call) == would_deadlock);
    }
    CHECK(nc.is_connected());
    CHECK(nc.server_info().headers);
    nc.publish("b", m.payload);
    sub.unsubscribe_after(1);
    done.set_value();
  });
  nc.publish("a", "from here");
  CHECK(text_of(sub.next()) == "b=from here");
  done.get_future().get();
  CHECK_FALSE(sub.next());
}

TEST_CASE("blocking: no callback runs any more once its subscription is gone") {
  server_process server(server_program());
  blocking::connection nc(to(server));
  nc.connect();
  for (int i = 0; i < 20; ++i) {
    auto count = std::make_unique<int>(0);
    std::promise<void> first;
    auto sub = nc.subscribe("a", [&](const client::message_view&) {
      if (++*count == 1) first.set_value();
    });
    for (int n = 0; n < 200; ++n) nc.publish("a", "x");
    first.get_future().get();
    sub = {};
    count.reset();
  }
  std::promise<void> gone;
  blocking::subscription sub;
  int calls = 0;
  sub = nc.subscribe("b", [&](const client::message_view&) {
    ++calls;
    sub = {};
    gone.set_value();
  });
  nc.publish("b", "1");
  nc.publish("b", "2");
  gone.get_future().get();
  nc.flush();
  CHECK(calls == 1);
}

TEST_CASE("blocking: a connection goes in whatever state it is") {
  server_process server(server_program());
  {
    const blocking::connection never_connected({.servers = "127.0.0.1:1"});
  }
  {
    auto set = to(server);
    set.servers = "127.0.0.1:1";
    set.reconnect.at_first = true;
    std::promise<void> trying;
    std::atomic<bool> is_over{false};
    set.open_stream = [&](const auto& url, const auto& executor, auto done) {
      if (!is_over.exchange(true)) trying.set_value();
      client::open_stream(url, executor, std::move(done));
    };
    auto nc = std::make_unique<blocking::connection>(set);
    auto connecting = std::async(std::launch::async,
                                 [it = nc.get()] { return thrown_by([it] { it->connect(); }); });
    trying.get_future().get();
    nc.reset();
    CHECK(connecting.get() == errc::closed);
  }
  {
    // Accepted by the system, and never greeted.
    server_process frozen(server_program());
    frozen.freeze();
    auto set = to(frozen);
    std::promise<void> trying;
    set.open_stream = [&](const auto& url, const auto& executor, auto done) {
      trying.set_value();
      client::open_stream(url, executor, std::move(done));
    };
    auto nc = std::make_unique<blocking::connection>(set);
    auto connecting = std::async(std::launch::async,
                                 [it = nc.get()] { return thrown_by([it] { it->connect(); }); });
    trying.get_future().get();
    nc.reset();
    CHECK(connecting.get() == errc::closed);
  }
  for (int i = 0; i < 20; ++i) {
    auto nc = std::make_unique<blocking::connection>(to(server));
    nc->connect();
    // What the last one has sent may still be on its way.
    const auto subject = "a." + std::to_string(i);
    const auto message = subject + "=" + std::string(10'000, 'x');
    auto sub = nc->subscribe(subject);
    auto silent = nc->subscribe("ask");
    auto called = nc->subscribe(subject, [](const client::message_view&) {});
    auto asking = std::async(std::launch::async, [it = nc.get()] {
      return thrown_by([it] { it->request("ask", "x", 1h); });
    });
    CHECK(text_of(silent.next()) == "ask=x");  // it has begun
    auto taking = std::async(std::launch::async,
                             [&silent] { return thrown_by([&silent] { silent.next(); }); });
    for (int n = 0; n < 100; ++n) nc->publish(subject, std::string(10'000, 'x'));
    if (i % 2 == 0) nc->flush();
    nc.reset();
    CHECK(asking.get() == errc::closed);
    CHECK(taking.get() == errc::closed);
    if (i % 2 == 0) {
      for (int n = 0; n < 100; ++n) CHECK(text_of(sub.next()) == message);
      CHECK(thrown_by([&] { sub.next(); }) == errc::closed);
    }
    const auto how = thrown_by([&] { sub.drain(); });  // there is nothing to be drained
    CHECK((!how || how == errc::closed));
    sub.unsubscribe();
    CHECK(sub.dropped() == 0);
  }
  {
    blocking::connection nc(to(server));
    nc.connect();
    server.kill(SIGKILL);
    CHECK(thrown_by([&] { nc.flush(1ms); }));
  }
}

TEST_CASE("blocking: a subscription can be moved and replaced, which ends the one before") {
  server_process server(server_program());
  blocking::connection nc(to(server));
  nc.connect();
  auto sub = nc.subscribe("a");
  nc.publish("a", "1");
  nc.publish("a", "2");
  CHECK(text_of(sub.next()) == "a=1");
  auto moved = std::move(sub);
  CHECK(text_of(moved.next()) == "a=2");  // had been fetched with the first
  moved = nc.subscribe("b");
  nc.flush();
  nc.publish("a", "3");
  nc.publish("b", "4");
  CHECK(text_of(moved.next()) == "b=4");
  nc.flush();
  CHECK(nc.statistics().in_messages == 3);
  sub = std::move(moved);
  sub.unsubscribe();
  CHECK_FALSE(sub.next());
  const blocking::subscription nothing;
  CHECK_FALSE(nothing.has_ended());
  CHECK(nothing.dropped() == 0);
}

TEST_CASE("blocking: operations of the connection behind it can be waited for, calls too") {
  server_process server(server_program());
  blocking::connection nc(to(server));
  nc.connect();
  nc.async().async_flush(asio::use_future).get();

  asio::io_context serving(1);
  client::connection far(serving.get_executor(), world::with(server));
  nuncio::rpc::service service(far, calc());
  service.endpoint<sum_request, int>(
      "add", [](const sum_request& r, nuncio::rpc::context&) -> asio::awaitable<int> {
        co_return r.a + r.b;
      });
  auto ready = far.async_connect(asio::use_future);
  std::thread thread([&] { serving.run(); });
  ready.get();
  far.async_flush(asio::use_future).get();

  nuncio::rpc::stub stub(nc.async(), "calc");
  const auto call = [&] {
    return stub.async_call<int>("add", two_and_three, {.timeout = 10s}, asio::use_future);
  };
  CHECK(call().get().value() == 5);
  std::vector<std::thread> callers;
  std::atomic<int> sum{0};
  for (int i = 0; i < 3; ++i) {
    callers.emplace_back([&] {
      for (int n = 0; n < 100; ++n) sum += call().get().value();
    });
  }
  for (auto& each : callers) each.join();
  CHECK(sum == 1500);
  serving.stop();
  thread.join();
}
