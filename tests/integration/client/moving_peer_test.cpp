// Rolling restarts of a cluster, which only the reference server has so far.
#include "rpc_world.hpp"
#include "temporary_file.hpp"

#include <boost/asio/co_spawn.hpp>

#include <csignal>
#include <memory>
#include <set>
#include <string>
#include <vector>

namespace {

using namespace nuncio::test;
namespace client = nuncio::client;
namespace rpc = nuncio::rpc;
using client::connection;

/// Two servers of one cluster.
struct cluster {
  cluster()
      : first(server_program(), {"--cluster", "nats://127.0.0.1:-1", "--cluster_name", "c"}),
        second(server_program(),
               {"--cluster", "nats://127.0.0.1:-1", "--cluster_name", "c", "--routes",
                "nats://127.0.0.1:" + std::to_string(first.port_of("cluster"))}) {}

  /// The second is found by what the first one tells.
  client::options settings() {
    client::options set;
    set.servers = first.url();
    set.reconnect.first_pause = 5ms;
    return set;
  }

  server_process first;
  server_process second;
};

void spawn(const asio::any_io_executor& executor, std::function<asio::awaitable<void>()> body) {
  asio::co_spawn(executor, std::move(body), [](const std::exception_ptr& how) {
    if (how) std::rethrow_exception(how);
  });
}

/// Connections of the first server that note what happens to them.
struct clients {
  clients(const asio::any_io_executor& executor, cluster& servers, int count) {
    for (int i = 0; i < count; ++i) {
      auto set = servers.settings();
      set.on_status = [this](const client::status& what) {
        moved += what.what == client::status::kind::moved ? 1 : 0;
        told += what.what == client::status::kind::servers ? 1 : 0;
        lost += what.what == client::status::kind::disconnected ? 1 : 0;
      };
      all.push_back(std::make_unique<connection>(executor, set));
    }
  }
  /// Until each knows of the second server, too.
  asio::awaitable<void> connect() {
    for (const auto& each : all) co_await each->async_connect(asio::use_awaitable);
    co_await until([this] { return told >= static_cast<int>(all.size()); });
  }
  asio::awaitable<void> move(const server_process& from) {
    from.signal(SIGUSR2);
    co_await until([this] { return moved == static_cast<int>(all.size()); });
  }

  std::vector<std::unique_ptr<connection>> all;
  int moved = 0;
  int told = 0;
  int lost = 0;
};

}  // namespace

TEST_CASE("moving: calls and streams lose nothing when their server leaves a cluster") {
  cluster servers;
  run([&]() -> asio::awaitable<void> {
    const auto executor = co_await here();
    clients w(executor, servers, 3);  // a caller and two instances
    co_await w.connect();
    std::vector<std::unique_ptr<rpc::service>> instances;
    for (const auto i : {std::size_t{1}, std::size_t{2}}) {
      auto& service = *instances.emplace_back(std::make_unique<rpc::service>(*w.all[i], calc()));
      service.endpoint<sum_request, int>("add",
                                         [](sum_request r, rpc::context&) -> asio::awaitable<int> {
                                           co_await pause(2ms);
                                           co_return r.a + r.b;
                                         });
      service.bidi_stream<int, int>(
          "echo", [](rpc::reader<int>& in, rpc::writer<int>& out) -> asio::awaitable<void> {
            while (const auto each = co_await in.async_read()) co_await out.async_write(*each);
          });
      co_await w.all[i]->async_flush(asio::use_awaitable);
    }
    rpc::stub remote(*w.all[0], "calc");
    int answered = 0;
    int echoed = 0;
    int running = 0;
    bool is_over = false;
    const auto call_on = [&]() -> asio::awaitable<void> {
      ++running;
      while (!is_over) {
        const int sum = co_await remote.call<int>("add", two_and_three);
        CHECK(sum == 5);
        ++answered;
      }
      --running;
    };
    const auto talk_on = [&]() -> asio::awaitable<void> {
      ++running;
      auto chat = remote.bidi_stream<int, int>("echo");
      int i = 0;
      while (!is_over) {
        co_await chat.async_write(i);
        const auto back = co_await chat.async_read();
        CHECK(back == i);
        ++i;
        ++echoed;
        co_await pause(1ms);
      }
      chat.close();
      const auto last = co_await chat.async_read();
      CHECK_FALSE(last);
      --running;
    };
    for (int i = 0; i < 20; ++i) spawn(executor, call_on);
    for (int i = 0; i < 5; ++i) spawn(executor, talk_on);
    co_await until([&] { return answered > 100 && echoed > 100; });
    co_await w.move(servers.first);
    const int before = answered;
    const int echoed_before = echoed;
    co_await until([&] { return answered > before + 100 && echoed > echoed_before + 100; });
    is_over = true;
    co_await until([&] { return running == 0; });
    CHECK(w.lost == 0);
    for (const auto& each : w.all) CHECK(each->statistics().reconnects == 0);
  });
}

TEST_CASE("moving: a group gets each message once, a plain subscription none twice") {
  cluster servers;
  run([&]() -> asio::awaitable<void> {
    const auto executor = co_await here();
    clients w(executor, servers, 2);
    connection publisher(executor, {.servers = servers.second.url()});
    co_await publisher.async_connect(asio::use_awaitable);
    co_await w.connect();
    std::multiset<int> grouped;
    std::multiset<int> plain;
    std::vector<client::subscription> subscriptions;
    const auto note = [](std::multiset<int>& in) {
      return [&in](const client::message_view& m) { in.insert(std::stoi(std::string(m.payload))); };
    };
    for (const auto& each : w.all) {
      subscriptions.push_back(each->subscribe("n", note(grouped), {.queue = "q"}));
      co_await each->async_flush(asio::use_awaitable);
    }
    subscriptions.push_back(w.all[0]->subscribe("n", note(plain)));
    co_await w.all[0]->async_flush(asio::use_awaitable);
    int sent = 0;
    // The other server has to hear of all of them first.
    while (grouped.empty() || plain.empty()) {
      grouped.clear();
      plain.clear();
      publisher.publish("n", "-1");
      co_await publisher.async_flush(asio::use_awaitable);
      co_await pause(1ms);
    }
    bool is_over = false;
    spawn(executor, [&]() -> asio::awaitable<void> {
      while (!is_over) {
        for (int i = 0; i < 10; ++i) publisher.publish("n", std::to_string(sent++));
        co_await pause(1ms);
      }
    });
    co_await pause(20ms);
    co_await w.move(servers.first);
    co_await pause(20ms);
    is_over = true;
    co_await pause(5ms);
    const auto count = static_cast<std::size_t>(sent);
    co_await until([&] { return grouped.count(sent - 1) == 1 && plain.count(sent - 1) == 1; });
    for (int i = 0; i < sent; ++i) {
      CAPTURE(i);
      CHECK(grouped.count(i) == 1);
      CHECK(plain.count(i) <= 1);
    }
    MESSAGE("a plain subscription missed " << count - (plain.size() - plain.count(-1)) << " of "
                                           << count);
  });
}
