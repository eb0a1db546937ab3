#include "net/shard.hpp"

#include "core/subscription.hpp"
#include "memory_stream.hpp"
#include "net/connection.hpp"
#include "net/message_trace.hpp"
#include "net/observer.hpp"
#include "seed.hpp"
#include "shard_world.hpp"

#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/steady_timer.hpp>
#include <doctest/doctest.h>

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <functional>
#include <future>
#include <memory>
#include <random>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace {

using namespace nuncio;
using namespace nuncio::server;
using test::memory_peer;

using world = test::shard_world;

}  // namespace

TEST_CASE("connection: reads and writes of a byte at a time give the same conversation") {
  world w(1);
  memory_peer peer;
  peer.limit_calls(1, 1);
  w.greet(peer, 0, "SUB a 1\r\n");
  peer.send("PUB a 5\r\nhello\r\nPING\r\n");
  CHECK(peer.read_until("PONG\r\n") == "MSG a 1 5\r\nhello\r\nPONG\r\n");
}

TEST_CASE("connection: what a stream does not take now follows later, in order") {
  const auto seed = test::test_seed();
  INFO(test::seed_text(seed));
  std::mt19937_64 random(seed);
  for (const unsigned home : {0U, 1U}) {  // the publisher's own shard, and another one
    CAPTURE(home);
    world w(2);
    memory_peer reader;
    memory_peer writer;
    w.greet(reader, home, "SUB a 1\r\n");
    w.greet(writer, 0);
    reader.give_room(0);
    std::string expected;
    for (int i = 0; i < 200; ++i) {
      std::string body = std::to_string(i);
      body.append(random() % 5000, 'x');
      const auto size = std::to_string(body.size());
      writer.send("PUB a " + size + "\r\n" + body + "\r\n");
      expected.append("MSG a 1 " + size + "\r\n" + body + "\r\n");
    }
    writer.send("PING\r\n");
    CHECK(writer.read_until("PONG\r\n") == "PONG\r\n");
    CHECK(reader.wait_until_blocked());
    std::string got;
    while (got.size() < expected.size()) {
      const auto part = std::min<std::size_t>(1 + random() % 20'000, expected.size() - got.size());
      reader.give_room(part);
      got += reader.read_until(std::string_view(expected).substr(got.size(), part));
      REQUIRE(expected.compare(0, got.size(), got) == 0);
    }
    CHECK(got == expected);
    CHECK(reader.foreign_calls() == 0);
  }
}

namespace {

// Lets a peer take a little each millisecond, on the shard's own thread: when that thread gets no
// turn for long, neither side of the test does, and its receiver isn't taken for dead.
class drip {
 public:
  drip(memory_peer& to, boost::asio::io_context& loop) : to_(to), timer_(loop) {}
  // The rest on the shard's thread.
  void go_on() {
    to_.give_room(each_time);
    timer_.expires_after(std::chrono::milliseconds(1));
    timer_.async_wait([this](const boost::system::error_code& error) {
      if (!error && !is_over_) go_on();
    });
  }
  void stop() {
    is_over_ = true;
    timer_.cancel();
    to_.give_room(memory_peer::unlimited);
  }

 private:
  static constexpr std::size_t each_time = 16UL * 1024;
  memory_peer& to_;
  boost::asio::steady_timer timer_;
  bool is_over_ = false;
};

}  // namespace

TEST_CASE("connection: a producer waits for a receiver that is slow, but takes something") {
  constexpr std::size_t body_size = 64UL * 1024;
  constexpr int count = 384;
  world w(1, {.max_pending = 8L * 1024 * 1024});
  memory_peer reader;
  memory_peer writer;
  w.greet(reader, 0, "SUB a 1\r\n");
  w.greet(writer, 0);
  reader.give_room(0);
  const auto size = std::to_string(body_size);
  const std::string body(body_size, 'x');
  std::string published;
  for (int i = 0; i < count; ++i) published += "PUB a " + size + "\r\n" + body + "\r\n";
  drip slowly(reader, w.shared.shards[0]->io());
  w.on_shard(0, [&slowly](shard&) { slowly.go_on(); });
  writer.send(published + "PING\r\n");
  // Were there no pauses, most would be queued at once, and more than fits.
  CHECK(!writer.read_until("PONG\r\n").empty());
  const auto& counters = w.shared.shards[0]->counters();
  CHECK(counters.slow_consumers.load() == 0);
  CHECK(counters.stalled_producers.load() > 0);
  w.on_shard(0, [&slowly](shard&) { slowly.stop(); });
  reader.send("PING\r\n");
  // The server may have asked for a sign of life meanwhile.
  auto got = reader.read_until("PONG\r\n");
  if (const auto at = got.find("PING\r\n"); at != std::string::npos) got.erase(at, 6);
  const std::string line = "MSG a 1 " + size + "\r\n" + body + "\r\n";
  std::string expected;
  for (int i = 0; i < count; ++i) expected += line;
  CHECK((got == expected + "PONG\r\n"));
}

TEST_CASE("connection: an owner-only stream is touched by its owner alone, whoever publishes") {
  world w(3);
  std::vector<std::unique_ptr<memory_peer>> readers;
  std::vector<std::unique_ptr<memory_peer>> writers;
  for (unsigned i = 0; i < 3; ++i) {
    readers.push_back(std::make_unique<memory_peer>());
    readers.back()->limit_calls(memory_peer::unlimited, 700);
    w.greet(*readers.back(), i, "SUB a.* 1\r\n");
    writers.push_back(std::make_unique<memory_peer>());
    w.greet(*writers.back(), i);
  }
  constexpr int count = 300;
  for (int i = 0; i < count; ++i) {
    for (auto& writer : writers) writer->send("PUB a.b 4\r\nbody\r\n");
  }
  for (auto& writer : writers) {
    writer->send("PING\r\n");
    CHECK(writer->read_until("PONG\r\n") == "PONG\r\n");
  }
  for (auto& reader : readers) {
    reader->send("PING\r\n");
    CHECK(reader->read_until("PONG\r\n").size() ==
          3 * count * std::string_view("MSG a.b 1 4\r\nbody\r\n").size() + 6);
    CHECK(reader->foreign_calls() == 0);
  }
}

TEST_CASE("connection: a stream that breaks ends it, wherever it is") {
  for (const unsigned home : {0U, 1U}) {
    CAPTURE(home);
    world w(2);
    memory_peer reader;
    memory_peer writer;
    w.greet(reader, home, "SUB a 1\r\n");
    w.greet(writer, 0);
    SUBCASE("idle") {}
    SUBCASE("in the middle of a payload") {
      reader.send("PUB a 100\r\nhalf of it");
    }
    SUBCASE("with messages queued") {
      reader.give_room(10);
      writer.send("PUB a 5\r\nhello\r\nPUB a 5\r\nhello\r\n");
      CHECK(reader.wait_until_blocked());
    }
    SUBCASE("with an error queued") {
      reader.give_room(0);
      reader.send("WHAT\r\n");
      CHECK(reader.wait_until_blocked());
    }
    reader.reset();
    std::string rest;
    CHECK(reader.read_to_end(rest));
    // The role is told on the shard's thread before the stream is shut.
    w.on_shard(home, [](shard&) {});
    CHECK(w.shared.connections.load() == 1);
    CHECK(w.shared.all_accounts.global().subscriptions.load() == 0);
    writer.send("PUB a 5\r\nhello\r\nPING\r\n");
    CHECK(writer.read_until("PONG\r\n") == "PONG\r\n");
  }
}

TEST_CASE("connection: an error is said even if the stream takes it a byte at a time") {
  world w(1);
  memory_peer peer;
  w.greet(peer, 0);
  peer.limit_calls(memory_peer::unlimited, 1);
  peer.send("WHAT\r\n");
  std::string all;
  CHECK(peer.read_to_end(all));
  CHECK(all == "-ERR 'Unknown Protocol Operation'\r\n");
}

namespace {

// Does nothing, whatever happens.
class idle_role : public role {
 public:
  void on_open() override {}
  verdict on_input(std::string_view) override { return {}; }
  void on_timer() override {}
  [[nodiscard]] bool can_move() const override { return true; }
  void on_reload(const in_force&) override {}
  bool on_lame_duck() override { return false; }
  void on_close(close_reason) override {}
  void deliver(const delivery&, bool) override {}
  void on_exhausted(subscription*, std::uint32_t) override {}
};

// Upper-cases lines; a line `wait` suspends it, in the middle of a batch, until somebody resumes
// it.
class line_role final : public idle_role {
 public:
  explicit line_role(connection& c) : connection_(c) {}

  void on_open() override { connection_.send("hello\n"); }
  verdict on_input(std::string_view bytes) override {
    std::size_t used = 0;
    for (;;) {
      const auto end = bytes.find('\n', used);
      if (end == std::string_view::npos) return {used, 0, protocol::flow::go_on};
      const auto line = bytes.substr(used, end - used);
      used = end + 1;
      if (line == "wait") {
        boost::asio::post(connection_.home().io(), [&c = connection_] {
          c.home().enter();
          c.send("waited\n");
          c.resume();
          c.home().end_batch();
        });
        return {used, 0, protocol::flow::suspended};
      }
      connection_.send(std::string(line) + "!\n");
    }
  }
  [[nodiscard]] std::string describe() const override { return "lines"; }

 private:
  connection& connection_;
};

// Takes messages by itself, as a tap or a route does.
class tap final : public idle_role, public receiver {
 public:
  tap() : receiver(77) {
    flags = takes_itself;
    self = this;
  }
  void deliver(const delivery& m, bool last) override {
    got += std::string(m.subject) + " " + std::string(m.reply) + " " + std::string(m.headers) +
           std::string(m.payload) + (last ? " last" : "") + ";";
  }
  [[nodiscard]] std::string describe() const override { return "tap"; }

  std::string got;
};

// Has a subscription that may be visited for ever.
class endless final : public idle_role {
 public:
  explicit endless(connection& c)
      : connection_(c), only_(subscription::create(c, 1, "a", "", "1")) {}
  endless(const endless&) = delete;
  endless& operator=(const endless&) = delete;
  ~endless() override { subscription::destroy(only_); }

  bool some_subscriptions(subscription_walk& from,
                          std::size_t most,
                          const std::function<void(const subscription&)>& visit) const override {
    for (std::size_t i = 0; i < most; ++i) visit(*only_);
    ++from.next;
    return true;
  }
  void on_open() override { connection_.end(close_reason::kicked); }
  [[nodiscard]] std::string describe() const override { return "endless"; }

 private:
  connection& connection_;
  subscription* const only_;
};

// Keeps what it is told.
class noting final : public observer {
 public:
  [[nodiscard]] bool wants_closed() const noexcept override { return true; }
  void on_opened(const connection&, const account*) override {}
  void on_closed(connection_view last, const account&) override {
    ended.set_value(std::move(last));
  }
  void on_traced(message_trace) override {}
  void on_request(system_request) override {}
  std::promise<connection_view> ended;
};

// `old.x` becomes `new.x`.
class renamed final : public subject_mapping {
 public:
  std::string_view map(std::string_view subject,
                       std::string& scratch,
                       pick_random&) const override {
    if (!subject.starts_with("old.")) return subject;
    scratch = "new." + std::string(subject.substr(4));
    return scratch;
  }
};

}  // namespace

TEST_CASE("connection: of its subscriptions some are shown when it ends, and no more looked at") {
  noting watcher;
  world w(1);
  w.shared.watcher = &watcher;
  w.shared.make_client = [](connection& c) { return std::make_unique<endless>(c); };
  memory_peer peer;
  w.adopt(peer, 0);
  CHECK(watcher.ended.get_future().get().subscription_list.size() == 64);
}

TEST_CASE("connection: a role may suspend inside a batch; what follows waits, in order") {
  world w(1);
  w.shared.make_client = [](connection& c) { return std::make_unique<line_role>(c); };
  for (const std::size_t read : {std::size_t{1}, std::size_t{7}, memory_peer::unlimited}) {
    CAPTURE(read);
    memory_peer peer;
    peer.limit_calls(read, memory_peer::unlimited);
    w.adopt(peer, 0);
    peer.send("a\nwait\nb\nwait\nwait\nc\nhal");
    peer.send("f\n");
    CHECK(peer.read_until("half!\n") == "hello\na!\nwaited\nb!\nwaited\nwaited\nc!\nhalf!\n");
    peer.send("wait\n");  // nothing behind it
    CHECK(peer.read_until("waited\n") == "waited\n");
    peer.send("d\n");
    CHECK(peer.read_until("d!\n") == "d!\n");
  }
}

TEST_CASE("routing: a tap gets the parts of each message, and stops at its limit") {
  world w(1);
  tap target;
  memory_peer writer;
  w.greet(writer, 0);
  subscription* sub = nullptr;
  w.on_shard(0, [&](shard& s) {
    sub = subscription::create(target, w.shared.all_accounts.global().id, "a.>", "", "t");
    sub->max = 3;
    s.subscribe(w.shared.all_accounts.global(), sub);
  });
  writer.send("PUB a.b 2\r\nhi\r\nPUB z 1\r\n?\r\nHPUB a.c re 12 13\r\nNATS/1.0\r\n\r\n!\r\n");
  writer.send("PUB a.d 0\r\n\r\nPUB a.e 0\r\n\r\nPING\r\n");
  CHECK(writer.read_until("PONG\r\n") == "PONG\r\n");
  w.on_shard(0, [&](shard& s) {
    CHECK(target.got == "a.b  hi;a.c re NATS/1.0\r\n\r\n!;a.d   last;");
    s.unsubscribe(w.shared.all_accounts.global(), sub);
    s.epoch().retire(sub, subscription::destroy);
  });
}

TEST_CASE("routing: a mapping renames what is published, and receivers see the new name") {
  world w(1);
  memory_peer reader;
  memory_peer writer;
  w.greet(reader, 0, "SUB new.* 1\r\nSUB old.* 2\r\nSUB same 3\r\n");
  w.greet(writer, 0);
  const renamed mapping;
  w.shared.all_accounts.global().mapping = &mapping;
  writer.send("PUB old.a 1\r\nx\r\nPUB same re 1\r\ny\r\nPING\r\n");
  CHECK(writer.read_until("PONG\r\n") == "PONG\r\n");
  reader.send("PING\r\n");
  CHECK(reader.read_until("PONG\r\n") == "MSG new.a 1 1\r\nx\r\nMSG same 3 re 1\r\ny\r\nPONG\r\n");
}

TEST_CASE(
    "moving: the conversation goes on where it was, on an owner-only stream, whoever publishes") {
  world w(2);
  memory_peer reader;
  memory_peer writer;
  w.greet(reader, 0, "SUB a 1\r\n");
  w.greet(writer, 0);
  std::string expected;
  const auto moves = [&w] {
    std::uint64_t all = 0;
    for (const auto& s : w.shared.shards) all += s->counters().moved_connections.load();
    return all;
  };
  std::string last;
  // On a machine that is busy elsewhere a move may not come about in time for the next one.
  for (unsigned i = 0; i < 40 || moves() <= 20; ++i) {
    const auto body = std::to_string(i);
    const auto text = "PUB a " + std::to_string(body.size()) + "\r\n" + body + "\r\n";
    writer.send(text.substr(0, 1 + i % (text.size() - 1)));  // half an operation is kept
    w.on_shard(i % 2, [](shard&) {});
    w.shared.shards[i % 2]->request_move_all(*w.shared.shards[(i + 1) % 2]);
    writer.send(text.substr(1 + i % (text.size() - 1)));
    last = body + "\r\n";
    expected += "MSG a 1 " + std::to_string(body.size()) + "\r\n" + last;
  }
  writer.send("PING\r\n");
  CHECK(writer.read_until("PONG\r\n") == "PONG\r\n");
  CHECK(reader.read_until(last) == expected);
  CHECK(reader.foreign_calls() == 0);
  CHECK(writer.foreign_calls() == 0);
  CHECK(moves() > 20);
}

TEST_CASE("moving: what is queued, and what its role has timed, comes along") {
  options settings;
  settings.ping_interval = std::chrono::milliseconds(200);
  world w(2, settings);
  memory_peer reader;
  memory_peer writer;
  w.greet(reader, 1, "SUB a 1\r\n");
  w.greet(writer, 0);
  reader.give_room(0);
  writer.send("PUB a 2\r\nhi\r\nPING\r\n");
  REQUIRE(!writer.read_until("PONG\r\n").empty());
  CHECK(reader.wait_until_blocked());
  w.shared.shards[1]->request_move_all(*w.shared.shards[0]);
  w.on_shard(1, [](shard&) {});
  reader.give_room(memory_peer::unlimited);
  CHECK(reader.read_until("hi\r\n") == "MSG a 1 2\r\nhi\r\n");
  w.shared.shards[1]->request_move_all(*w.shared.shards[0]);
  CHECK(!reader.read_until("PING\r\n").empty());
  CHECK(reader.foreign_calls() == 0);
}

TEST_CASE("moving: half an operation is kept apart from what its old shard reads meanwhile") {
  world w(2);
  memory_peer writer;
  memory_peer other;
  w.greet(writer, 0, "SUB a 1\r\n");  // connection 1
  w.greet(other, 0);
  writer.send("PUB a 5\r\nhel");
  w.on_shard(0, [](shard&) {});
  std::promise<void> blocked;
  std::promise<void> go_on;
  boost::asio::post(w.shared.shards[1]->io(), [&] {
    blocked.set_value();
    go_on.get_future().wait();
  });
  blocked.get_future().wait();
  w.shared.shards[0]->request_move({1}, *w.shared.shards[1]);
  for (int i = 0; i < 2; ++i) w.on_shard(0, [](shard&) {});  // it has been asked, and has left
  other.send("PUB nobody 9\r\nxxxxxxxxx\r\nPING\r\n");
  CHECK(!other.read_until("PONG\r\n").empty());
  go_on.set_value();
  writer.send("lo\r\n");
  CHECK(writer.read_until("lo\r\n") == "MSG a 1 5\r\nhello\r\n");
  CHECK(w.shared.shards[1]->counters().moved_connections.load() == 1);
}

TEST_CASE("moving: a connection on its way is ended, not lost, when the shards stop") {
  for (int i = 0; i < 50; ++i) {
    memory_peer peer;
    {
      world w(2);
      w.greet(peer, 0);
      w.shared.shards[0]->request_move_all(*w.shared.shards[1]);
    }
    std::string rest;
    CHECK(peer.read_to_end(rest));
  }
}
