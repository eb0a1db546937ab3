#include "raw_client.hpp"
#include "seed.hpp"
#include "test_server.hpp"

#include <doctest/doctest.h>

#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <random>
#include <string>
#include <string_view>
#include <vector>

using namespace nuncio;
using namespace std::chrono_literals;
using test::comes_true;
using test::connected;
using test::raw_client;
using test::test_server;

namespace {

// Sets the soft limit of open files, and puts it back.
class file_limit {
 public:
  file_limit() { ::getrlimit(RLIMIT_NOFILE, &old_); }
  file_limit(const file_limit&) = delete;
  file_limit& operator=(const file_limit&) = delete;
  ~file_limit() { ::setrlimit(RLIMIT_NOFILE, &old_); }

  void set(rlim_t soft) {
    const rlimit wanted{std::min(soft, old_.rlim_max), old_.rlim_max};
    ::setrlimit(RLIMIT_NOFILE, &wanted);
  }
  [[nodiscard]] rlim_t most() const { return old_.rlim_max; }

 private:
  rlimit old_{};
};

std::string message(int number, std::size_t size) {
  std::string body = std::to_string(number) + " ";
  body.resize(size, 'x');
  return body;
}

std::string as_published(const std::string& body) {
  return "PUB data " + std::to_string(body.size()) + "\r\n" + body + "\r\n";
}
std::string as_delivered(const std::string& body) {
  return "MSG data 1 " + std::to_string(body.size()) + "\r\n" + body + "\r\n";
}

// One that doesn't read, one that does, one that writes.
struct slow_scene {
  explicit slow_scene(server::options settings)
      : s(std::move(settings)), lazy(), eager(s.port()), writer(s.port()) {
    lazy.limit_receive_buffer(4096);
    lazy.connect(s.port());
    lazy.handshake();
    eager.handshake();
    writer.handshake();
    for (auto* const reader : {&lazy, &eager}) {
      reader->send("SUB data 1\r\n");
      reader->ping();
    }
  }

  // Publishes and reads at the other end until `enough()`; false if that never comes.
  template <class Enough>
  bool publish_until(Enough enough, int most = 4000) {
    for (; published < most; ++published) {
      if (enough()) return true;
      const auto body = message(published, 32 * 1024);
      expected += as_delivered(body);
      writer.send(as_published(body));
      const auto got = eager.read_exactly(as_delivered(body).size());
      if (got != as_delivered(body)) return false;
    }
    return enough();
  }

  test_server s;
  raw_client lazy;
  raw_client eager;
  raw_client writer;
  int published = 0;
  std::string expected;
};

}  // namespace

TEST_CASE("trouble: who lets more than max_pending queue up is cut off, the others go on") {
  for (const unsigned shards : {1U, 3U}) {
    CAPTURE(shards);
    slow_scene scene({.shards = shards, .max_pending = 1024 * 1024});
    auto& node = scene.s.node;
    REQUIRE(scene.publish_until([&node] { return node.statistics().slow_consumers == 1; }));
    const auto by_then = scene.published;
    CHECK(scene.publish_until([&] { return scene.published == by_then + 20; }));
    CHECK(scene.writer.ping() == "");
    CHECK(node.statistics().connections == 2);
    CHECK(scene.s.log.count("Slow Consumer") == 1);
    // What it gets is the stream up to some byte, and nothing behind that.
    const auto got = scene.lazy.read_to_end();
    CHECK(got.size() < scene.expected.size());
    CHECK((got == scene.expected.substr(0, got.size())));
  }
}

TEST_CASE("trouble: who takes nothing for write_deadline is cut off, the others go on") {
  for (const unsigned shards : {1U, 3U}) {
    CAPTURE(shards);
    slow_scene scene({.shards = shards, .write_deadline = 300ms});
    auto& node = scene.s.node;
    const auto start = std::chrono::steady_clock::now();
    REQUIRE(scene.publish_until(
        [&] { return scene.published == 300; }));  // 10 MB: more than sockets hold
    REQUIRE(comes_true(scene.writer, [&node] { return node.statistics().slow_consumers == 1; }));
    CHECK(std::chrono::steady_clock::now() - start >= 300ms);
    const auto by_then = scene.published;
    CHECK(scene.publish_until([&] { return scene.published == by_then + 20; }));
    const auto got = scene.lazy.read_to_end();
    CHECK(got.size() < scene.expected.size());
    CHECK((got == scene.expected.substr(0, got.size())));
  }
}

TEST_CASE("trouble: a producer whose receiver lags is paused, and nothing is lost") {
  for (const unsigned shards : {1U, 3U}) {
    CAPTURE(shards);
    slow_scene scene({.shards = shards, .max_pending = 32 * 1024 * 1024, .write_deadline = 60s});
    auto& node = scene.s.node;
    REQUIRE(scene.publish_until([&node] { return node.statistics().stalled_producers > 0; }));
    CHECK((scene.lazy.read_exactly(scene.expected.size()) == scene.expected));
    CHECK(node.statistics().slow_consumers == 0);
  }
}

TEST_CASE("trouble: an error's connection ends also if its peer reads nothing") {
  for (const auto deadline : {100ms, 5000ms}) {
    CAPTURE(deadline.count());
    slow_scene scene({.shards = 1, .write_deadline = deadline});
    auto& node = scene.s.node;
    REQUIRE(scene.publish_until([&] { return scene.published == 300; }));
    scene.lazy.try_send("NOT A VERB\r\n");
    CHECK(comes_true(scene.writer, [&node] { return node.statistics().connections == 2; }));
  }
}

TEST_CASE("trouble: a peer that resets in any state leaves nothing behind") {
  const auto seed = test::test_seed();
  INFO(test::seed_text(seed));
  std::mt19937_64 random(seed);
  const std::string large(200'000, 'x');
  const std::string states[] = {
      "",
      "CON",
      "CONNECT {\"verbose\":true",
      "CONNECT {}\r\n",
      "CONNECT {\"verbose\":false}\r\nSUB data 1\r\nPI",
      "CONNECT {\"verbose\":false}\r\nSUB data 1\r\nSUB data q 2\r\nSUB > 3\r\nPING\r\n",
      "CONNECT {\"verbose\":false}\r\nSUB data 1\r\nUNSUB 1\r\nPING\r\nSUB data 1\r\nUNSUB 1 3\r\n",
      "CONNECT {\"verbose\":false}\r\nSUB data 1\r\nCONNECT {\"verbose\":false}\r\nSUB data 1\r\n",
      "CONNECT {\"verbose\":false}\r\nPUB data 5\r\nhel",
      "CONNECT {\"verbose\":false}\r\nPUB data 200000\r\n" + large.substr(0, 140'000),
      "CONNECT {\"verbose\":false}\r\nSUB data 1\r\nPUB data 200000\r\n" + large +
          "\r\nPUB data 1\r\n",
      "CONNECT {\"verbose\":false}\r\nSUB data 1\r\nWHAT\r\n",
  };
  for (const unsigned shards : {1U, 3U}) {
    CAPTURE(shards);
    test_server s({.shards = shards});
    auto witness = connected(s.port());
    witness.send("SUB keep 1\r\n");
    for (int round = 0; round < 20; ++round) {
      std::vector<raw_client> clients;
      for (const auto& state : states) {
        clients.emplace_back(s.port());
        if (random() % 2 == 0) clients.back().read_line();
        clients.back().try_send(state);
      }
      std::shuffle(clients.begin(), clients.end(), random);
      const std::size_t when = random() % clients.size();
      for (std::size_t i = 0; i < clients.size(); ++i) {
        if (i == when) witness.send("PUB data 100000\r\n" + large.substr(0, 100'000) + "\r\n");
        clients[i].reset();
      }
    }
    CHECK(comes_true(witness, [&s] { return s.node.statistics().connections == 1; }));
    CHECK(s.node.statistics().subscriptions == 1);
    witness.send("PUB keep 2\r\nok\r\n");
    CHECK(witness.ping() == "MSG keep 1 2\r\nok\r\n");
  }
}

TEST_CASE("trouble: a peer that has finished sending still gets its answers, as far as it can") {
  test_server s;
  auto client = connected(s.port());
  client.send("SUB a 1\r\nPUB a 2\r\nhi\r\n");
  client.finish_sending();
  CHECK(client.read_to_end() == "MSG a 1 2\r\nhi\r\n");
}

TEST_CASE("trouble: out of descriptors, accepting pauses, says so once, and goes on later") {
  test_server s({.shards = 1});
  auto witness = connected(s.port());
  std::vector<raw_client> waiting(20);
  {
    file_limit limit;
    const int next = ::dup(0);
    ::close(next);
    limit.set(static_cast<rlim_t>(next));
    for (auto& client : waiting) client.connect(s.port());
    CHECK(comes_true(witness, [&s] { return s.log.count("Accept Error") != 0; }));
    witness.send("SUB a 1\r\nPUB a 2\r\nhi\r\n");
    CHECK(witness.ping() == "MSG a 1 2\r\nhi\r\n");
  }
  for (auto& client : waiting) CHECK(client.handshake().starts_with("INFO"));
  CHECK(s.log.count("Accept Error") <= 2);
}

TEST_CASE("trouble: connections that never say CONNECT are pinged and found stale") {
  file_limit limit;
  limit.set(limit.most());
  const std::size_t count = limit.most() > 4500 ? 2000 : limit.most() / 3;
  test_server s({.shards = 2, .ping_interval = 250ms, .ping_max = 2});
  std::vector<raw_client> silent;
  for (std::size_t i = 0; i < count; ++i) silent.emplace_back(s.port());
  std::size_t as_expected = 0;
  for (auto& client : silent) {
    client.read_line();
    if (client.read_to_end() == "PING\r\nPING\r\n-ERR 'Stale Connection'\r\n") ++as_expected;
  }
  CHECK(as_expected == count);
  CHECK(s.node.statistics().stale_connections == count);
}

TEST_CASE("trouble: a client that answers its PINGs stays") {
  test_server s({.shards = 1, .ping_interval = 60ms, .ping_max = 1});
  auto client = connected(s.port());
  for (int i = 0; i < 8; ++i) {
    REQUIRE(client.read_line() == "PING");
    client.send("PONG\r\n");
  }
  CHECK(s.node.statistics().stale_connections == 0);
}
