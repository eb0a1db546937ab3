#include "seed.hpp"
#include "stress_peer.hpp"
#include "websocket_forwarder.hpp"
#ifdef NUNCIO_HAS_TLS
#include "certificates.hpp"
#include "tls_forwarder.hpp"
#endif

#include <nuncio/server/server.hpp>

#include <doctest/doctest.h>

#include <poll.h>

#include <algorithm>
#include <barrier>
#include <chrono>
#include <cstdint>
#include <cstdlib>
#include <memory>
#include <optional>
#include <random>
#include <string>
#include <string_view>
#include <thread>
#include <utility>
#include <vector>

namespace {

using namespace nuncio;
using namespace nuncio::test::stress;
using test::raw_client;

/// Serves its peers until all are idle and `done()` says so.
template <class Idle, class Done>
void serve(world& w, std::vector<std::unique_ptr<peer>>& peers, Idle on_idle, Done done) {
  std::vector<pollfd> ready(peers.size());
  while (!w.failed) {
    bool all_idle = true;
    for (auto& p : peers) {
      if (p->idle()) on_idle(*p);
      all_idle = all_idle && p->idle();
    }
    if (all_idle && done()) return;
    for (std::size_t i = 0; i < peers.size(); ++i) ready[i] = {peers[i]->descriptor(), POLLIN, 0};
    ::poll(ready.data(), ready.size(), 1000);
    for (std::size_t i = 0; i < peers.size(); ++i) {
      if (ready[i].revents != 0) peers[i]->read();
      if (peers[i]->is_late()) w.fail("no PONG came");
    }
  }
}

void work(world& w, unsigned index, clock_type::time_point until, std::barrier<>& all) {
  bool published = false;
  try {
    std::vector<std::unique_ptr<peer>> peers;
    std::mt19937 random(static_cast<std::uint32_t>(w.seed) + index);
    for (unsigned i = 0; i < peers_each; ++i) {
      peers.push_back(std::make_unique<peer>(w, static_cast<std::uint32_t>(random()), i % 3 != 0));
    }
    // Two patterns, one group, so that each message has a member that stays.
    if (index == 0) peers[0]->subscribe_for_good("s.*", steady);
    if (index == 1) peers[0]->subscribe_for_good("s.>", steady);
    const auto nothing = [](peer&) {};
    const auto at_once = [] { return true; };
    serve(w, peers, nothing, at_once);
    all.arrive_and_wait();
    const auto go_on = [until](peer& p) {
      if (clock_type::now() < until) p.act();
    };
    serve(w, peers, go_on, [until] { return clock_type::now() >= until; });
    published = true;
    all.arrive_and_wait();  // everything is acknowledged: now all must have all of it
    for (auto& p : peers) p->only_ping();
    serve(w, peers, nothing, at_once);
  } catch (const std::exception& e) {
    w.fail(std::string("exception: ") + e.what());
    if (!published) all.arrive_and_drop();
  }
}

std::chrono::milliseconds duration() {
  const char* const given = std::getenv("NUNCIO_STRESS_SECONDS");  // NOLINT(concurrency-mt-unsafe)
  return std::chrono::milliseconds(given != nullptr ? std::atoi(given) * 1000 : 4000);
}

enum class over : std::uint8_t { tcp, tls, websocket };

#ifdef NUNCIO_HAS_TLS
/// The way to a server over TLS: its certificate, and who leads plain clients there.
struct secured_way {
  void prepare(server::options& settings) const {
    auto& tls = settings.tls.emplace();
    tls.cert_file = its.certificate;
    tls.key_file = its.key;
    tls.first = server::tls_options::first_word::handshake;
    tls.timeout = std::chrono::seconds(30);  // the machine is busy
  }
  std::uint16_t open(std::uint16_t port) { return forwarder.emplace(port, authority.ca()).port(); }
  test::certificates authority;
  test::certificates::pair its = authority.sign("IP:127.0.0.1");
  std::optional<test::tls_forwarder> forwarder;
};
#else
struct secured_way {
  void prepare(server::options&) const {}
  std::uint16_t open(std::uint16_t port) { return port; }
};
#endif

/// A server, and where its clients go so that their bytes reach it that way.
struct served {
  served(unsigned shards, std::chrono::milliseconds shuffle_interval, over transport)
      : node(prepare(shards, shuffle_interval, transport), log) {
    node.start();
    port = node.port();
    if (secured) port = secured->open(port);
    if (transport == over::websocket) port = framed.emplace(node.websocket_port(), port).port();
  }

  server::options prepare(unsigned shards,
                          std::chrono::milliseconds shuffle_interval,
                          over transport) {
    server::options settings;
    settings.port = -1;
    settings.shards = shards;
    settings.write_deadline = std::chrono::seconds(60);
    settings.shuffle_interval = shuffle_interval;
    if (transport == over::tls) secured.emplace().prepare(settings);
    if (transport == over::websocket) {
      settings.websocket.port = -1;
      settings.websocket.no_tls = true;
      settings.websocket.compression = true;
    }
    return settings;
  }

  server::silent_log log;
  std::optional<secured_way> secured;
  server::server node;
  std::optional<test::websocket_forwarder> framed;
  std::uint16_t port = 0;
};

void run(unsigned shards,
         std::chrono::milliseconds shuffle_interval = {},
         over transport = over::tcp) {
  const auto seed = test::test_seed();
  INFO(test::seed_text(seed));
  CAPTURE(shards);
  served by(shards, shuffle_interval, transport);
  world w(seed);
  w.port = by.port;
  {
    std::barrier all(workers);
    const auto until = clock_type::now() + duration();
    std::vector<std::jthread> threads;
    for (unsigned i = 0; i < workers; ++i) {
      threads.emplace_back([&w, i, until, &all] { work(w, i, until, all); });
    }
  }
  REQUIRE_MESSAGE(!w.failed, w.failure);
  const auto publishers = std::min(w.publishers.load(), most_publishers);
  std::size_t missing = 0;
  std::size_t published = 0;
  for (unsigned stream = 0; stream < publishers * subjects; ++stream) {
    const auto& seen = w.taken[steady][stream];
    const auto acked = w.acked[stream].load();
    published += acked;
    for (std::uint32_t i = 0; i < acked; ++i) missing += i >= seen.size() || seen[i] == 0 ? 1 : 0;
  }
  CHECK_MESSAGE(missing == 0, "messages that no member of the steady group got");
  CHECK(published > 0);
  CHECK(by.node.statistics().slow_consumers == 0);
  const auto moved = by.node.statistics().moved_connections;
  CHECK((moved > 0) == (shuffle_interval.count() > 0));
  if (by.framed) CHECK(by.framed->compressed() > 0);
  MESSAGE("shards ", shards, ": ", published, " published, ", w.delivered.load(), " delivered, ",
          w.publishers.load(), " connections, ", moved, " moves");
}

// Messages go around from connection to connection, and nobody sends a PING: a message that stays
// in its receiver's queue, with nobody to send it, stops the ring.
void run_ring(unsigned shards,
              int hops,
              int in_flight,
              std::chrono::milliseconds shuffle_interval = {},
              over transport = over::tcp) {
  const served by(shards, shuffle_interval, transport);
  constexpr std::size_t members = 7;
  std::vector<raw_client> ring;
  std::vector<pollfd> ready;
  for (std::size_t i = 0; i < members; ++i) {
    ring.push_back(test::connected(by.port));
    ring.back().send("SUB ring." + std::to_string(i) + " 1\r\n");
    ring.back().ping();
    ready.push_back({ring.back().descriptor(), POLLIN, 0});
  }
  const std::string_view arrives = "MSG ring.0 1 1\r\nx\r\n";
  std::size_t pending[members] = {};  // bytes of an incomplete message
  for (int i = 0; i < in_flight; ++i) ring[0].send("PUB ring.1 1\r\nx\r\n");
  while (hops > 0) {
    REQUIRE_MESSAGE(::poll(ready.data(), ready.size(), 30'000) > 0, "nothing moves any more");
    for (std::size_t i = 0; i < members; ++i) {
      if (ready[i].revents == 0) continue;
      char bytes[4096];
      const auto got = ::recv(ready[i].fd, bytes, sizeof bytes, 0);
      REQUIRE(got > 0);
      pending[i] += static_cast<std::size_t>(got);
      const auto next = "PUB ring." + std::to_string((i + 1) % members) + " 1\r\nx\r\n";
      for (; pending[i] >= arrives.size(); pending[i] -= arrives.size(), --hops) ring[i].send(next);
    }
  }
}

}  // namespace

TEST_CASE("stress: three shards lose, double, reorder and delay nothing") {
  run(3);
}

TEST_CASE("stress: nor do they while connections change shards all the time") {
  run(3, std::chrono::milliseconds(2));
}

TEST_CASE("stress: one shard loses, doubles, reorders and delays nothing") {
  run(1);
}

TEST_CASE("stress: a message to an idle connection of another shard leaves at once") {
  run_ring(3, 10'000, 1);
  run_ring(3, 20'000, 5);
  run_ring(2, 5'000, 1);
  run_ring(3, 20'000, 2, std::chrono::milliseconds(1));
}

TEST_CASE("stress: two shards lose nothing of what goes to WebSockets and comes from them") {
  run(2, {}, over::websocket);
}

TEST_CASE("stress: nor do they while WebSockets change shards all the time") {
  run(2, std::chrono::milliseconds(2), over::websocket);
}

TEST_CASE("stress: a message to an idle WebSocket of another shard leaves at once") {
  run_ring(2, 5'000, 1, {}, over::websocket);
  run_ring(3, 10'000, 3, std::chrono::milliseconds(1), over::websocket);
}

#ifdef NUNCIO_HAS_TLS
TEST_CASE("stress: over TLS two shards lose, double, reorder and delay nothing") {
  run(2, {}, over::tls);
}

TEST_CASE("stress: nor do they over TLS while connections change shards all the time") {
  run(2, std::chrono::milliseconds(2), over::tls);
}

TEST_CASE("stress: over TLS a message to an idle connection of another shard leaves at once") {
  run_ring(2, 5'000, 1, {}, over::tls);
  run_ring(3, 10'000, 3, std::chrono::milliseconds(1), over::tls);
}
#endif
