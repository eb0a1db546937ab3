// Serves unary calls, a stream and one-way calls; half of the pair that measures, with echo_client.
//
//   echo_service [--server URL] [--max-concurrent N] [--max-per-caller N]
#include "echo.hpp"

#include <nuncio/rpc/service.hpp>

#include <CLI/CLI.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/signal_set.hpp>
#include <boost/endian/conversion.hpp>

#include <iostream>

namespace asio = boost::asio;
namespace rpc = nuncio::rpc;

asio::awaitable<void> count(count_request wanted, rpc::writer<rpc::bytes>& out) {
  rpc::bytes item{std::string(wanted.bytes, '.')};
  for (std::uint64_t i = 0; i < wanted.items; ++i) {
    const auto number = boost::endian::native_to_little(i);
    if (item.value.size() >= sizeof number) std::memcpy(item.value.data(), &number, sizeof number);
    co_await out.async_write(item);
  }
}

int main(int argc, char** argv) {
  std::string server = "nats://127.0.0.1:4222";
  rpc::service_options set;
  set.name = "echo";
  set.version = "1.0.0";
  CLI::App flags("Serves echo.unary, echo.count and echo.drop.");
  flags.add_option("--server", server, "URLs of servers, comma-separated")->capture_default_str();
  flags.add_option("--max-concurrent", set.max_concurrent, "calls of an endpoint at a time");
  flags.add_option("--max-per-caller", set.max_per_caller, "calls of one connection at a time");
  CLI11_PARSE(flags, argc, argv);

  asio::io_context context(1);
  nuncio::client::connection nc(context.get_executor(), {.servers = server});
  rpc::service echo(nc, set);
  echo.endpoint<echo_request, echo_reply>(
      "unary", [](echo_request r, rpc::context&) -> asio::awaitable<echo_reply> {
        if (r.s.empty()) throw rpc::error(rpc::code::invalid_argument, "say something");
        co_return echo_reply{r.a + r.b, std::move(r.s)};
      });
  echo.server_stream<count_request, rpc::bytes>("count", count);
  echo.endpoint<echo_request, void>("drop", [](echo_request) {});
  // Every answer goes out before the connection closes.
  asio::signal_set stop(context, SIGINT, SIGTERM);
  stop.async_wait([&](auto, int) { echo.async_drain([&](auto) { nc.close(); }); });
  nc.async_connect([&](auto error) {
    if (!error) return;
    std::cerr << "echo_service: " << error.message() << '\n';
    stop.cancel();
  });
  nc.async_flush([](auto error) {
    if (!error) std::cout << "ready" << std::endl;
  });
  context.run();
}
