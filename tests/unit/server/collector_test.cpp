#include "monitor/collector.hpp"

#include "core/subscription.hpp"
#include "memory_stream.hpp"
#include "shard_world.hpp"

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>
#include <doctest/doctest.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <exception>
#include <future>
#include <memory>
#include <set>
#include <string>
#include <utility>
#include <vector>

namespace {

using namespace nuncio;
using namespace nuncio::server;
using monitor::collector;
using test::memory_peer;

using cids = std::vector<std::uint64_t>;

// Shards, and a loop that asks them. It runs until the answer is there.
struct asked_world : test::shard_world {
  using shard_world::shard_world;

  template <class Item>
  std::vector<Item> answer(boost::asio::awaitable<std::vector<Item>> asked) {
    std::vector<Item> out;
    boost::asio::co_spawn(io, std::move(asked),
                          [&out](const std::exception_ptr& why, std::vector<Item> found) {
                            if (why) std::rethrow_exception(why);
                            out = std::move(found);
                          });
    io.restart();
    io.run();
    return out;
  }
  std::vector<std::unique_ptr<memory_peer>> greet_many(std::size_t count, unsigned at) {
    std::vector<std::unique_ptr<memory_peer>> out;
    for (std::size_t i = 0; i < count; ++i) {
      out.push_back(std::make_unique<memory_peer>());
      greet(*out.back(), at);
    }
    return out;
  }

  boost::asio::io_context io{1};
  collector ask{shared, io};
};

const auto its_cid = [](const connection& c, cids& to) { to.push_back(c.id); };

std::string subscriptions(int count) {
  std::string out;
  for (int i = 0; i < count; ++i) {
    out += "SUB s." + std::to_string(i) + " " + std::to_string(i) + "\r\n";
  }
  return out;
}

struct heard {
  std::uint64_t cid = 0;
  std::vector<std::string> sids;
};
const auto begun = [](const connection& c) { return heard{c.id, {}}; };
const auto its_sid = [](const subscription& each, heard& to) {
  to.sids.emplace_back(each.sid());
  return true;
};

bool has_each_once(const heard& what, std::size_t count) {
  return what.sids.size() == count &&
         std::set<std::string>(what.sids.begin(), what.sids.end()).size() == count;
}

}  // namespace

TEST_CASE("collector: each connection is seen, and those that were asked for alone") {
  asked_world w(3);
  const auto some = w.greet_many(200, 0);
  const auto others = w.greet_many(3, 2);
  auto all = w.answer(w.ask.from_connections<std::uint64_t>(its_cid));
  std::sort(all.begin(), all.end());
  CHECK(all.size() == 203);
  CHECK(std::adjacent_find(all.begin(), all.end()) == all.end());
  auto these = w.answer(w.ask.from_connections<std::uint64_t>({2, 203, 999}, its_cid));
  std::sort(these.begin(), these.end());
  CHECK(these == cids{2, 203});
}

TEST_CASE("collector: who moves to a shard that has made its list already is seen, and once") {
  asked_world w(2);
  const auto first = w.greet_many(1, 0);
  const auto others = w.greet_many(300, 1);
  std::promise<void> listed;
  auto is_listed = listed.get_future();
  bool is_moving = false;  // of the second shard's thread
  auto all = w.answer(w.ask.from_connections<std::uint64_t>([&](const connection& c, cids& to) {
    to.push_back(c.id);
    if (c.id == 1) return listed.set_value();
    if (!c.is_at(*w.shared.shards[1]) || std::exchange(is_moving, true)) return;
    is_listed.wait();
    w.shared.shards[1]->request_move_all(*w.shared.shards[0]);
  }));
  std::sort(all.begin(), all.end());
  CHECK(std::adjacent_find(all.begin(), all.end()) == all.end());
  CHECK(all.size() == 301);
}

// All subscriptions of the first shard's clients, and how many had been looked at when a message
// came in that had to wait since the first of them.
static std::pair<std::vector<heard>, std::size_t> ask_and_interrupt(asked_world& w) {
  std::size_t added = 0;
  std::atomic<std::size_t> added_by_then{0};
  auto found =
      w.answer(w.ask.from_subscriptions<heard>(begun, [&](const subscription& each, heard& to) {
        if (added++ == 0) {
          boost::asio::post(w.shared.shards[0]->io(), [&] { added_by_then = added; });
        }
        return its_sid(each, to);
      }));
  return {std::move(found), added_by_then.load()};
}

TEST_CASE("collector: one client's many subscriptions are looked at some at a time") {
  asked_world w(1);
  memory_peer many;
  w.greet(many, 0, subscriptions(5000));
  const auto [found, added_by_then] = ask_and_interrupt(w);
  REQUIRE(found.size() == 1);
  CHECK(has_each_once(found[0], 5000));
  CHECK(added_by_then > 0);
  CHECK(added_by_then < 1000);
}

TEST_CASE("collector: so are those of many clients") {
  asked_world w(1);
  std::vector<std::unique_ptr<memory_peer>> all;
  for (int i = 0; i < 20; ++i) {
    all.push_back(std::make_unique<memory_peer>());
    w.greet(*all.back(), 0, subscriptions(300));
  }
  const auto [found, added_by_then] = ask_and_interrupt(w);
  CHECK(found.size() == 20);
  for (const auto& each : found) CHECK(has_each_once(each, 300));
  CHECK(added_by_then < 1000);
}

TEST_CASE("collector: a walk over subscriptions ends when it has enough") {
  asked_world w(1);
  memory_peer many;
  w.greet(many, 0, subscriptions(5000));
  std::size_t asked = 0;
  const auto found =
      w.answer(w.ask.from_subscriptions<heard>({1}, begun, [&](const subscription&, heard&) {
        ++asked;
        return false;
      }));
  CHECK(found.size() == 1);
  CHECK(asked == 1);
}

TEST_CASE("collector: a client that moves amid its subscriptions is seen once, with all of them") {
  for (int round = 0; round < 20; ++round) {
    asked_world w(2);
    memory_peer many;
    w.greet(many, 1, subscriptions(5000));
    bool is_moving = false;
    const auto found =
        w.answer(w.ask.from_subscriptions<heard>(begun, [&](const subscription& each, heard& to) {
          if (!std::exchange(is_moving, true)) {
            w.shared.shards[1]->request_move_all(*w.shared.shards[0]);
          }
          return its_sid(each, to);
        }));
    REQUIRE(found.size() == 1);
    CHECK(has_each_once(found[0], 5000));
    CHECK(w.shared.shards[0]->counters().moved_connections.load() == 1);
  }
}

TEST_CASE("collector: subscriptions that stay are seen once while others come and go") {
  asked_world w(1);
  memory_peer many;
  w.greet(many, 0, subscriptions(3000));
  int steps = 0;
  const auto found =
      w.answer(w.ask.from_subscriptions<heard>(begun, [&](const subscription& each, heard& to) {
        // What comes between two steps: the map grows, and loses half of what it had.
        ++steps;
        if (steps % 300 == 1 && steps < 3000) {
          std::string text;
          for (int i = steps; i < steps + 1000; ++i) {
            text += "SUB new n" + std::to_string(i) + "\r\n";
          }
          const int gone = steps / 300 * 100;
          for (int i = gone; i < gone + 100; ++i) text += "UNSUB " + std::to_string(i) + "\r\n";
          many.send(text);
        }
        return its_sid(each, to);
      }));
  REQUIRE(found.size() == 1);
  const auto& sids = found[0].sids;
  const std::set<std::string> unique(sids.begin(), sids.end());
  CHECK(unique.size() == sids.size());
  for (int i = 1100; i < 3000; ++i) REQUIRE(unique.contains(std::to_string(i)));
}

TEST_CASE("collector: of a client that ends in the middle there is nothing") {
  asked_world w(1);
  memory_peer staying;
  memory_peer many;
  w.greet(staying, 0, "SUB a 1\r\n");
  w.greet(many, 0, subscriptions(5000));
  const auto found =
      w.answer(w.ask.from_subscriptions<heard>(begun, [&](const subscription& each, heard& to) {
        many.reset();
        return its_sid(each, to);
      }));
  // It may have been quicker than the news.
  CHECK(found.size() <= 2);
  for (const auto& each : found) CHECK(has_each_once(each, each.cid == 1 ? 1 : 5000));
}

TEST_CASE("collector: once it is closed nothing comes back, and shards stop their walks") {
  for (const bool is_destroyed : {false, true}) {
    CAPTURE(is_destroyed);
    test::shard_world w(2);
    memory_peer many;
    w.greet(many, 0, subscriptions(20'000));
    std::atomic<std::size_t> added{0};
    std::promise<void> under_way;
    std::promise<void> closed;
    {
      boost::asio::io_context io(1);
      collector ask(w.shared, io);
      bool is_answered = false;
      boost::asio::co_spawn(
          io,
          ask.from_subscriptions<heard>(begun,
                                        [&](const subscription& each, heard& to) {
                                          if (added++ == 0) {
                                            under_way.set_value();
                                            closed.get_future().wait();
                                          }
                                          return its_sid(each, to);
                                        }),
          [&](const std::exception_ptr&, const std::vector<heard>&) { is_answered = true; });
      io.poll();
      under_way.get_future().wait();
      if (!is_destroyed) {
        ask.close();
        closed.set_value();
        for (int i = 0; i < 100; ++i) w.on_shard(0, [](shard&) {});
        io.poll();
      }
      CHECK_FALSE(is_answered);
    }
    if (is_destroyed) closed.set_value();
    for (int i = 0; i < 100; ++i) w.on_shard(0, [](shard&) {});
    CHECK(added.load() < 1000);
    many.send("PING\r\n");
    CHECK(!many.read_until("PONG\r\n").empty());
  }
}
