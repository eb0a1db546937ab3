#include "raw_client.hpp"
#include "test_server.hpp"
#include "users_loop.hpp"

#include <nuncio/server/in_process.hpp>
#include <nuncio/server/server.hpp>

#include <boost/asio/io_context.hpp>
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

std::string subscriptions(int count) {
  std::string out;
  for (int i = 0; i < count; ++i) {
    out += "SUB orders." + std::to_string(i) + " " + std::to_string(i) + "\r\n";
  }
  return out;
}

// A client within this process, as far as its PONG.
class inner_client {
 public:
  explicit inner_client(server::server& node) : end_(node.connect()) {
    REQUIRE(end_ != nullptr);
    end_->listen([] {}, [] {});
  }
  void say(std::string_view text) {
    std::string all(text);
    all += "PING\r\n";
    for (std::string_view left = all; !left.empty();) {
      left.remove_prefix(end_->write(left).size);
      std::this_thread::yield();
    }
    std::string got;
    while (got.find("PONG") == std::string::npos) {
      std::array<char, 4096> bytes{};
      const auto read = end_->read(bytes);
      REQUIRE_FALSE(read.is_over);
      got.append(bytes.data(), read.size);
      std::this_thread::yield();
    }
  }

 private:
  std::unique_ptr<server::in_process_end> end_;
};

}  // namespace

TEST_CASE("pages: a client within the process is shown as any other") {
  test_server node(with_pages());
  std::optional<inner_client> inner(node.node);
  inner->say("CONNECT {\"verbose\":false,\"name\":\"inner\"}\r\nSUB a 1\r\nPUB a 2\r\nhi\r\n");
  const auto pages_port = node.node.monitor_port();
  const auto shown = page(pages_port, "/connz?subs=1");
  REQUIRE(shown.at("num_connections").to_number<int>() == 1);
  const auto& one = shown.at("connections").get_array().at(0).get_object();
  CHECK(one.at("name") == "inner");
  CHECK(one.at("kind") == "Client");
  CHECK(one.at("type") == "nats");
  CHECK(one.at("in_bytes").to_number<int>() == 2);
  CHECK(one.at("out_msgs").to_number<int>() == 1);
  CHECK(one.at("subscriptions_list") == boost::json::array{"a"});
  inner.reset();
  auto watcher = connected(node.port());
  REQUIRE(test::comes_true(watcher, [&] {
    return page(pages_port, "/connz?state=closed").at("num_connections").to_number<int>() == 1;
  }));
}

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

TEST_CASE("pages: a server stops, or goes, while a page is made") {
  for (int round = 0; round < 20; ++round) {
    CAPTURE(round);
    auto settings = with_pages();
    settings.shards = 3;
    server::silent_log log;
    auto node = std::make_unique<server::server>(settings, log);
    node->start();
    auto many = connected(node->port());
    many.send(subscriptions(5000));
    many.ping();
    std::vector<raw_client> askers;
    for (const auto* which : {"/connz?subs=1", "/subsz?subs=1&test=orders.1", "/metrics"}) {
      askers.push_back(asking(node->monitor_port(), which));
    }
    // At another moment each time.
    std::this_thread::sleep_for(std::chrono::microseconds(round * 200));
    if (round % 2 == 0) node->stop();
    node.reset();
    for (auto& each : askers) {
      each.read_to_end();  // throws if it doesn't end
    }
  }
}

TEST_CASE("pages: a server on its user's loop stops, or goes, in the middle of a walk") {
  for (int round = 0; round < 40; ++round) {
    CAPTURE(round);
    boost::asio::io_context loop(1);
    server::silent_log log;
    std::optional<server::server> node;
    node.emplace(with_pages(), log, loop);
    node->start();
    raw_client many(node->port());
    many.send(std::string("CONNECT {\"verbose\":false}\r\n") + subscriptions(5000) + "PING\r\n");
    while (node->statistics().subscriptions < 5000) loop.run_for(1ms);
    auto asker = asking(node->monitor_port(),
                        round % 2 == 0 ? "/connz?subs=1" : "/subsz?subs=1&test=orders.1");
    // As many handlers as there are; some twenty are the walk's.
    test::end_after(round, loop, node, asker);
  }
}

TEST_CASE("pages: they are whole while options change and clients come, speak and go") {
  auto settings = with_pages();
  settings.shards = 2;
  settings.shuffle_interval = 5ms;
  settings.access.accounts.resize(2);
  settings.access.accounts[0].name = "A";
  settings.access.accounts[1].name = "B";
  settings.access.users = {{.name = "a", .password = "x", .account = "A"},
                           {.name = "b", .password = "x", .account = "B"}};
  test_server node(settings);
  const auto as = [](std::string_view user) {
    return std::string(test::quiet) + ",\"user\":\"" + std::string(user) + "\",\"pass\":\"x\"";
  };
  std::atomic<bool> is_over{false};
  std::vector<std::thread> threads;
  for (const auto* user : {"a", "b"}) {
    threads.emplace_back([&, user] {
      std::optional<raw_client> sent;
      for (int i = 0; !is_over; ++i) {
        auto one = connected(node.port(), as(user));
        one.send(subscriptions(i % 1500) + "SUB ab 0a\r\nPUB ab 2\r\nhi\r\n");
        one.ping();
        sent = std::move(one);
      }
    });
  }
  std::atomic<std::size_t> count{0};
  std::vector<std::string> wrong;
  std::mutex lock;
  threads.emplace_back([&] {
    constexpr std::array pages{
        "/varz",         "/connz?subs=detail&auth=1", "/connz?state=any&sort=subs",
        "/subsz?subs=1", "/subsz?test=ab&subs=1",     "/accountz?acc=A",
        "/accstatz",     "/connz?acc=B&auth=1",       "/healthz",
        "/connz?user=a", "/subsz?acc=B&subs=1"};
    while (!is_over) {
      auto client = asking(node.node.monitor_port(), pages.at(count++ % pages.size()));
      const auto got = answer_of(client);
      boost::system::error_code failure;
      boost::json::parse(got.body, failure);
      if (got.status == 200 && !failure) continue;
      const std::scoped_lock held(lock);
      wrong.push_back(std::to_string(got.status) + " " + got.body.substr(0, 200));
    }
  });
  for (int i = 0; i < 200 || count < 100; ++i) {
    auto next = settings;
    next.tags = {"round:" + std::to_string(i)};
    next.max_connections = 1000 + i;
    if (i % 2 == 0) next.access.mappings = {{"x", {{"y", 100}}}};
    if (i % 3 == 0) next.access.users.resize(2);
    node.node.reload(next);
    std::this_thread::yield();
  }
  is_over = true;
  for (auto& each : threads) each.join();
  for (const auto& each : wrong) FAIL_CHECK(each);
  const auto last = page(node.node.monitor_port(), "/varz");
  CHECK(last.at("tags").get_array().size() == 1);
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
