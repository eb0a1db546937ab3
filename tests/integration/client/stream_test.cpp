// Streams between real ends, by way of a real server.
#include "rpc_world.hpp"

#include <boost/asio/bind_cancellation_slot.hpp>
#include <boost/asio/cancellation_signal.hpp>
#include <boost/asio/use_future.hpp>

#include <numeric>
#include <optional>
#include <string>
#include <vector>

struct count_request {
  int from = 0;
  int items = 0;
  MSGPACK_DEFINE_MAP(from, items);
};

struct named_item {
  int number = 0;
  std::string name;
  MSGPACK_DEFINE_MAP(number, name);
};

namespace {

using namespace nuncio::test;
namespace client = nuncio::client;
namespace rpc = nuncio::rpc;
using rpc::code;

asio::awaitable<void> count(count_request r, rpc::writer<int>& out) {
  for (int i = 0; i < r.items; ++i) co_await out.async_write(r.from + i);
}

asio::awaitable<long> add_up(rpc::reader<int>& in) {
  long sum = 0;
  while (const auto each = co_await in.async_read()) sum += *each;
  co_return sum;
}

asio::awaitable<void> echo(rpc::reader<std::string>& in, rpc::writer<std::string>& out) {
  while (auto each = co_await in.async_read()) co_await out.async_write(*each);
}

void serve_all(rpc::service& by) {
  by.server_stream<count_request, int>("count", count);
  by.client_stream<int, long>("sum", add_up);
  by.bidi_stream<std::string, std::string>("echo", echo);
}

template <class T>
asio::awaitable<std::vector<T>> all_of(rpc::reader<T> in) {
  std::vector<T> out;
  while (auto each = co_await in.async_read()) out.push_back(*std::move(each));
  co_return out;
}

std::vector<int> from_to(int first, int last) {
  std::vector<int> out(static_cast<std::size_t>(last - first + 1));
  std::iota(out.begin(), out.end(), first);
  return out;
}

}  // namespace

TEST_CASE("streams: a service sends items, in order, many windows of them") {
  run_in_world([](world& w) -> asio::awaitable<void> {
    rpc::service service(w.serving, calc());
    serve_all(service);
    co_await w.ready();
    for (const int items : {0, 1, 255, 256, 257, 5000}) {
      CAPTURE(items);
      const count_request request{1, items};
      const auto got = co_await all_of(w.remote.server_stream<int>("count", request));
      CHECK(got == from_to(1, items));
    }
    CHECK(service.stats().endpoints[0].requests == 6);
    CHECK(service.stats().endpoints[0].errors == 0);
  });
}

TEST_CASE("streams: a caller sends items and gets one answer") {
  run_in_world([](world& w) -> asio::awaitable<void> {
    rpc::service service(w.serving, calc());
    serve_all(service);
    co_await w.ready();
    for (const int items : {0, 1, 3000}) {
      CAPTURE(items);
      auto sum = w.remote.client_stream<int, long>("sum");
      for (int i = 1; i <= items; ++i) co_await sum.async_write(i);
      CHECK(co_await sum.async_finish() == long{items} * (items + 1) / 2);
    }
  });
}

TEST_CASE("streams: both ends send at their own pace") {
  run_in_world([](world& w) -> asio::awaitable<void> {
    rpc::service service(w.serving, calc());
    serve_all(service);
    co_await w.ready();
    auto chat = w.remote.bidi_stream<std::string, std::string>("echo");
    const std::string empty;
    const std::string large(20'000, 'x');
    for (int i = 0; i < 100; ++i) {
      const auto& said = i % 3 == 0 ? empty : i % 3 == 1 ? large : std::to_string(i);
      co_await chat.async_write(said);
      CHECK(co_await chat.async_read() == said);
    }
    chat.close();
    CHECK_FALSE(co_await chat.async_read());
  });
}

TEST_CASE("streams: items and requests may be anything that has a codec, in any encoding") {
  run_in_world([](world& w) -> asio::awaitable<void> {
    rpc::service service(w.serving, calc());
    service.server_stream<named_item, named_item>(
        "names", [](named_item first, rpc::writer<named_item>& out) -> asio::awaitable<void> {
          co_await out.async_write(first);
          ++first.number;
          co_await out.async_write(first);
        });
    service.bidi_stream<rpc::bytes, rpc::bytes>(
        "raw",
        [](rpc::reader<rpc::bytes>& in, rpc::writer<rpc::bytes>& out) -> asio::awaitable<void> {
          while (const auto each = co_await in.async_read()) co_await out.async_write(*each);
        });
    service.server_stream<void, int>("two", [](rpc::writer<int>& out) -> asio::awaitable<void> {
      co_await out.async_write(1);
      co_await out.async_write(2);
    });
    service.client_stream<int, void>("drop", [](rpc::reader<int>& in) -> asio::awaitable<void> {
      while (const auto item = co_await in.async_read()) {
      }
    });
    co_await w.ready();
    const named_item ada{1, "Ada"};
    for (const auto type : {rpc::content_type::msgpack, rpc::content_type::json}) {
      const auto got =
          co_await all_of(w.remote.server_stream<named_item>("names", ada, {.encoding = type}));
      REQUIRE(got.size() == 2);
      CHECK(got[0].name == "Ada");
      CHECK(got[1].number == 2);
    }
    auto raw = w.remote.bidi_stream<rpc::bytes, rpc::bytes>("raw");
    const rpc::bytes none;
    const rpc::bytes some{std::string("\0\xff", 2)};
    co_await raw.async_write(none);
    co_await raw.async_write(some);
    raw.close();
    CHECK(co_await raw.async_read() == none);
    CHECK(co_await raw.async_read() == some);
    CHECK_FALSE(co_await raw.async_read());
    const auto two = co_await all_of(w.remote.server_stream<int>("two", rpc::nothing{}));
    CHECK(two == std::vector{1, 2});
    auto drop = w.remote.client_stream<int, void>("drop");
    co_await drop.async_write(1);
    co_await drop.async_finish();
  });
}

TEST_CASE("streams: metadata goes along with the beginning, trailers with the end") {
  run_in_world([](world& w) -> asio::awaitable<void> {
    rpc::service service(w.serving, calc());
    service.server_stream<int, int>(
        "told", [](int n, rpc::writer<int>& out, rpc::context& about) -> asio::awaitable<void> {
          co_await out.async_write(n);
          about.reply_headers().add("Heard", about.headers().find("Said").value_or("nothing"));
          if (n < 0) throw rpc::error(code::out_of_range, "too small");
        });
    co_await w.ready();
    rpc::metadata said;
    said.add("Said", "hello");
    for (const int n : {1, -1}) {
      auto in = w.remote.server_stream<int>("told", n, {.headers = &said});
      CHECK(co_await in.async_read() == n);
      const auto how = co_await status_of(in.async_read());
      CHECK(how.code == (n > 0 ? code::ok : code::out_of_range));
      CHECK(in.trailers().find("Heard") == "hello");
    }
  });
}

TEST_CASE("streams: reading and writing take any completion token") {
  run_in_world([](world& w) -> asio::awaitable<void> {
    rpc::service service(w.serving, calc());
    serve_all(service);
    co_await w.ready();
    auto chat = w.remote.bidi_stream<std::string, std::string>("echo");
    std::vector<std::string> got;
    int written = 0;
    int ended = 0;
    std::function<void(rpc::result<std::optional<std::string>>)> next =
        [&](const rpc::result<std::optional<std::string>>& item) {
          if (!item || !*item) {
            ended += item ? 1 : 100;
            return;
          }
          got.push_back(**item);
          chat.async_read(next);
        };
    chat.async_read(next);
    // One operation of a kind at a time.
    std::optional<code> second;
    chat.async_read([&](const rpc::result<std::optional<std::string>>& item) {
      second = item.has_error() ? item.error().code : code::ok;
    });
    for (const std::string each : {"a", "b", "c"}) {
      chat.async_write(each, [&](const rpc::result<void>& how) { written += how ? 1 : 100; });
      co_await until([&, goal = written + 1] { return written == goal; });
    }
    chat.close();
    co_await until([&] { return ended > 0; });
    CHECK(second == code::failed_precondition);
    CHECK(got == std::vector<std::string>{"a", "b", "c"});
    CHECK(written == 3);
    CHECK(ended == 1);

    std::vector<int> seen;
    const count_request request{5, 4};
    auto in = w.remote.server_stream<int>("count", request);
    co_await in.for_each([&](int n) { seen.push_back(n); });
    auto again = w.remote.server_stream<int>("count", request);
    co_await again.for_each([&](int n) -> asio::awaitable<void> {
      co_await asio::post(asio::use_awaitable);
      seen.push_back(n);
    });
    CHECK(seen == std::vector<int>{5, 6, 7, 8, 5, 6, 7, 8});
  });
}

TEST_CASE("streams: a read that is cancelled leaves the stream as it was") {
  run_in_world([](world& w) -> asio::awaitable<void> {
    rpc::service service(w.serving, calc());
    serve_all(service);
    co_await w.ready();
    auto chat = w.remote.bidi_stream<std::string, std::string>("echo");
    asio::cancellation_signal signal;
    std::optional<code> how;
    chat.async_read(asio::bind_cancellation_slot(
        signal.slot(), [&](const rpc::result<std::optional<std::string>>& item) {
          how = item.has_error() ? item.error().code : code::ok;
        }));
    co_await pause(5ms);
    CHECK_FALSE(how);
    signal.emit(asio::cancellation_type::all);
    co_await until([&] { return how.has_value(); });
    CHECK(how == code::cancelled);
    const std::string hello = "hello";
    co_await chat.async_write(hello);
    CHECK(co_await chat.async_read() == hello);
  });
}

TEST_CASE("streams: who reads slowly gets no more than the window, and holds nobody else up") {
  run_in_world([](world& w) -> asio::awaitable<void> {
    rpc::service service(w.serving, calc());
    int sent = 0;
    service.server_stream<int, rpc::bytes>(
        "much", [&](int items, rpc::writer<rpc::bytes>& out) -> asio::awaitable<void> {
          const rpc::bytes item{std::string(1000, 'x')};
          for (int i = 0; i < items; ++i) {
            co_await out.async_write(item);
            ++sent;
          }
        });
    service.endpoint<int, int>("same", [](int n) { return n; });
    co_await w.ready();
    rpc::stub_options set;
    set.streams.window = {.items = 1000, .bytes = 10'000};
    rpc::stub remote(w.calling, "calc", set);
    auto in = remote.server_stream<rpc::bytes>("much", 200);
    co_await until([&] { return sent >= 10; });
    for (int i = 0; i < 20; ++i) CHECK(co_await w.remote.call<int>("same", i) == i);
    CHECK(sent == 10);
    CHECK(co_await in.async_read());
    for (int i = 0; i < 20; ++i) CHECK(co_await w.remote.call<int>("same", i) == i);
    CHECK(sent == 10);
    const auto rest = co_await all_of(in);
    CHECK(rest.size() == 199);
  });
}

TEST_CASE("streams: hundreds share a connection and its window") {
  run_in_world([](world& w) -> asio::awaitable<void> {
    rpc::service_options set = calc();
    set.max_per_caller = set.max_concurrent = 2000;
    rpc::service service(w.serving, set);
    serve_all(service);
    co_await w.ready();
    std::vector<rpc::bidi_call<std::string, std::string>> all;
    for (int i = 0; i < 600; ++i) {
      all.push_back(w.remote.bidi_stream<std::string, std::string>("echo"));
    }
    for (int round = 0; round < 2; ++round) {
      for (std::size_t i = 0; i < all.size(); ++i) co_await all[i].async_write(std::to_string(i));
      for (std::size_t i = 0; i < all.size(); ++i) {
        CHECK(co_await all[i].async_read() == std::to_string(i));
      }
    }
    for (auto& each : all) each.close();
    for (auto& each : all) CHECK_FALSE(co_await each.async_read());
    CHECK(service.stats().endpoints[2].errors == 0);
  });
}

TEST_CASE("streams: a handler can stream what it gets from another service") {
  run_in_world([](world& w) -> asio::awaitable<void> {
    rpc::service service(w.serving, calc());
    serve_all(service);
    rpc::stub inner(w.serving, "calc");
    service.server_stream<count_request, int>(
        "relay",
        [&](count_request r, rpc::writer<int>& out, rpc::context& about) -> asio::awaitable<void> {
          auto in = inner.server_stream<int>("count", r, {.parent = &about});
          while (const auto each = co_await in.async_read()) co_await out.async_write(*each * 2);
        });
    co_await w.ready();
    const count_request request{1, 1000};
    auto got = co_await all_of(w.remote.server_stream<int>("relay", request, {.timeout = 20s}));
    REQUIRE(got.size() == 1000);
    CHECK(got[999] == 2000);
  });
}

TEST_CASE("streams: a draining instance tells its callers, and is drained when they have ended") {
  run_in_world([](world& w) -> asio::awaitable<void> {
    rpc::service service(w.serving, calc());
    serve_all(service);
    co_await w.ready();
    auto chat = w.remote.bidi_stream<std::string, std::string>("echo");
    const std::string hello = "hello";
    co_await chat.async_write(hello);
    CHECK(co_await chat.async_read() == hello);
    CHECK_FALSE(chat.is_draining());
    bool drained = false;
    service.async_drain([&](auto) { drained = true; });
    co_await until([&] { return chat.is_draining(); });
    CHECK_FALSE(drained);
    co_await chat.async_write(hello);
    CHECK(co_await chat.async_read() == hello);
    chat.close();
    CHECK_FALSE(co_await chat.async_read());
    co_await until([&] { return drained; });
  });
}
