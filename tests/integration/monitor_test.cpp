#include "raw_client.hpp"
#include "test_server.hpp"

#include <nuncio/server/in_process.hpp>
#include <nuncio/server/server.hpp>

#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>
#include <boost/json/array.hpp>
#include <boost/json/object.hpp>
#include <boost/json/parse.hpp>
#include <boost/json/value.hpp>
#include <doctest/doctest.h>

#include <poll.h>

#include <array>
#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <mutex>
#include <optional>
#include <stdexcept>
#include <string>
#include <string_view>
#include <thread>
#include <utility>
#include <vector>

// Pages of a whole server: what else goes on while they are made.
using namespace nuncio;
using namespace std::chrono_literals;
using test::connected;
using test::raw_client;
using test::test_server;

namespace {

server::options with_pages(server::options settings = {}) {
  settings.host = "127.0.0.1";
  settings.port = -1;
  settings.monitor.http_port = -1;
  return settings;
}

struct answer {
  int status = 0;
  std::string body;
};

raw_client asking(std::uint16_t port, std::string_view page) {
  raw_client out(port);
  out.send(std::string("GET ").append(page).append(" HTTP/1.1\r\nHost: x\r\n\r\n"));
  return out;
}

answer answer_of(raw_client& client) {
  answer out;
  out.status = std::stoi(client.read_line().substr(9, 3));
  std::size_t size = 0;
  const std::string_view name = "Content-Length: ";
  for (auto line = client.read_line(); !line.empty(); line = client.read_line()) {
    if (line.starts_with(name)) size = std::stoul(line.substr(name.size()));
  }
  out.body = client.read_exactly(size);
  return out;
}

boost::json::object page(std::uint16_t port, std::string_view which) {
  auto client = asking(port, which);
  const auto got = answer_of(client);
  REQUIRE(got.status == 200);
  return boost::json::parse(got.body).get_object();
}

bool has_answer(const raw_client& client, std::chrono::milliseconds patience = 0ms) {
  pollfd what{client.descriptor(), POLLIN, 0};
  return ::poll(&what, 1, static_cast<int>(patience.count())) == 1;
}

}  // namespace

TEST_CASE("pages: eight large ones are made at a time, some wait, and more are turned away") {
  boost::asio::io_context loop(1);
  server::silent_log log;
  server::server node(with_pages(), log, loop);
  node.start();
  // What they are made of is on a loop that nobody runs now.
  constexpr std::size_t most = 8 + 64;
  std::vector<raw_client> all;
  for (std::size_t i = 0; i < most + 5; ++i) {
    constexpr std::array pages{"/connz", "/subsz?subs=1", "/accountz?acc=$G", "/metrics"};
    all.push_back(asking(node.monitor_port(), pages.at(i % pages.size())));
  }
  const auto refused = [&] {
    std::size_t count = 0;
    for (const auto& each : all) count += has_answer(each) ? 1 : 0;
    return count;
  };
  while (refused() < 5) std::this_thread::yield();
  for (const auto* small : {"/varz", "/healthz", "/"}) {
    CAPTURE(small);
    auto one = asking(node.monitor_port(), small);
    CHECK(answer_of(one).status == 200);
  }
  CHECK(refused() == 5);
  for (auto it = all.begin(); it != all.end();) {
    if (!has_answer(*it)) {
      ++it;
      continue;
    }
    const auto got = answer_of(*it);
    CHECK(got.status == 503);
    CHECK(got.body == "too many pages are asked for at once, try again later");
    it = all.erase(it);
  }
  // The rest get theirs, and those who ask later.
  all.push_back(asking(node.monitor_port(), "/varz"));
  for (auto& each : all) {
    while (!has_answer(each)) loop.run_for(1ms);
    CHECK(answer_of(each).status == 200);
  }
  auto later = asking(node.monitor_port(), "/connz");
  while (!has_answer(later)) loop.run_for(1ms);
  CHECK(answer_of(later).status == 200);
}

TEST_CASE("pages: after a reload they show what is in use, not what it takes another server for") {
  auto settings = with_pages();
  settings.monitor.base_path = "/nats";
  settings.tags = {"old"};
  test_server node(settings);
  const auto pages_port = node.node.monitor_port();
  const auto before = page(pages_port, "/nats/varz");
  auto next = settings;
  next.monitor = {.host = "192.0.2.1", .http_port = 8222, .base_path = "/other"};
  next.host = "192.0.2.2";
  next.port = 1;
  next.name = "other";
  next.max_pending = 2 * settings.max_pending;
  next.tags = {"new"};
  next.max_connections = 7;
  node.node.reload(next);
  const auto after = page(pages_port, "/nats/varz");
  for (const auto* fixed : {"http_host", "http_port", "http_base_path", "https_port", "host",
                            "port", "server_name", "max_pending"}) {
    CAPTURE(fixed);
    CHECK(after.at(fixed) == before.at(fixed));
  }
  CHECK(after.at("tags") == boost::json::array{"new"});
  CHECK(after.at("max_connections").to_number<int>() == 7);
}

TEST_CASE("pages: options that can't be are refused, and the error says which") {
  const auto failure_of = [](const server::monitor_options& of) -> std::string {
    test::kept_log log;
    server::options settings;
    settings.monitor = of;
    try {
      const server::server node(settings, log);
    } catch (const std::invalid_argument& why) {
      return why.what();
    }
    return "";
  };
  CHECK(failure_of({.http_port = 65536}) == "http_port of monitoring must be at most 65535");
  CHECK(failure_of({.https_port = 65536}) == "https_port of monitoring must be at most 65535");
  CHECK(failure_of({.http_port = -1, .https_port = -1}) ==
        "monitoring has either an http_port or an https_port, not both");
  CHECK(failure_of({.https_port = -1}) == "https_port of monitoring needs TLS");
  CHECK(failure_of({.base_path = "/a b"}) == "\"/a b\" can't be a base_path of monitoring");
  CHECK(failure_of({.base_path = "/a?b"}) == "\"/a?b\" can't be a base_path of monitoring");
  CHECK(failure_of({.max_closed_clients = -1}) == "max_closed_clients must not be negative");
  CHECK(failure_of({.http_port = 65535, .base_path = "/a/b-c_d.e~/", .max_closed_clients = 1}) ==
        "");
}
