// Opens many streams, or makes many calls, that nobody ends, and says what each costs in memory and
// messages.
//
//   rpc_open serve URL                            prints `ready 0`
//   rpc_open streams|calls URL COUNT SECONDS      prints JSON
#include "process_memory.hpp"

#include <nuncio/rpc/service.hpp>
#include <nuncio/rpc/stub.hpp>

#include <boost/asio/io_context.hpp>
#include <boost/asio/steady_timer.hpp>

#include <cstdlib>
#include <iostream>
#include <vector>

namespace asio = boost::asio;
namespace client = nuncio::client;
namespace rpc = nuncio::rpc;

namespace {

asio::awaitable<void> hold(rpc::reader<int>& in, rpc::writer<int>&) {
  while (const auto item = co_await in.async_read()) {
  }
}

int serve(const std::string& url) {
  asio::io_context context(1);
  client::connection nc(context.get_executor(), {.servers = url});
  rpc::service_options set;
  set.name = "hold";
  set.version = "1.0.0";
  set.max_concurrent = set.max_per_caller = 1'000'000;
  set.accept_after = std::chrono::hours(1);
  rpc::service held(nc, set);
  held.bidi_stream<int, int>("streams", hold);
  held.endpoint<int, int>("calls", [&](int) -> asio::awaitable<int> {
    asio::steady_timer forever(context, std::chrono::hours(1));
    co_await forever.async_wait(asio::use_awaitable);
    co_return 0;
  });
  nc.async_connect([](auto) {});
  nc.async_flush([](auto error) {
    if (!error) std::cout << "ready 0" << std::endl;
  });
  context.run();
  return 0;
}

}  // namespace

int main(int argc, char** argv) {
  if (argc == 3 && std::string(argv[1]) == "serve") return serve(argv[2]);
  if (argc != 5) {
    std::cerr << "rpc_open serve URL | streams|calls URL COUNT SECONDS\n";
    return 2;
  }
  const bool streams = std::string(argv[1]) == "streams";
  const auto count = static_cast<std::size_t>(std::atol(argv[3]));
  const auto seconds = std::chrono::duration<double>(std::atof(argv[4]));
  asio::io_context context(1);
  client::connection nc(context.get_executor(), {.servers = argv[2]});
  rpc::stub hold(nc, "hold");
  std::vector<rpc::bidi_call<int, int>> open;
  open.reserve(count);
  std::size_t failed = 0;
  std::size_t before = 0;
  std::size_t after = 0;
  client::connection::counters began;
  client::connection::counters ended;
  asio::steady_timer timer(context);
  const auto wait = std::chrono::duration_cast<std::chrono::steady_clock::duration>(seconds);
  nc.async_connect([&](auto error) {
    if (error) std::_Exit(1);
    // One first, so that what all share isn't counted.
    if (streams) {
      open.push_back(hold.bidi_stream<int, int>("streams"));
    } else {
      hold.async_call<int>("calls", 0, {.timeout = std::chrono::hours(1)}, [](const auto&) {});
    }
    timer.expires_after(std::chrono::milliseconds(300));
    timer.async_wait([&](auto) {
      before = nuncio::bench::resident_bytes();
      for (std::size_t i = 0; i < count; ++i) {
        if (streams) {
          auto call = hold.bidi_stream<int, int>("streams");
          // A read waits on each, as a program's would.
          call.async_read([&](const auto& item) { failed += item.has_error() ? 1 : 0; });
          open.push_back(std::move(call));
        } else {
          hold.async_call<int>("calls", static_cast<int>(i), {.timeout = std::chrono::hours(1)},
                               [&](const auto& reply) { failed += reply.has_error() ? 1 : 0; });
        }
      }
      timer.expires_after(std::chrono::seconds(2));
      timer.async_wait([&](auto) {
        after = nuncio::bench::resident_bytes();
        began = nc.statistics();
        timer.expires_after(wait);
        timer.async_wait([&](auto) {
          ended = nc.statistics();
          context.stop();
        });
      });
    });
  });
  context.run();
  if (failed > 0) {
    std::cerr << failed << " failed\n";
    return 1;
  }
  const auto each = [&](auto value) {
    return static_cast<double>(value) / static_cast<double>(count);
  };
  std::cout << "{\"client_bytes_each\": " << each(after - before)
            << ", \"messages_in_each\": " << each(ended.in_messages - began.in_messages) << "}"
            << std::endl;
  std::_Exit(0);
}
