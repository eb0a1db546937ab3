#include "certificates.hpp"
#include "raw_client.hpp"
#include "test_server.hpp"

#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>
#include <doctest/doctest.h>

#include <chrono>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

using namespace nuncio;
using namespace std::chrono_literals;
using namespace std::string_view_literals;
using test::raw_client;

namespace {

server::options with_tls(const test::certificates::pair& its) {
  server::options out;
  out.port = -1;
  out.tls.emplace().cert_file = its.certificate;
  out.tls->key_file = its.key;
  return out;
}

// The first bytes of a handshake that never goes on.
constexpr std::string_view begun = "\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03"sv;

}  // namespace

TEST_CASE("tls: a server stops in the middle of handshakes, on threads of its own") {
  test::certificates authority;
  server::silent_log log;
  server::server node(with_tls(authority.sign("IP:127.0.0.1")), log);
  node.start();
  std::vector<raw_client> peers;
  for (int i = 0; i < 40; ++i) {
    peers.emplace_back(node.port());
    CHECK(peers.back().read_line().find("tls_required") != std::string::npos);
    if (i % 2 == 0) peers.back().send(begun);
  }
  node.stop();
  for (auto& each : peers) {
    each.read_to_end();  // throws if it doesn't end
  }
}

TEST_CASE("tls: a server stops in the middle of handshakes, on its user's loop") {
  test::certificates authority;
  const auto its = authority.sign("IP:127.0.0.1");
  for (const bool from_within : {false, true}) {
    CAPTURE(from_within);
    boost::asio::io_context loop(1);
    server::silent_log log;
    std::optional<server::server> node;
    node.emplace(with_tls(its), log, loop);
    node->start();
    std::vector<raw_client> peers;
    for (int i = 0; i < 20; ++i) {
      peers.emplace_back(node->port());
      peers.back().send(begun.substr(0, static_cast<std::size_t>(i) % begun.size()));
    }
    loop.run_for(100ms);
    for (auto& each : peers) each.send(begun);  // a step is under way when it stops
    loop.run_for(1ms);
    if (from_within) {
      boost::asio::post(loop, [&] { node.reset(); });
      loop.run_for(200ms);
    } else {
      node.reset();
    }
    peers.clear();
    loop.run_for(10ms);
  }
}

TEST_CASE("tls: a handshake has its time, and holds nobody up") {
  test::certificates authority;
  auto settings = with_tls(authority.sign("IP:127.0.0.1"));
  settings.tls.value().timeout = 200ms;
  settings.allow_non_tls = true;
  server::silent_log log;
  server::server node(settings, log);
  node.start();
  std::vector<raw_client> peers;
  for (int i = 0; i < 20; ++i) {
    peers.emplace_back(node.port());
    peers.back().read_line();
    peers.back().send(begun);
  }
  raw_client plain(node.port());
  plain.handshake();
  for (auto& each : peers) {
    each.read_to_end();  // throws if it doesn't end
  }
  CHECK(plain.ping().empty());
}

TEST_CASE("tls: a reload can't take away what pages by HTTPS need, and changes nothing then") {
  test::certificates authority;
  auto settings = with_tls(authority.sign("IP:127.0.0.1"));
  settings.allow_non_tls = true;
  settings.monitor.host = "127.0.0.1";
  settings.monitor.https_port = -1;
  server::silent_log log;
  server::server node(settings, log);
  node.start();
  for (const bool says_so : {false, true}) {
    CAPTURE(says_so);
    auto next = settings;
    next.tls.reset();
    next.max_connections = 1;
    if (says_so) next.monitor = {};
    CHECK_THROWS_WITH_AS(node.reload(next), "https_port of monitoring needs TLS",
                         std::invalid_argument);
    std::vector<raw_client> all;
    for (int i = 0; i < 3; ++i) {
      all.emplace_back(node.port());
      all.back().handshake();
    }
    raw_client shy(node.monitor_port());
    shy.send(begun);
    raw_client plain(node.monitor_port());
    plain.send("GET / HTTP/1.1\r\n\r\n");
    CHECK(plain.read_line().find(" 400 ") != std::string::npos);
  }
}
