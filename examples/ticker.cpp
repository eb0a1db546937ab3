// Serves a stream of ticks and watches it: ticker [SERVER]
#include <nuncio/rpc/service.hpp>
#include <nuncio/rpc/stub.hpp>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/steady_timer.hpp>

#include <iostream>

namespace asio = boost::asio;
namespace rpc = nuncio::rpc;
using namespace std::chrono_literals;

struct tick_request {
  int every_ms = 1000;
  int count = 0;
  MSGPACK_DEFINE_MAP(every_ms, count);
};

struct tick {
  int number = 0;
  std::string text;
  MSGPACK_DEFINE_MAP(number, text);
};

asio::awaitable<void> tell_ticks(tick_request wanted, rpc::writer<tick>& out) {
  asio::steady_timer timer(co_await asio::this_coro::executor);
  for (int i = 1; i <= wanted.count; ++i) {
    timer.expires_after(std::chrono::milliseconds(wanted.every_ms));
    co_await timer.async_wait(asio::use_awaitable);
    const tick next{i, i % 2 == 1 ? "tick" : "tock"};
    co_await out.async_write(next);
  }
}

asio::awaitable<void> watch(nuncio::client::connection& nc) {
  rpc::stub clock(nc, "clock");
  auto ticks = clock.server_stream<tick>("ticks", tick_request{.every_ms = 10, .count = 4});
  while (const auto each = co_await ticks.async_read()) {
    std::cout << each->number << ' ' << each->text << '\n';
  }
  std::cout << "that was all\n";
}

int main(int count, char** words) try {
  asio::io_context context(1);
  nuncio::client::connection nc(context.get_executor(),
                                {.servers = count > 1 ? words[1] : "nats://127.0.0.1:4222"});
  rpc::service clock(nc, {.name = "clock", .version = "1.0.0"});
  clock.server_stream<tick_request, tick>("ticks", tell_ticks);
  nc.async_connect([&](auto error) {
    if (error) throw boost::system::system_error(error);
    asio::co_spawn(context, watch(nc), [&](const std::exception_ptr& failed) {
      nc.close();
      if (failed) std::rethrow_exception(failed);
    });
  });
  context.run();
} catch (const std::exception& failed) {
  std::cerr << "ticker: " << failed.what() << '\n';
  return 1;
}
