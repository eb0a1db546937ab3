// Against the reference server only, which has WebSocket.
#include "configured_server.hpp"

#include <nuncio/client/transport.hpp>

#include <algorithm>
#include <csignal>
#include <memory>
#include <string>
#include <utility>

namespace {

using namespace nuncio::test;
using namespace std::chrono_literals;
namespace client = nuncio::client;
using client::connection;
using client::errc;

const std::string plain = "websocket {host: \"127.0.0.1\", port: -1, no_tls: true}\n";

/// TCP that keeps what is written, and reads a little at a time.
class watched_transport final : public client::transport {
 public:
  watched_transport(std::unique_ptr<client::transport> below, std::size_t most, std::string& kept)
      : below_(std::move(below)), most_(most), kept_(kept) {}
  void async_read_some(std::span<char> into, handler done) override {
    below_->async_read_some(into.first(std::min(into.size(), most_)), std::move(done));
  }
  void async_write(std::string_view bytes, handler done) override {
    kept_ += bytes;
    below_->async_write(bytes, std::move(done));
  }
  void close() noexcept override { below_->close(); }

 private:
  std::unique_ptr<client::transport> below_;
  std::size_t most_;
  std::string& kept_;
};

client::stream_opener watching(std::size_t most, std::string& kept) {
  return [most, &kept](const auto& server, const auto& executor, client::stream_handler done) {
    client::open_stream(
        server, executor,
        [most, &kept, done = std::move(done)](error_code error,
                                              std::unique_ptr<client::transport> below) mutable {
          if (error) return std::move(done)(error, nullptr);
          std::move(done)(error, std::make_unique<watched_transport>(std::move(below), most, kept));
        });
  };
}

client::options to(const std::string& url) {
  client::options set;
  set.servers = url;
  set.reconnect.first_pause = set.reconnect.longest_pause = 5ms;
  return set;
}

/// How connecting with these options ends, and that messages then come through.
asio::awaitable<error_code> try_out(client::options set) {
  const auto executor = co_await here();
  connection nc(executor, std::move(set));
  const auto [error] = co_await nc.async_connect(as_values);
  if (error) co_return error;
  auto sub = nc.subscribe("a");
  const std::string large(1024UL * 1024, 'l');
  for (int i = 0; i < 3; ++i) {
    CHECK_FALSE(nc.publish("a", large));
    CHECK_FALSE(nc.publish("a", std::to_string(i)));
    CHECK_FALSE(nc.publish("a", ""));
  }
  for (int i = 0; i < 3; ++i) {
    CHECK(co_await next(sub) == "a=" + large);
    CHECK(co_await next(sub) == "a=" + std::to_string(i));
    CHECK(co_await next(sub) == "a=");
  }
  auto echo = nc.subscribe(
      "echo", [&](const client::message_view& m) { CHECK_FALSE(nc.publish(m.reply, m.payload)); });
  auto answer = co_await nc.async_request("echo", "hello", 10s, asio::use_awaitable);
  CHECK(answer.payload() == "hello");
  co_return error;
}

}  // namespace

TEST_CASE("websocket: messages of all sizes come through, however little is read at a time") {
  const configured its(plain);
  run([&]() -> asio::awaitable<void> {
    CHECK_FALSE(co_await try_out(to(its.address("ws"))));
    CHECK_FALSE(co_await try_out(to(its.address("ws") + "/some/path")));
    for (const std::size_t most : {37UL, 1460UL}) {
      CAPTURE(most);
      std::string written;
      auto set = to(its.address("ws"));
      set.open_stream = watching(most, written);
      CHECK_FALSE(co_await try_out(set));
      CHECK(written.starts_with("GET / HTTP/1.1\r\n"));
      // What goes up is masked.
      CHECK(written.find("CONNECT {") == std::string::npos);
    }
  });
}

TEST_CASE("websocket: it says goodbye, in the right way") {
  const configured its(plain);
  run([&]() -> asio::awaitable<void> {
    const auto executor = co_await here();
    std::string written;
    auto set = to(its.address("ws"));
    set.open_stream = watching(100'000, written);
    connection nc(executor, set);
    co_await nc.async_connect(asio::use_awaitable);
    nc.close();
    CHECK(written.ends_with(std::string("\x88\x82\0\0\0\0\x03\xE8", 8)));
  });
}

TEST_CASE("websocket: what the server answers instead is in the error") {
  const configured its(plain);
  run([&]() -> asio::awaitable<void> {
    const auto refused = co_await try_out(to(its.address("ws") + "/mqtt"));
    CHECK(refused.message() == "the server answered 404 Not Found instead of a WebSocket");
    CHECK(refused.value() == 404);
    const auto port = std::to_string(its.server.port());
    CHECK(co_await try_out(to("ws://127.0.0.1:" + port)) == errc::protocol);
    CHECK(co_await try_out(to("ws://127.0.0.1,nats://127.0.0.1")) == errc::bad_options);
  });
}

TEST_CASE("websocket: a connection that is lost is made again") {
  configured its(plain);
  its.file.write("websocket {host: \"127.0.0.1\", no_tls: true, port: " +
                 std::to_string(its.server.port_of("websocket")) + "}\n");
  run([&]() -> asio::awaitable<void> {
    const auto executor = co_await here();
    int back = 0;
    auto set = to(its.address("ws"));
    set.on_status = [&](const client::status& s) {
      back += s.what == client::status::kind::reconnected ? 1 : 0;
    };
    connection nc(executor, set);
    co_await nc.async_connect(asio::use_awaitable);
    auto sub = nc.subscribe("a");
    for (int i = 1; i <= 2; ++i) {
      its.server.kill(i == 1 ? SIGKILL : SIGTERM);
      its.server.restart();
      co_await until([&] { return back == i; });
      CHECK_FALSE(nc.publish("a", "x"));
      CHECK(co_await next(sub) == "a=x");
    }
  });
}

TEST_CASE("websocket: servers tell of the others' WebSockets, and one is taken") {
  configured one(plain + "cluster {name: c, host: \"127.0.0.1\", port: -1}\n");
  const configured two(plain +
                       "cluster {name: c, host: \"127.0.0.1\", port: -1, routes: "
                       "[\"nats://127.0.0.1:" +
                       std::to_string(one.server.port_of("cluster")) + "\"]}\n");
  run([&]() -> asio::awaitable<void> {
    const auto executor = co_await here();
    bool knows = false;
    bool is_back = false;
    auto set = to(one.address("ws"));
    set.on_status = [&](const client::status& s) {
      knows |= s.what == client::status::kind::servers;
      is_back |= s.what == client::status::kind::reconnected;
    };
    connection nc(executor, set);
    co_await nc.async_connect(asio::use_awaitable);
    const auto first = nc.server_info().server_id;
    auto sub = nc.subscribe("a");
    co_await until([&] { return knows; });
    one.server.kill(SIGKILL);
    co_await until([&] { return is_back; });
    CHECK(nc.server_info().server_id != first);
    CHECK_FALSE(nc.publish("a", "x"));
    CHECK(co_await next(sub) == "a=x");
  });
}

#ifdef NUNCIO_HAS_TLS
TEST_CASE("websocket: over TLS the server must prove who it is") {
  const configured its("websocket {host: \"127.0.0.1\", port: -1, " + with_tls(for_address()) +
                       "}\n");
  run([&]() -> asio::awaitable<void> {
    auto set = to(its.address("wss"));
    CHECK(co_await try_out(set) == errc::untrusted);
    set.tls.ca_file = authority().ca();
    CHECK_FALSE(co_await try_out(set));
    set.servers = its.address("ws");
    CHECK(co_await try_out(set));
    set.tls.required = true;
    CHECK_FALSE(co_await try_out(set));
  });
}
#endif
