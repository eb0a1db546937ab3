// A service with one endpoint: echo_service [SERVER]
#include <nuncio/rpc/service.hpp>

#include <boost/asio/io_context.hpp>
#include <boost/asio/signal_set.hpp>

#include <iostream>

namespace asio = boost::asio;
namespace rpc = nuncio::rpc;

int main(int count, char** words) {
  asio::io_context context(1);
  nuncio::client::connection nc(context.get_executor(),
                                {.servers = count > 1 ? words[1] : "nats://127.0.0.1:4222"});
  rpc::service echo(nc, {.name = "echo", .version = "1.0.0"});
  echo.endpoint<std::string, std::string>(
      "unary", [](std::string text, rpc::context&) -> asio::awaitable<std::string> {
        if (text.empty()) throw rpc::error(rpc::code::invalid_argument, "say something");
        co_return text;
      });
  // Every answer goes out before the connection closes.
  asio::signal_set stop(context, SIGINT, SIGTERM);
  stop.async_wait([&](auto, int) { echo.async_drain([&](auto) { nc.close(); }); });
  nc.async_connect([](auto error) {
    if (error) std::cerr << "echo_service: " << error.message() << '\n';
  });
  nc.async_flush([](auto error) {
    if (!error) std::cout << "ready" << std::endl;
  });
  context.run();
}
