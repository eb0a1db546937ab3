// How streams end otherwise than well, with programs at both ends.
#include "patient_streams.hpp"

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>

#include <csignal>
#include <exception>
#include <optional>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

namespace {

using namespace nuncio::test;
namespace client = nuncio::client;
namespace rpc = nuncio::rpc;
using rpc::code;

}  // namespace

TEST_CASE("streams: where nobody serves, the first operation says so at once") {
  run_in_world([](world& w) -> asio::awaitable<void> {
    auto in = w.remote.server_stream<int>("nothing", 1);
    auto how = co_await status_of(in.async_read());
    CHECK(how.code == code::unavailable);
    CHECK(how.surely_not_run);
    auto sum = w.remote.client_stream<int, int>("nothing");
    how = co_await status_of(sum.async_write(1));
    CHECK(how.code == code::unavailable);
    CHECK(how.reason == "no-responders");
    how = co_await status_of(sum.async_finish());
    CHECK(how.code == code::unavailable);
    CHECK_FALSE(sum.try_write(1));
  });
}

TEST_CASE("streams: what a handler throws comes behind the items that it sent") {
  run_in_world([](world& w) -> asio::awaitable<void> {
    auto set = calc();
    std::string logged;
    set.log = [&](std::string_view line) { logged = line; };
    rpc::service service(w.serving, set);
    service.server_stream<int, int>("fail",
                                    [](int n, rpc::writer<int>& out) -> asio::awaitable<void> {
                                      co_await out.async_write(n);
                                      if (n == 1)
                                        throw rpc::error(code::not_found, "there are no more");
                                      throw std::runtime_error("secret");
                                    });
    service.client_stream<int, int>("unfinished", [](rpc::reader<int>&) -> asio::awaitable<int> {
      throw rpc::error(code::aborted, "not today");
      co_return 1;
    });
    co_await w.ready();
    for (const int n : {1, 2}) {
      auto in = w.remote.server_stream<int>("fail", n);
      CHECK(co_await in.async_read() == n);
      const auto how = co_await status_of(in.async_read());
      CHECK(how.code == (n == 1 ? code::not_found : code::internal));
      CHECK(how.text.find("secret") == std::string::npos);
      CHECK(how.instance == service.id());
      // It stays what it was.
      CHECK(co_await status_of(in.async_read()) == how);
    }
    CHECK(logged.find("secret") != std::string::npos);
    auto call = w.remote.client_stream<int, int>("unfinished");
    const auto how = co_await status_of(call.async_finish());
    CHECK(how.code == code::aborted);
    CHECK(service.stats().endpoints[0].errors == 2);
  });
}

TEST_CASE("streams: a caller that lets go, or cancels, cancels the handler") {
  run_in_world([](world& w) -> asio::awaitable<void> {
    rpc::service service(w.serving, calc());
    patient_streams all;
    all.serve(service);
    co_await w.ready();
    {
      auto in = w.remote.server_stream<int>("wait", 1);
      CHECK(co_await in.async_read() == 1);
    }
    co_await until([&] { return all.cancelled == 1; });
    auto in = w.remote.server_stream<int>("wait", 1);
    CHECK(co_await in.async_read() == 1);
    in.cancel();
    CHECK((co_await status_of(in.async_read())).code == code::cancelled);
    co_await until([&] { return all.cancelled == 2; });
    // Before it was accepted, too.
    {
      const auto gone = w.remote.bidi_stream<int, int>("listen");
    }
    co_await until([&] { return all.started == 3 && all.cancelled == 3; });
    CHECK(all.ended == 3);
  });
}

TEST_CASE("streams: cancelling reaches a handler that waits for its caller to take something") {
  run_in_world([](world& w) -> asio::awaitable<void> {
    rpc::service service(w.serving, calc());
    std::optional<code> how;
    service.server_stream<int, int>("endless",
                                    [&](int n, rpc::writer<int>& out) -> asio::awaitable<void> {
                                      try {
                                        for (;;) co_await out.async_write(n);
                                      } catch (const rpc::error& why) {
                                        how = why.code();
                                        throw;
                                      }
                                    });
    co_await w.ready();
    auto in = w.remote.server_stream<int>("endless", 1);
    CHECK(co_await in.async_read() == 1);
    in.cancel();
    co_await until([&] { return how.has_value(); });
    CHECK(how == code::cancelled);
  });
}

TEST_CASE("streams: the deadline ends both ends") {
  run_in_world([](world& w) -> asio::awaitable<void> {
    rpc::service service(w.serving, calc());
    patient_streams all;
    all.serve(service);
    co_await w.ready();
    auto in = w.remote.server_stream<int>("wait", 1, {.timeout = 50ms});
    CHECK(co_await in.async_read() == 1);
    CHECK((co_await status_of(in.async_read())).code == code::deadline_exceeded);
    co_await until([&] { return all.cancelled == 1; });
    auto none = w.remote.server_stream<int>("wait", 1, {.timeout = 0ns});
    CHECK((co_await status_of(none.async_read())).code == code::deadline_exceeded);
  });
}

TEST_CASE("streams: stopping a service ends its streams") {
  run_in_world([](world& w) -> asio::awaitable<void> {
    rpc::service service(w.serving, calc());
    patient_streams all;
    all.serve(service);
    co_await w.ready();
    auto in = w.remote.server_stream<int>("wait", 1);
    CHECK(co_await in.async_read() == 1);
    service.stop();
    const auto how = co_await status_of(in.async_read());
    CHECK(how.code == code::unavailable);
    CHECK(how.text == "the service stops");
    co_await until([&] { return all.ended == 1; });
  });
}

TEST_CASE("streams: more than are taken are refused at once") {
  run_in_world([](world& w) -> asio::awaitable<void> {
    auto set = calc();
    set.max_per_caller = 2;
    rpc::service service(w.serving, set);
    patient_streams all;
    all.serve(service);
    co_await w.ready();
    auto first = w.remote.server_stream<int>("wait", 1);
    auto second = w.remote.server_stream<int>("wait", 1);
    auto third = w.remote.server_stream<int>("wait", 1);
    const auto how = co_await status_of(third.async_read());
    CHECK(how.code == code::resource_exhausted);
    CHECK(how.surely_not_run);
    CHECK(co_await second.async_read() == 1);
    second.cancel();
    co_await until([&] { return all.ended == 1; });
    auto fourth = w.remote.server_stream<int>("wait", 4);
    CHECK(co_await fourth.async_read() == 4);
  });
}

TEST_CASE("streams: a lost broker ends what was open, at both ends, and others work afterwards") {
  run_in_world([](world& w) -> asio::awaitable<void> {
    rpc::service service(w.serving, calc());
    patient_streams all;
    all.serve(service);
    co_await w.ready();
    std::vector<rpc::reader<int>> open;
    for (int i = 0; i < 20; ++i) open.push_back(w.remote.server_stream<int>("wait", i));
    for (int i = 0; i < 20; ++i)
      CHECK(co_await open[static_cast<std::size_t>(i)].async_read() == i);
    w.server.kill(SIGKILL);
    for (auto& each : open) {
      const auto how = co_await status_of(each.async_read());
      CHECK(how.code == code::unavailable);
      CHECK(how.reason == "disconnected");
      CHECK_FALSE(how.surely_not_run);
    }
    co_await until([&] { return all.cancelled == 20; });
    w.server.restart();
    co_await w.ready();
    // One that is opened without a connection waits for it.
    auto again = w.remote.server_stream<int>("wait", 7);
    CHECK(co_await again.async_read() == 7);
  });
}

TEST_CASE("streams: old and idle ones are ended by the service") {
  run_in_world([](world& w) -> asio::awaitable<void> {
    auto set = calc();
    set.streams.max_idle = 30ms;
    rpc::service idle(w.serving, set);
    patient_streams all;
    all.serve(idle);
    set.name = "old";
    set.streams.max_idle = 1h;
    set.streams.max_age = 30ms;
    rpc::service old(w.serving, set);
    all.serve(old);
    co_await w.ready();
    for (const std::string name : {"calc", "old"}) {
      CAPTURE(name);
      rpc::stub remote(w.calling, name);
      auto in = remote.server_stream<int>("wait", 1);
      CHECK(co_await in.async_read() == 1);
      const auto how = co_await status_of(in.async_read());
      CHECK(how.code == code::unavailable);
      CHECK(how.reason == (name == "calc" ? "idle" : "max-age"));
    }
  });
}

TEST_CASE("streams: an item that is too large is refused, and the stream goes on") {
  run_in_world([](world& w) -> asio::awaitable<void> {
    rpc::service service(w.serving, calc());
    service.client_stream<rpc::bytes, std::size_t>(
        "size", [](rpc::reader<rpc::bytes>& in) -> asio::awaitable<std::size_t> {
          std::size_t sum = 0;
          while (const auto each = co_await in.async_read()) sum += each->value.size();
          co_return sum;
        });
    co_await w.ready();
    auto call = w.remote.client_stream<rpc::bytes, std::size_t>("size");
    const rpc::bytes large{std::string(1024UL * 1024 + 1, 'x')};
    const auto how = co_await status_of(call.async_write(large));
    CHECK(how.code == code::resource_exhausted);
    const rpc::bytes fits{std::string(1024UL * 1024 - 1000, 'x')};
    for (int i = 0; i < 3; ++i) co_await call.async_write(fits);
    CHECK(co_await call.async_finish() == 3 * fits.value.size());
  });
}

TEST_CASE("streams: what a service can't read is the caller's mistake") {
  run_in_world([](world& w) -> asio::awaitable<void> {
    rpc::service service(w.serving, calc());
    patient_streams all;
    all.serve(service);
    co_await w.ready();
    auto chat = w.remote.bidi_stream<std::string, int>("listen");
    const std::string no_number = "x";
    co_await chat.async_write(no_number);
    const auto how = co_await status_of(chat.async_read());
    CHECK(how.code == code::invalid_argument);
    auto request = w.remote.server_stream<int>("wait", no_number);
    CHECK((co_await status_of(request.async_read())).code == code::invalid_argument);
  });
}

TEST_CASE("streams: closing the connection ends them, and holding them longer does no harm") {
  run_in_world([](world& w) -> asio::awaitable<void> {
    rpc::service service(w.serving, calc());
    patient_streams all;
    all.serve(service);
    co_await w.ready();
    const auto executor = co_await here();
    std::optional<rpc::reader<int>> in;
    std::optional<rpc::reader<int>> unopened;
    {
      client::connection other(executor, world::with(w.server));
      co_await other.async_connect(asio::use_awaitable);
      rpc::stub remote(other, "calc");
      in = remote.server_stream<int>("wait", 1);
      CHECK(co_await in->async_read() == 1);
      unopened = remote.server_stream<int>("wait", 1);
    }
    CHECK((co_await status_of(in->async_read())).code == code::unavailable);
    CHECK((co_await status_of(unopened->async_read())).code == code::unavailable);
  });
}

TEST_CASE("streams: once its connection is closed, a service keeps no loop running") {
  server_process server(server_program());
  asio::io_context context(1);
  client::connection nc(context.get_executor(), world::with(server));
  rpc::service service(nc, calc());
  patient_streams all;
  all.serve(service);
  rpc::stub remote(nc, "calc");
  bool read = false;
  nc.async_connect([&](auto) {
    asio::co_spawn(
        context,
        [&]() -> asio::awaitable<void> {
          auto in = remote.server_stream<int>("wait", 1);
          read = co_await in.async_read() == 1;
          nc.close();
        },
        [](const std::exception_ptr& failed) { CHECK_FALSE(failed); });
  });
  // Neither its timers nor its handlers: there are some of 20 s and more.
  context.run_for(10s);
  CHECK(context.stopped());
  CHECK(read);
  CHECK(all.cancelled == 1);
}
