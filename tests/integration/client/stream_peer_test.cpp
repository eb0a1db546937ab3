// Streams under permissions and across accounts, which only the reference server has so far.
#include "rpc_world.hpp"
#include "temporary_file.hpp"

#include <optional>
#include <string>
#include <vector>

namespace {

using namespace nuncio::test;
namespace client = nuncio::client;
namespace rpc = nuncio::rpc;
using rpc::code;

client::options as(const server_process& to, const std::string& user) {
  auto set = world::with(to);
  set.user = user;
  set.password = "secret";
  return set;
}

/// Two users of a server with this configuration: a service's and a caller's.
struct two_users {
  two_users(const asio::any_io_executor& executor, const std::string& configuration)
      : file(configuration),
        server(server_program(), {"-c", file.path()}),
        serving(executor, as(server, "service")),
        calling(executor, as(server, "caller")) {}

  asio::awaitable<void> connect() {
    co_await serving.async_connect(asio::use_awaitable);
    co_await calling.async_connect(asio::use_awaitable);
  }

  temporary_file file;
  server_process server;
  client::connection serving;
  client::connection calling;
};

void echo_numbers(rpc::service& by) {
  by.bidi_stream<int, int>(
      "echo", [](rpc::reader<int>& in, rpc::writer<int>& out) -> asio::awaitable<void> {
        while (const auto each = co_await in.async_read()) co_await out.async_write(*each);
      });
}

}  // namespace

TEST_CASE("streams: a caller that may not publish to the control subject is told so") {
  run([]() -> asio::awaitable<void> {
    const auto executor = co_await here();
    two_users w(
        executor,
        "authorization: {users: [{user: service, password: secret}, {user: caller, password: "
        "secret, permissions: {publish: [\"calc.>\"], subscribe: [\"_INBOX.>\"]}}]}");
    co_await w.connect();
    rpc::service service(w.serving, calc());
    echo_numbers(service);
    service.endpoint<int, int>("same", [](int n) { return n; });
    co_await w.serving.async_flush(asio::use_awaitable);
    rpc::stub remote(w.calling, "calc");
    CHECK(co_await remote.call<int>("same", 3) == 3);
    auto chat = remote.bidi_stream<int, int>("echo");
    const auto how = co_await status_of([](auto on) -> asio::awaitable<void> {
      co_await on.async_write(1);
      co_await on.async_read();
    }(chat));
    CHECK(how.code == code::permission_denied);
  });
}

TEST_CASE("streams: a service that may not answer its caller ends the call") {
  run([]() -> asio::awaitable<void> {
    const auto executor = co_await here();
    two_users w(
        executor,
        "authorization: {users: [{user: caller, password: secret}, {user: service, password: "
        "secret, permissions: {publish: {deny: [\"_INBOX.>\"]}}}]}");
    co_await w.connect();
    rpc::service service(w.serving, calc());
    patient_handler slow;
    service.server_stream<int, int>(
        "wait", [&](int n, rpc::writer<int>&, rpc::context& about) -> asio::awaitable<void> {
          co_await slow.wait(about);
          static_cast<void>(n);
        });
    co_await w.serving.async_flush(asio::use_awaitable);
    rpc::stub_options set;
    set.streams.accept_within = 300ms;
    rpc::stub remote(w.calling, "calc", set);
    auto in = remote.server_stream<int>("wait", 1);
    co_await until([&] { return slow.cancelled == 1; });
    CHECK((co_await status_of(in.async_read())).code == code::unavailable);
  });
}

TEST_CASE("streams: a service import carries all kinds, in both directions, and closes with them") {
  run([]() -> asio::awaitable<void> {
    const auto executor = co_await here();
    two_users w(
        executor,
        "accounts: {S: {users: [{user: service, password: secret}], exports: [{service: "
        "\"calc.>\", response_type: stream, response_threshold: \"2m\"}]}, C: {users: [{user: "
        "caller, password: secret}], imports: [{service: {account: S, subject: "
        "\"calc.>\"}}]}}");
    co_await w.connect();
    auto set = calc();
    set.streams.window.items = 8;
    set.streams.ping_after = 50ms;
    rpc::service service(w.serving, set);
    echo_numbers(service);
    patient_handler slow;
    slow.serve(service);
    service.server_stream<int, int>("count",
                                    [](int n, rpc::writer<int>& out) -> asio::awaitable<void> {
                                      for (int i = 0; i < n; ++i) co_await out.async_write(i);
                                    });
    service.client_stream<int, long>("sum", [](rpc::reader<int>& in) -> asio::awaitable<long> {
      long sum = 0;
      while (const auto each = co_await in.async_read()) sum += *each;
      co_return sum;
    });
    service.endpoint<int, int>("same", [](int n) { return n; });
    co_await w.serving.async_flush(asio::use_awaitable);
    rpc::stub_options sparing;
    sparing.streams.window.items = 8;
    sparing.streams.ping_after = 50ms;
    rpc::stub remote(w.calling, "calc", sparing);
    CHECK(co_await remote.call<int>("same", 3) == 3);

    auto counting = remote.server_stream<int>("count", 100);
    int expected = 0;
    while (const auto each = co_await counting.async_read()) CHECK(*each == expected++);
    CHECK(expected == 100);

    auto sum = remote.client_stream<int, long>("sum");
    for (int i = 1; i <= 100; ++i) co_await sum.async_write(i);
    CHECK(co_await sum.async_finish() == 5050);

    auto chat = remote.bidi_stream<int, int>("echo");
    for (int i = 0; i < 50; ++i) {
      co_await chat.async_write(i);
      CHECK(co_await chat.async_read() == i);
    }
    // Pings keep it open.
    co_await pause(300ms);
    co_await chat.async_write(7);
    CHECK(co_await chat.async_read() == 7);
    chat.close();
    CHECK_FALSE(co_await chat.async_read());

    // Letting go reaches the service, too.
    {
      const auto gone = remote.bidi_stream<int, int>("echo");
    }
    co_await until([&] { return service.stats().endpoints[0].errors == 1; });
    // A unary call behind an import isn't accepted before it is answered.
    const auto late = co_await status_of(remote.call<int>("slow", 1, {.timeout = 100ms}));
    CHECK(late.code == code::deadline_exceeded);
  });
}
