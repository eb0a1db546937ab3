#include "coroutines.hpp"
#include "memory_broker.hpp"

#include <nuncio/client/connection.hpp>

#include <boost/asio/bind_cancellation_slot.hpp>
#include <boost/asio/cancellation_signal.hpp>

#include <algorithm>
#include <array>
#include <chrono>
#include <deque>
#include <map>
#include <memory>
#include <span>
#include <string>
#include <vector>

namespace {

using namespace nuncio::test;
using namespace std::chrono_literals;
namespace client = nuncio::client;
namespace protocol = nuncio::protocol;
using client::connection;
using client::errc;
using client::status;

/// How often each operation of a conversation has completed, and how.
struct outcomes {
  std::map<std::string, std::vector<error_code>> of;
  auto note(const std::string& name) {
    of[name];
    return [this, name](error_code error, auto&&...) { of[name].push_back(error); };
  }
  [[nodiscard]] bool are_complete() const {
    return std::all_of(of.begin(), of.end(),
                       [](const auto& each) { return each.second.size() == 1; });
  }
};

/// Time enough for the slowest machine: where it passes, something hangs.
constexpr std::chrono::minutes forever = 10min;

/// What one client says to its servers: the first connection has the trouble, later ones none.
///
/// Only silence, and that a request was lost with its connection, is noticed by the time that
/// passes, so only there time-outs are short. A machine that is slow may then seem silent, too, and
/// costs a connection or a request more.
struct conversation {
  conversation(const asio::any_io_executor& executor, const fault& what, std::size_t most_read)
      : trouble(what), nc(executor, settings(most_read)) {}

  [[nodiscard]] bool is_silent() const noexcept {
    return trouble.what == fault::kind::stall || trouble.what == fault::kind::jam;
  }

  [[nodiscard]] std::chrono::milliseconds answer_time() const noexcept {
    return trouble.what == fault::kind::none ? forever : 1s;
  }

  client::options settings(std::size_t most_read) {
    client::options set;
    set.servers = "memory";
    set.connect_timeout = is_silent() ? 1s : forever;
    set.ping_interval = is_silent() ? 300ms : forever;
    set.reconnect.at_first = true;
    set.reconnect.first_pause = set.reconnect.longest_pause = 0ms;
    set.open_stream = memory_opener([this, most_read](const auto&, const auto& executor) {
      auto link = std::make_shared<memory_link>(executor, links.empty() ? trouble : fault{});
      link->most_read = most_read;
      links.push_back(link);
      memory_broker::serve(link);
      return link;
    });
    return set;
  }

  asio::awaitable<void> hold() {
    nc.async_connect(all.note("connect"));
    auto echo = nc.subscribe("echo", [this](const client::message_view& m) {
      CHECK_FALSE(nc.publish(m.reply, m.payload));
    });
    auto news = nc.subscribe("news.*");
    auto idle = nc.subscribe("idle");
    nc.async_flush(all.note("first flush"));
    co_await until([this] { return !all.of["connect"].empty(); });
    CHECK_FALSE(nc.publish("news.1", "before"));
    client::headers header;
    CHECK(header.add("Key", "value"));
    CHECK_FALSE(nc.publish("news.2", header, "with a header"));
    nc.async_request("echo", "question", answer_time(), all.note("request"));
    idle.async_drain(all.note("drain of a subscription"));
    nc.async_publish("news.3", "waits", all.note("publish"));
    nc.async_flush(all.note("flush"));
    news.async_next(all.note("next"));
    co_await until([this] {
      return all.of["request"].size() + all.of["flush"].size() +
                 all.of["drain of a subscription"].size() >=
             3;
    });
    // By now the trouble is over, or comes below.
    co_await ask_again();
    nc.async_drain(all.note("drain"));
    co_await until([this] { return !all.of["drain"].empty(); });
    // What waits in the subscription can be taken; then it has ended.
    for (int i = 0; i < 10; ++i) {
      const auto [error, m] = co_await news.async_next(as_values);
      if (error) last = error;
    }
    co_await settle();
  }
  // A server that has stopped talking may be noticed only now. What was on its way then is lost.
  asio::awaitable<void> ask_again() {
    error_code error = errc::disconnected;
    while (error || all.of["next"].empty()) {
      auto asked = co_await nc.async_request("echo", "again", answer_time(), as_values);
      error = std::get<0>(asked);
      if (!error) CHECK(std::get<1>(asked).payload() == "again");
      CHECK_FALSE(nc.publish("news.4", "wakes whoever still waits"));
    }
  }

  fault trouble;
  std::vector<std::shared_ptr<memory_link>> links;
  outcomes all;
  error_code last;
  connection nc;
};

struct result {
  std::size_t connections = 0;
  std::size_t sent = 0;
  std::size_t written = 0;
};

/// Has one conversation for each fault, all at once: a few at a time keep a loop quick.
std::vector<result> converse(std::span<const fault> faults,
                             std::size_t most_read = memory_link::unlimited) {
  std::vector<result> out(faults.size());
  asio::io_context context(1);
  std::deque<conversation> all;
  for (const auto& each : faults) all.emplace_back(context.get_executor(), each, most_read);
  run_together(context, all, [](conversation& it) { return it.hold(); }, forever);
  for (std::size_t i = 0; i < all.size(); ++i) {
    CAPTURE(i);
    const auto& it = all[i];
    CAPTURE(static_cast<int>(it.trouble.what));
    CAPTURE(static_cast<int>(it.trouble.direction));
    CAPTURE(faults[i].behind);
    for (const auto& [name, how] : it.all.of) {
      CAPTURE(name);
      CHECK(how.size() == 1);
    }
    CHECK_FALSE(it.all.of.at("connect").front());
    CHECK_FALSE(it.all.of.at("publish").front());
    CHECK_FALSE(it.all.of.at("next").front());
    // Without trouble before its end, a conversation ends as it should.
    const bool is_whole = it.links.size() == 1 && !it.all.of.at("drain").front();
    CHECK(it.last == (is_whole || it.last == errc::ended ? errc::ended : errc::closed));
    const auto answered = it.all.of.at("request").front();
    const bool is_slow = it.trouble.what != fault::kind::none && answered == errc::timed_out;
    if (is_whole && !is_slow) CHECK_FALSE(answered);
    for (const auto& link : it.links) CHECK(link->is_closed_by_client());
    out[i] = {it.links.size(), it.links.front()->sent(), it.links.front()->written()};
  }
  return out;
}

constexpr std::array no_fault{fault{}};

void break_everywhere(fault::way direction, std::initializer_list<fault::kind> kinds) {
  const auto whole = converse(no_fault).front();
  CHECK(whole.connections == 1);
  const auto size = direction == fault::way::to_client ? whole.sent : whole.written;
  REQUIRE(size > 300);
  std::vector<fault> faults;
  for (const auto what : kinds) {
    for (std::size_t at = 0; at < size; ++at) faults.push_back({what, direction, at});
  }
  constexpr std::size_t at_once = 250;
  for (std::size_t first = 0; first < faults.size(); first += at_once) {
    const auto some = std::span(faults).subspan(first, std::min(at_once, faults.size() - first));
    const auto results = converse(some);
    for (std::size_t i = 0; i < results.size(); ++i) {
      CAPTURE(some[i].behind);
      const bool is_silent = some[i].what == fault::kind::stall || some[i].what == fault::kind::jam;
      // Trouble while it says goodbye needs no other connection.
      if (!is_silent) CHECK(results[i].connections <= 2);
      if (some[i].behind < size / 2) CHECK(results[i].connections >= 2);
    }
  }
}

}  // namespace

TEST_CASE("connection: whatever byte of the server's is the last, every operation completes once") {
  break_everywhere(fault::way::to_client, {fault::kind::cut, fault::kind::reset});
}

TEST_CASE("connection: whatever byte of the client's is the last, every operation completes once") {
  break_everywhere(fault::way::to_server, {fault::kind::cut, fault::kind::reset});
}

TEST_CASE("connection: whatever byte the server falls silent at, the next connection goes on") {
  break_everywhere(fault::way::to_client, {fault::kind::stall});
}

TEST_CASE("connection: whatever byte the server doesn't take, the next connection goes on") {
  break_everywhere(fault::way::to_server, {fault::kind::stall, fault::kind::jam});
}

TEST_CASE("connection: short reads change nothing") {
  for (const std::size_t most : {1UL, 2UL, 3UL, 7UL, 64UL}) {
    CAPTURE(most);
    CHECK(converse(no_fault, most).front().connections == 1);
  }
}
