#include "raw_client.hpp"
#include "users_loop.hpp"

#include <nuncio/server/server.hpp>

#include <boost/asio/io_context.hpp>
#include <doctest/doctest.h>

#include <atomic>
#include <chrono>
#include <cstdint>
#include <functional>
#include <future>
#include <memory>
#include <optional>
#include <stop_token>
#include <string>
#include <string_view>
#include <thread>
#include <utility>
#include <vector>

// Requests to the server and events about it: what else goes on meanwhile.
using namespace nuncio;
using namespace std::chrono_literals;
using test::connected;
using test::raw_client;

namespace {

constexpr std::string_view as_system = R"("verbose":false,"user":"s","pass":"s")";
constexpr std::string_view as_user = R"("verbose":false,"user":"u","pass":"u")";

server::options with_accounts() {
  server::options out;
  out.host = "127.0.0.1";
  out.port = -1;
  out.access.accounts.push_back({"SYS"});
  out.access.accounts.push_back({"A"});
  out.access.system_account = "SYS";
  out.access.users.push_back({"s", "s", {}, "SYS"});
  out.access.users.push_back({"u", "u", {}, "A"});
  return out;
}

// Asks, and returns the answer.
std::string ask(raw_client& by, std::string_view subject, std::string_view payload = {}) {
  static std::atomic<int> count{0};
  const std::string inbox = "inbox." + std::to_string(++count);
  by.send("SUB " + inbox + " x\r\nUNSUB x 1\r\nPUB " + std::string(subject) + ' ' + inbox + ' ' +
          std::to_string(payload.size()) + "\r\n" + std::string(payload) + "\r\n");
  for (;;) {
    const auto line = by.read_line();
    if (!line.starts_with("MSG ")) continue;
    const auto size = std::stoul(line.substr(line.rfind(' ') + 1));
    auto body = by.read_exactly(size + 2);
    if (line.starts_with("MSG " + inbox + ' ')) return body.substr(0, size);
  }
}

bool has(std::string_view text, std::string_view part) {
  return text.find(part) != std::string_view::npos;
}

// What stands behind each `"key":"` of an event.
std::vector<std::string> texts_of(std::string_view event, std::string_view key) {
  std::vector<std::string> out;
  const auto begin = std::string("\"").append(key).append("\":\"");
  for (auto at = event.find(begin); at != std::string_view::npos; at = event.find(begin, at)) {
    at += begin.size();
    out.emplace_back(event.substr(at, event.find('"', at) - at));
  }
  return out;
}

constexpr std::string_view closed_ones = R"({"state":1})";

}  // namespace

TEST_CASE("system account: what has ended is remembered since somebody looks") {
  server::silent_log log;
  server::server node(with_accounts(), log);
  node.start();
  connected(node.port(), as_user).close();
  while (node.statistics().connections != 0) std::this_thread::yield();
  auto looking = connected(node.port(), as_system);
  CHECK(has(ask(looking, "$SYS.REQ.SERVER.PING.CONNZ", closed_ones), R"("total":0)"));
  connected(node.port(), as_user).close();
  while (node.statistics().connections != 1) std::this_thread::yield();
  CHECK(has(ask(looking, "$SYS.REQ.SERVER.PING.CONNZ", closed_ones), R"("total":1)"));
}

TEST_CASE("system account: a server stops, or goes, while it answers and tells") {
  for (int round = 0; round < 20; ++round) {
    CAPTURE(round);
    auto settings = with_accounts();
    settings.shards = 3;
    server::silent_log log;
    auto node = std::make_unique<server::server>(settings, log);
    node->start();
    auto looking = connected(node->port(), as_system);
    looking.send("SUB $SYS.> 1\r\n");
    looking.ping();
    std::vector<raw_client> others;
    for (int i = 0; i < 10; ++i) others.push_back(connected(node->port(), as_user));
    for (int i = 0; i < 50; ++i) {
      looking.send("PUB $SYS.REQ.SERVER.PING.CONNZ x 0\r\n\r\n");
      others[static_cast<std::size_t>(i) % others.size()].send(
          "PUB $SYS.REQ.USER.INFO x 0\r\n\r\n");
    }
    others.clear();
    // At another moment each time.
    std::this_thread::sleep_for(std::chrono::microseconds(round * 200));
    if (round % 2 == 0) node->stop();
    node.reset();
    looking.read_to_end();  // throws if it doesn't end
  }
}

TEST_CASE("system account: a server on its user's loop stops, or goes, while it answers") {
  for (int round = 0; round < 40; ++round) {
    CAPTURE(round);
    boost::asio::io_context loop(1);
    server::silent_log log;
    std::optional<server::server> node;
    node.emplace(with_accounts(), log, loop);
    node->start();
    raw_client looking(node->port());
    looking.send("CONNECT {" + std::string(as_system) + "}\r\nSUB $SYS.> 1\r\n");
    while (node->statistics().subscriptions < 1) loop.run_for(1ms);
    for (int i = 0; i < 20; ++i) looking.send("PUB $SYS.REQ.SERVER.PING.CONNZ x 0\r\n\r\n");
    test::end_after(round, loop, node, looking);
  }
}

TEST_CASE("system account: its owner reloads when asked to, says what is wrong, and may be late") {
  server::silent_log log;
  std::function<void(std::string)> late;
  {
    server::server node(with_accounts(), log);
    std::promise<void> asked_late;
    std::string wrong;
    bool is_late = false;
    node.set_reload_handler([&](std::function<void(std::string)> done) {
      if (!is_late) return done(wrong);
      late = std::move(done);
      asked_late.set_value();
    });
    node.start();
    auto looking = connected(node.port(), as_system);
    const auto reload = "$SYS.REQ.SERVER." + node.id() + ".RELOAD";
    CHECK_FALSE(has(ask(looking, reload), "error"));
    wrong = "line 5";
    CHECK(has(ask(looking, reload), R"("error":{"code":500,"description":"line 5"})"));
    is_late = true;
    looking.send("PUB " + reload + " x 0\r\n\r\n");
    asked_late.get_future().wait();
  }
  late("nobody is there");
}

TEST_CASE("system account: who can't reload says so") {
  server::silent_log log;
  server::server node(with_accounts(), log);
  node.start();
  auto looking = connected(node.port(), as_system);
  const auto answer = ask(looking, "$SYS.REQ.SERVER." + node.id() + ".RELOAD");
  CHECK(has(answer, "can only reload config from a file"));
}

TEST_CASE("message tracing: receivers on all shards come, rename themselves and go meanwhile") {
  auto settings = with_accounts();
  settings.shards = 3;
  server::silent_log log;
  server::server node(settings, log);
  node.start();
  constexpr std::string_view speaker = R"("verbose":false,"user":"u","pass":"u","headers":true)";
  auto tracer = connected(node.port(), as_user);
  tracer.send("SUB traces 1\r\n");
  tracer.ping();
  const auto come_and_go = [&](const std::stop_token& stop, const std::string& queue) {
    while (!stop.stop_requested()) {
      auto one = connected(node.port(), R"("verbose":false,"user":"u","pass":"u","name":"first")");
      one.send("SUB foo " + queue + "1\r\n");
      one.ping();
      one.send(R"(CONNECT {"verbose":false,"user":"u","pass":"u","name":"second"})"
               "\r\n");
      one.send("SUB foo " + queue + "2\r\n");
      one.ping();
    }
  };
  std::vector<std::jthread> receivers;
  for (const std::string queue : {"", "q ", "q "}) receivers.emplace_back(come_and_go, queue);
  auto by = connected(node.port(), speaker);
  int delivered = 0;
  for (int i = 0; i < 600; ++i) {
    by.send("HPUB foo 36 37\r\nNATS/1.0\r\nNats-Trace-Dest:traces\r\n\r\nx\r\n");
    auto line = tracer.read_line();
    while (!line.starts_with("MSG traces ")) line = tracer.read_line();
    const auto event = tracer.read_exactly(std::stoul(line.substr(line.rfind(' ') + 1)) + 2);
    CHECK(texts_of(event, "subj") == std::vector<std::string>{"foo"});
    // The server's own is the first.
    const auto names = texts_of(event, "name");
    delivered += static_cast<int>(names.size()) - 1;
    for (std::size_t at = 1; at < names.size(); ++at) {
      CHECK((names[at] == "first" || names[at] == "second"));
    }
  }
  CHECK(delivered > 0);
}
