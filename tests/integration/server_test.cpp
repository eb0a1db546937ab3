#include "chunked.hpp"
#include "raw_client.hpp"
#include "seed.hpp"
#include "test_server.hpp"

#include <nuncio/server/server.hpp>

#include <doctest/doctest.h>

#include <chrono>
#include <cstdint>
#include <memory>
#include <stdexcept>
#include <string>
#include <string_view>
#include <system_error>
#include <thread>
#include <vector>

using namespace nuncio;
using test::comes_true;
using test::connected;
using test::raw_client;
using test::test_server;

namespace {

// What comes back for `bytes`, sent in these pieces by a fresh client; without INFO, which differs
// by connection.
std::string answers(std::uint16_t port, const std::vector<std::string_view>& pieces, bool closes) {
  raw_client client(port);
  client.read_line();
  for (const auto piece : pieces) {
    if (!client.try_send(piece)) break;
  }
  return closes ? client.read_to_end() : client.read_until("PONG");
}

void check_cuts(std::uint16_t port, std::string_view bytes, bool closes) {
  const auto whole = answers(port, {bytes}, closes);
  CHECK(!whole.empty());
  CHECK(answers(port, test::cut_bytewise(bytes), closes) == whole);
  const auto seed = test::test_seed();
  INFO(test::seed_text(seed));
  for (std::uint32_t i = 0; i < 60; ++i) {
    CAPTURE(i);
    const auto pieces = test::cut_randomly(bytes, static_cast<std::uint32_t>(seed) + i);
    CHECK(answers(port, pieces, closes) == whole);
  }
}

}  // namespace

TEST_CASE("server: it has a port only once it is started, and greets with its own name") {
  test::kept_log log;
  server::options settings;
  settings.port = -1;
  settings.name = "herald";
  server::server node(settings, log);
  CHECK(node.port() == 0);
  node.start();
  CHECK(node.port() != 0);
  CHECK(node.name() == "herald");
  raw_client client(node.port());
  const auto info = client.read_line();
  CHECK(info.starts_with("INFO {"));
  CHECK(info.find(R"("server_name":"herald")") != std::string::npos);
  CHECK(info.find(node.id()) != std::string::npos);
}

TEST_CASE("server: stop closes all connections, and a second stop does nothing") {
  test_server s;
  auto quiet = connected(s.port());
  raw_client silent(s.port());
  silent.read_line();
  s.node.stop();
  CHECK(quiet.read_to_end() == "");
  CHECK(silent.read_to_end() == "");
  CHECK(s.node.statistics().connections == 0);
  CHECK(s.node.statistics().subscriptions == 0);
  s.node.stop();
  CHECK_THROWS(raw_client(s.port()));
}

TEST_CASE("server: destroying one that was never started, or is full of clients, is quiet") {
  {
    test::kept_log log;
    server::options settings;
    settings.port = -1;
    const server::server unused(settings, log);
  }
  std::vector<raw_client> clients;
  {
    test_server s({.shards = 3});
    for (int i = 0; i < 30; ++i) clients.push_back(connected(s.port()));
    clients[0].send("SUB a 1\r\nPUB a 5\r\nhel");
  }
  for (auto& client : clients) client.read_to_end();
}

TEST_CASE("server: what is queued when it stops still arrives") {
  for (const unsigned shards : {1U, 2U}) {
    CAPTURE(shards);
    test_server s({.shards = shards});
    auto reader = connected(s.port());
    reader.send("SUB data 1\r\n");
    reader.ping();
    auto writer = connected(s.port());
    constexpr int count = 100;
    const std::string payload(64 * 1024, 'x');
    for (int i = 0; i < count; ++i) writer.send("PUB data 65536\r\n" + payload + "\r\n");
    writer.ping();
    std::thread stopper([&s] { s.node.stop(); });
    const auto all = reader.read_to_end();
    stopper.join();
    CHECK(all.size() ==
          count * (std::string_view("MSG data 1 65536\r\n").size() + payload.size() + 2));
  }
}

TEST_CASE("server: several in one process know nothing of each other") {
  std::vector<std::unique_ptr<test_server>> all;
  for (unsigned i = 0; i < 4; ++i)
    all.push_back(std::make_unique<test_server>(server::options{.shards = i}));
  std::vector<raw_client> readers;
  for (const auto& s : all) {
    readers.push_back(connected(s->port()));
    readers.back().send("SUB > 1\r\n");
    readers.back().ping();
  }
  auto writer = connected(all[2]->port());
  writer.send("PUB only.here 2\r\nhi\r\n");
  writer.ping();
  CHECK(readers[2].read_line() == "MSG only.here 1 2");
  CHECK(readers[2].read_line() == "hi");
  for (auto& reader : readers) CHECK(reader.ping() == "");
  all[1]->node.stop();
  CHECK(readers[2].ping() == "");
}

TEST_CASE("server: a port in use is said, and neither server is hurt") {
  test_server first;
  test::kept_log log;
  server::options settings;
  settings.port = first.port();
  server::server second(settings, log);
  try {
    second.start();
    FAIL("two servers on one port");
  } catch (const std::system_error& e) {
    CHECK(e.code() == std::errc::address_in_use);
    CHECK(std::string(e.what()).find(std::to_string(first.port())) != std::string::npos);
  }
  second.stop();
  CHECK(connected(first.port()).ping() == "");
}

TEST_CASE("server: who has stopped doesn't start again, and says so") {
  test::kept_log log;
  server::options settings;
  settings.port = -1;
  server::server node(settings, log);
  node.start();
  CHECK_THROWS_AS(node.start(), std::logic_error);
  node.stop();
  CHECK_THROWS_AS(node.start(), std::logic_error);
}

TEST_CASE("server: an address that is not ours is said") {
  test::kept_log log;
  server::options settings;
  settings.port = -1;
  settings.host = "192.0.2.1";  // set aside for documents
  server::server node(settings, log);
  CHECK_THROWS_AS(node.start(), std::system_error);
}

TEST_CASE("server: options that contradict each other are refused") {
  test::kept_log log;
  server::options settings;
  settings.max_payload = 2;
  settings.max_pending = 1;
  CHECK_THROWS_AS(server::server(settings, log), std::invalid_argument);
  settings = {};
  settings.port = 65536;
  CHECK_THROWS_AS(server::server(settings, log), std::invalid_argument);
  settings = {};
  settings.ping_interval = {};
  CHECK_THROWS_AS(server::server(settings, log), std::invalid_argument);
  settings = {};
  settings.access.mappings = {{"a", {{"$1"}}}};
  CHECK_THROWS_AS(server::server(settings, log), std::invalid_argument);
  settings = {};
  settings.access.accounts.resize(1);
  settings.access.accounts[0].name = "A";
  settings.access.accounts[0].mappings = {{"a", {{"b", 60}, {"c", 60}}}};
  CHECK_THROWS_AS(server::server(settings, log), std::invalid_argument);
  settings = {};
  settings.access.users = {{.name = "a", .account = "nowhere"}};
  CHECK_THROWS_AS(server::server(settings, log), std::invalid_argument);
  settings = {};
  settings.websocket = {.port = -1, .no_tls = true, .no_auth_user = "nobody"};
  CHECK_THROWS_AS(server::server(settings, log), std::invalid_argument);
}

TEST_CASE("server: statistics count messages, bytes, connections and subscriptions") {
  for (const unsigned shards : {1U, 3U}) {
    CAPTURE(shards);
    test_server s({.shards = shards});
    auto a = connected(s.port());
    auto b = connected(s.port());
    a.send("SUB x 1\r\nSUB x q 2\r\nSUB y.* 3\r\n");
    a.ping();
    b.send(
        "PUB x 5\r\nhello\r\nPUB y.z 1\r\n!\r\nPUB nobody 3\r\nabc\r\nHPUB x 12 "
        "14\r\nNATS/1.0\r\n\r\nok\r\n");
    b.ping();
    const auto now = s.node.statistics();
    CHECK(now.in_messages == 4);
    CHECK(now.in_bytes == 5 + 1 + 3 + 14);
    CHECK(now.out_messages == 5);
    CHECK(now.out_bytes == 2 * 5 + 1 + 2 * 14);
    CHECK(now.connections == 2);
    CHECK(now.total_connections == 2);
    CHECK(now.subscriptions == 3);
    a.close();
    CHECK(comes_true(b, [&s] { return s.node.statistics().connections == 1; }));
    CHECK(s.node.statistics().subscriptions == 0);
    CHECK(s.node.statistics().total_connections == 2);
  }
}

TEST_CASE("server: a limit of connections refuses the next one by name and lets others in later") {
  test_server s({.max_connections = 2});
  auto a = connected(s.port());
  auto b = connected(s.port());
  raw_client c(s.port());
  const auto answer = c.read_to_end();
  CHECK(answer.find("-ERR 'maximum connections exceeded'") != std::string::npos);
  b.close();
  CHECK(comes_true(a, [&s] { return s.node.statistics().connections == 1; }));
  CHECK(connected(s.port()).ping() == "");
}

TEST_CASE("server: any cut of a conversation gives the same answers") {
  for (const unsigned shards : {1U, 2U}) {
    CAPTURE(shards);
    test_server s({.shards = shards});
    std::string bytes =
        "CONNECT {\"verbose\":true,\"pedantic\":true,\"headers\":true,\"no_responders\":true}\r\n"
        "SUB foo.* 1\r\nSUB foo.bar workers 2\r\nsub\tfoo.>   33\r\n"
        "PUB foo.bar 5\r\nhello\r\nPUB foo.bar reply.to  011\r\nhello world\r\n"
        "HPUB foo.bar 12 14\r\nNATS/1.0\r\n\r\nok\r\nHPUB foo.bar re 23 23\r\nNATS/1.0\r\nA: "
        "b\r\nC:d\r\n\r\n\r\n"
        "PUB foo..bar 0\r\n\r\nPUB foo.bar.baz 0\r\n\r\nUNSUB 33\r\nUNSUB 1 6\r\n"
        "SUB r 4\r\nPUB nobody.there r 2\r\n??\r\nPUB foo.bar 1\r\n1\r\nPUB foo.bar 1\r\n2\r\n"
        "SUB bad..subject 9\r\nPONG\r\n+OK\r\nUNSUB 77\r\n";
    bytes += "PUB foo.x 3000\r\n" + std::string(3000, 'z') + "\r\nPING\r\n";
    check_cuts(s.port(), bytes, false);
  }
}

TEST_CASE("server: any cut before an error gives the same answers") {
  test_server s;
  check_cuts(
      s.port(),
      "CONNECT {\"verbose\":false}\r\nSUB a 1\r\nPUB a 2\r\nhi\r\nPING\r\nPUB a 2\r\nhi!\r\n",
      true);
  check_cuts(s.port(), "CONNECT {\"verbose\":false}\r\nSUB a 1\r\nPUB a 2\r\nhi\r\nPUBLISH\r\n",
             true);
}

TEST_CASE("server: half a verb and then silence disturbs nobody, and the other half still counts") {
  test_server s({.shards = 1});
  auto half = connected(s.port());
  half.send("SUB a 1\r\nPU");
  auto other = connected(s.port());
  other.send("SUB a 1\r\n");
  for (int i = 0; i < 100; ++i) {
    other.send("PUB a 1\r\nx\r\n");
    other.ping();
  }
  half.send("B a 4\r\nwh");
  other.ping();
  half.send("at\r\nPING\r\n");
  CHECK(half.read_until("PONG").ends_with("MSG a 1 4\r\nwhat\r\n"));
}

TEST_CASE("server: payloads of a mebibyte pass unchanged, a byte more is refused") {
  for (const unsigned shards : {1U, 2U}) {
    CAPTURE(shards);
    test_server s({.shards = shards});
    auto reader = connected(s.port());
    reader.send("SUB big 1\r\n");
    reader.ping();
    auto writer = connected(s.port());
    std::string payload;
    for (std::size_t i = 0; i < 1024 * 1024; ++i) payload += static_cast<char>('A' + i % 61);
    for (int i = 0; i < 5; ++i) {
      writer.send("PUB big 1048576\r\n" + payload + "\r\n");
      REQUIRE(reader.read_line() == "MSG big 1 1048576");
      REQUIRE((reader.read_exactly(payload.size()) == payload));
      REQUIRE(reader.read_line() == "");
    }
    CHECK(writer.ping() == "");
    writer.send("PUB big 1048577\r\n");
    CHECK(writer.read_to_end() == "-ERR 'Maximum Payload Violation'\r\n");
    CHECK(reader.ping() == "");
  }
}

TEST_CASE("server: connections that move between shards are counted for their user once") {
  server::options settings;
  settings.shards = 2;
  settings.shuffle_interval = std::chrono::milliseconds(1);
  settings.write_deadline = std::chrono::milliseconds(160);  // the clock of shards is as fine
  settings.max_connections_per_user = 3;
  settings.max_connections_per_address = 4;
  settings.access.users = {{.name = "a", .password = "x"}, {.name = "b", .password = "x"}};
  test_server node(settings);
  const std::string a = std::string(test::quiet) + R"(,"user":"a","pass":"x")";
  const std::string b = std::string(test::quiet) + R"(,"user":"b","pass":"x")";
  const auto says_no = [&](const std::string& who) {
    raw_client one(node.port());
    one.try_send("CONNECT {" + who + "}\r\n");
    return one.read_to_end().find("-ERR 'maximum ") != std::string::npos;
  };
  auto watcher = connected(node.port(), b);
  for (int round = 0; round < 3; ++round) {
    CAPTURE(round);
    std::vector<raw_client> all;
    for (int i = 0; i < 3; ++i) all.push_back(connected(node.port(), a));
    const auto before = node.node.statistics().moved_connections;
    REQUIRE(comes_true(watcher, [&] {
      for (auto& each : all) each.ping();
      return node.node.statistics().moved_connections > before + 5;
    }));
    CHECK(says_no(b));  // five of one address
    all.pop_back();
    REQUIRE(comes_true(watcher, [&] { return node.node.statistics().connections == 3; }));
    all.push_back(connected(node.port(), a));
    all.clear();
    REQUIRE(comes_true(watcher, [&] { return node.node.statistics().connections == 1; }));
  }
}
