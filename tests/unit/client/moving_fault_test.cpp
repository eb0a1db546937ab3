// Moving from one server to another, with trouble behind every byte of the new connection or the
// old one.
#include "coroutines.hpp"
#include "memory_broker.hpp"

#include <nuncio/client/connection.hpp>

#include <boost/asio/deferred.hpp>
#include <boost/asio/steady_timer.hpp>

#include <algorithm>
#include <chrono>
#include <deque>
#include <memory>
#include <span>
#include <string>
#include <utility>
#include <vector>

namespace {

using namespace nuncio::test;
using namespace std::chrono_literals;
namespace client = nuncio::client;
namespace protocol = nuncio::protocol;
using client::status;

/// A client of servers in memory. The one that it has come to is a lame duck soon. The trouble is
/// that of connection number `which`.
struct travel {
  travel(const asio::any_io_executor& executor, int which, const fault& what)
      : troubled(which), trouble(what), nc(executor, settings()) {}

  client::options settings() {
    client::options set;
    set.servers = "memory:1,memory:2,memory:3";
    set.randomize = false;
    set.connect_timeout = 1s;
    set.ping_interval = 500ms;
    set.reconnect.first_pause = set.reconnect.longest_pause = 1ms;
    set.open_stream = memory_opener([this](const auto&, const auto& executor) {
      const auto number = static_cast<int>(links.size());
      auto link = std::make_shared<memory_link>(executor, number == troubled ? trouble : fault{});
      links.push_back(link);
      memory_broker::serve(link, std::to_string(number + 1));
      return link;
    });
    set.on_status = [this](const status& what) {
      moved += what.what == status::kind::moved ? 1 : 0;
      lost += what.what == status::kind::disconnected ? 1 : 0;
    };
    return set;
  }

  asio::awaitable<void> go() {
    co_await nc.async_connect(asio::use_awaitable);
    auto plain = nc.subscribe("plain");
    auto group = nc.subscribe("group", {.queue = "q"});
    auto echo = nc.subscribe("echo", [this](const client::message_view& m) {
      CHECK_FALSE(nc.publish(m.reply, m.payload));
    });
    co_await ask("before");
    // Of trouble before that, other tests tell.
    links.back()->send("INFO {\"server_id\":\"" + std::to_string(links.size()) +
                       "\",\"headers\":true,\"max_payload\":1048576,\"ldm\":true} \r\n");
    asio::steady_timer some_time(co_await asio::this_coro::executor);
    while (moved + lost == 0) {
      co_await ask("meanwhile");
      some_time.expires_after(200ms);  // every byte is a test case
      co_await some_time.async_wait(as_values);
    }
    auto flushed = co_await error_of(nc.async_flush(asio::deferred));
    while (flushed) flushed = co_await error_of(nc.async_flush(asio::deferred));
    for (auto* const each : {&plain, &group}) {
      // The trouble may still come.
      auto got = each->try_next();
      while (!got) {
        nc.publish("plain", "still here");
        nc.publish("group", "still here");
        co_await ask("after");
        got = each->try_next();
      }
      CHECK(got->payload() == "still here");
    }
    co_await nc.async_drain(as_values);
    co_await settle();
  }

  // Until there is an answer.
  asio::awaitable<void> ask(std::string what) {
    error_code error = client::errc::disconnected;
    while (error) {
      auto asked = co_await nc.async_request("echo", what, 500ms, as_values);
      error = std::get<0>(asked);
      if (!error) CHECK(std::get<1>(asked).payload() == what);
    }
  }

  int troubled;
  fault trouble;
  std::vector<std::shared_ptr<memory_link>> links;
  int moved = 0;
  int lost = 0;
  client::connection nc;
};

struct plan {
  int which;
  fault what;
};

/// What each link has sent and what was written to it, of the last of them.
std::vector<std::pair<std::size_t, std::size_t>> travel_by(std::span<const plan> plans) {
  asio::io_context context(1);
  std::deque<travel> all;
  for (const auto& each : plans) all.emplace_back(context.get_executor(), each.which, each.what);
  run_together(context, all, [](travel& it) { return it.go(); }, 5min);
  for (std::size_t i = 0; i < all.size(); ++i) {
    CAPTURE(plans[i].which);
    CAPTURE(static_cast<int>(plans[i].what.what));
    CAPTURE(plans[i].what.behind);
    for (const auto& link : all[i].links) CHECK(link->is_closed_by_client());
    if (plans[i].what.what == fault::kind::none) {
      CHECK(all[i].moved == 1);
      CHECK(all[i].lost == 0);
      CHECK(all[i].links.size() == 2);
    }
  }
  std::vector<std::pair<std::size_t, std::size_t>> out;
  for (const auto& link : all.back().links) out.emplace_back(link->sent(), link->written());
  return out;
}

void break_everywhere(int which, std::initializer_list<fault::kind> kinds) {
  const std::vector<plan> none{{-1, {}}};
  const auto sizes = travel_by(none).at(static_cast<std::size_t>(which));
  std::vector<plan> plans;
  for (const auto what : kinds) {
    for (std::size_t at = 0; at < sizes.first; ++at) {
      plans.push_back({which, {what, fault::way::to_client, at}});
    }
    for (std::size_t at = 0; at < sizes.second; ++at) {
      plans.push_back({which, {what, fault::way::to_server, at}});
    }
  }
  constexpr std::size_t at_once = 2000;
  for (std::size_t first = 0; first < plans.size(); first += at_once) {
    travel_by(std::span(plans).subspan(first, std::min(at_once, plans.size() - first)));
  }
}

}  // namespace

TEST_CASE("moving: whatever byte of the new server's connection is the last, the client goes on") {
  break_everywhere(1, {fault::kind::cut, fault::kind::reset, fault::kind::stall});
}

TEST_CASE("moving: whatever byte of the old server's connection is the last, the client goes on") {
  break_everywhere(0, {fault::kind::cut, fault::kind::reset, fault::kind::stall});
}
