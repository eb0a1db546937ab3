#include "coroutines.hpp"
#include "memory_broker.hpp"

#include <nuncio/client/connection.hpp>

#include <boost/asio/bind_cancellation_slot.hpp>
#include <boost/asio/cancellation_signal.hpp>

#include <chrono>
#include <memory>
#include <string>
#include <vector>

namespace {

using namespace nuncio::test;
using namespace std::chrono_literals;
namespace client = nuncio::client;
using client::connection;
using client::errc;

/// Servers in memory, each of which a test lets in, refuses or plays itself.
struct network {
  enum class answer : std::uint8_t { serve, refuse, silent };

  client::options settings() {
    client::options set;
    set.servers = "one,two";
    set.randomize = false;
    set.reconnect.first_pause = set.reconnect.longest_pause = 0ms;
    set.open_stream = memory_opener([this](const auto& server, const auto& executor) {
      tried += server.host + " ";
      const auto what = answers.empty() ? answer::serve : answers.front();
      if (!answers.empty()) answers.erase(answers.begin());
      if (what == answer::refuse) return std::shared_ptr<memory_link>();
      links.push_back(std::make_shared<memory_link>(executor, fault{}));
      if (what == answer::serve) memory_broker::serve(links.back());
      return links.back();
    });
    return set;
  }

  std::vector<answer> answers;  // of the next attempts; afterwards all are served
  std::vector<std::shared_ptr<memory_link>> links;
  std::string tried;
};

using answer = network::answer;

}  // namespace

TEST_CASE("opener: it is asked for each attempt, whatever its streams are") {
  network net;
  run([&]() -> asio::awaitable<void> {
    const auto executor = co_await here();
    net.answers = {answer::refuse};
    connection nc(executor, net.settings());
    co_await nc.async_connect(asio::use_awaitable);
    CHECK(net.tried == "one two ");
    CHECK(nc.server_info().server_id == "memory");
    auto sub = nc.subscribe("a");
    CHECK_FALSE(nc.publish("a", "1"));
    CHECK((co_await sub.async_next(asio::use_awaitable)).payload() == "1");
    net.links.front()->finish();
    co_await until([&] { return net.links.size() == 2 && nc.is_connected(); });
    CHECK(net.tried == "one two one ");
    CHECK_FALSE(nc.publish("a", "2"));
    CHECK((co_await sub.async_next(asio::use_awaitable)).payload() == "2");
  });
}

TEST_CASE("opener: its error is that of connect, which may be called again from its handler") {
  network net;
  run([&]() -> asio::awaitable<void> {
    const auto executor = co_await here();
    net.answers = {answer::refuse, answer::refuse};
    connection nc(executor, net.settings());
    std::vector<error_code> how;
    nc.async_connect([&](error_code error) {
      how.push_back(error);
      nc.async_connect([&](error_code again) { how.push_back(again); });
    });
    co_await until([&] { return how.size() == 2; });
    CHECK(how[0] == asio::error::connection_refused);
    CHECK_FALSE(how[1]);
    CHECK(nc.is_connected());
  });
}

TEST_CASE("connect: several wait for one connection, and cancelling one leaves the others") {
  network net;
  run([&]() -> asio::awaitable<void> {
    const auto executor = co_await here();
    net.answers = {answer::silent};
    connection nc(executor, net.settings());
    asio::cancellation_signal stop;
    error_code cancelled;
    error_code waited = errc::closed;
    nc.async_connect(
        asio::bind_cancellation_slot(stop.slot(), [&](error_code error) { cancelled = error; }));
    nc.async_connect([&](error_code error) { waited = error; });
    co_await until([&] { return !net.links.empty(); });
    stop.emit(asio::cancellation_type::terminal);
    co_await settle();
    CHECK(cancelled == asio::error::operation_aborted);
    CHECK(waited == errc::closed);
    memory_broker::serve(net.links.front());
    co_await until([&] { return nc.is_connected(); });
    co_await settle();
    CHECK_FALSE(waited);
    CHECK(net.tried == "one ");
  });
}

TEST_CASE(
    "connect: when nobody waits any more the attempt is given up, and a later call tries anew") {
  network net;
  run([&]() -> asio::awaitable<void> {
    const auto executor = co_await here();
    net.answers = {answer::silent};
    connection nc(executor, net.settings());
    asio::cancellation_signal stop;
    error_code cancelled;
    nc.async_connect(
        asio::bind_cancellation_slot(stop.slot(), [&](error_code error) { cancelled = error; }));
    co_await until([&] { return !net.links.empty(); });
    stop.emit(asio::cancellation_type::terminal);
    error_code again = errc::closed;
    co_await asio::post(asio::use_awaitable);
    nc.async_connect([&](error_code error) { again = error; });
    co_await until([&] { return nc.is_connected(); });
    co_await settle();
    CHECK(cancelled == asio::error::operation_aborted);
    CHECK_FALSE(again);
    CHECK(net.links.front()->is_closed_by_client());
    CHECK(net.tried == "one two ");
  });
}

TEST_CASE("connect: while a lost connection is made again it waits for that") {
  network net;
  run([&]() -> asio::awaitable<void> {
    const auto executor = co_await here();
    net.answers = {answer::serve, answer::silent};
    connection nc(executor, net.settings());
    co_await nc.async_connect(asio::use_awaitable);
    net.links[0]->finish();
    co_await until([&] { return net.links.size() == 2; });
    error_code again = errc::closed;
    error_code cancelled;
    asio::cancellation_signal stop;
    nc.async_connect([&](error_code error) { again = error; });
    nc.async_connect(
        asio::bind_cancellation_slot(stop.slot(), [&](error_code error) { cancelled = error; }));
    co_await settle();
    CHECK(again == errc::closed);
    stop.emit(asio::cancellation_type::terminal);
    co_await settle();
    CHECK(cancelled == asio::error::operation_aborted);
    memory_broker::serve(net.links[1]);
    co_await until([&] { return again != errc::closed; });
    CHECK_FALSE(again);
    CHECK(nc.is_connected());
    error_code at_once = errc::closed;
    nc.async_connect([&](error_code error) { at_once = error; });
    co_await settle();
    CHECK_FALSE(at_once);
  });
}

TEST_CASE("connect: closing ends those that wait for a connection") {
  network net;
  run([&]() -> asio::awaitable<void> {
    const auto executor = co_await here();
    net.answers = {answer::serve, answer::silent};
    connection nc(executor, net.settings());
    co_await nc.async_connect(asio::use_awaitable);
    net.links[0]->finish();
    co_await until([&] { return net.links.size() == 2; });
    error_code how;
    nc.async_connect([&](error_code error) { how = error; });
    co_await settle();
    nc.close();
    co_await settle();
    CHECK(how == errc::closed);
    CHECK(net.links[1]->is_closed_by_client());
  });
}
