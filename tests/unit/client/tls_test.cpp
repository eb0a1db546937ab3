// TLS over streams in memory, whose other end never answers: what a handshake does meanwhile.
#include "coroutines.hpp"
#include "memory_network.hpp"

#include <nuncio/client/connection.hpp>

#include <chrono>
#include <memory>
#include <string>

namespace {

using namespace nuncio::test;
using namespace std::chrono_literals;
namespace client = nuncio::client;
using client::connection;
using client::errc;

/// A server that wants TLS and then says no more.
struct silent_server {
  client::options settings() {
    client::options set;
    set.servers = "silent";
    set.tls.verify = false;
    set.open_stream = memory_opener([this](const auto&, const auto& executor) {
      link = std::make_shared<memory_link>(executor, fault{});
      link->on_written = [this] { got += link->take(); };
      link->send(says);
      return link;
    });
    return set;
  }

  std::string says = "INFO {\"tls_required\":true} \r\n";
  std::string got;
  std::shared_ptr<memory_link> link;
};

}  // namespace

TEST_CASE("tls: a handshake that isn't answered runs out of time") {
  silent_server server;
  run([&]() -> asio::awaitable<void> {
    const auto executor = co_await here();
    auto set = server.settings();
    set.connect_timeout = 50ms;
    connection nc(executor, set);
    CHECK(co_await error_of([&](auto token) { return nc.async_connect(token); }) ==
          errc::timed_out);
    CHECK(server.link->is_closed_by_client());
    // A handshake, not a word in the clear.
    CHECK(server.got.starts_with("\x16\x03"));
    CHECK(server.got.find("CONNECT") == std::string::npos);
  });
}

TEST_CASE("tls: closing ends a handshake") {
  silent_server server;
  run([&]() -> asio::awaitable<void> {
    const auto executor = co_await here();
    connection nc(executor, server.settings());
    error_code how;
    nc.async_connect([&](error_code error) { how = error; });
    co_await until([&] { return !server.got.empty(); });
    nc.close();
    co_await settle();
    CHECK(how == errc::closed);
    CHECK(server.link->is_closed_by_client());
  });
}

TEST_CASE("tls: with the handshake first nothing is awaited") {
  silent_server server;
  server.says.clear();
  run([&]() -> asio::awaitable<void> {
    const auto executor = co_await here();
    auto set = server.settings();
    set.tls.handshake_first = true;
    connection nc(executor, set);
    nc.async_connect([](error_code) {});
    co_await until([&] { return !server.got.empty(); });
    CHECK(server.got.starts_with("\x16\x03"));
  });
}

TEST_CASE("tls: what comes behind INFO in the clear is never heard") {
  silent_server server;
  server.says += "-ERR 'Authorization Violation'\r\n";
  run([&]() -> asio::awaitable<void> {
    const auto executor = co_await here();
    auto set = server.settings();
    set.connect_timeout = 50ms;
    connection nc(executor, set);
    CHECK(co_await error_of([&](auto token) { return nc.async_connect(token); }) ==
          errc::timed_out);
  });
}
