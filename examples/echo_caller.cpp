// Calls what echo_service serves: echo_caller [SERVER [TEXT]]
#include "echo.hpp"

#include <nuncio/rpc/stub.hpp>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>

#include <iostream>

namespace asio = boost::asio;
namespace rpc = nuncio::rpc;
using namespace std::chrono_literals;

asio::awaitable<void> call(nuncio::client::connection& nc, std::string text) {
  co_await nc.async_connect(asio::use_awaitable);
  rpc::stub echo(nc, "echo");
  const echo_request request{20, 22, text};
  try {
    const auto reply = co_await echo.call<echo_reply>("unary", request, {.timeout = 500ms});
    std::cout << reply.s << ' ' << reply.sum << '\n';
  } catch (const rpc::error& why) {
    std::cout << why.what() << '\n';  // UNAVAILABLE: nobody serves this endpoint [no-responders]
  }
  nc.close();
}

int main(int count, char** words) try {
  asio::io_context context(1);
  nuncio::client::connection nc(context.get_executor(),
                                {.servers = count > 1 ? words[1] : "nats://127.0.0.1:4222"});
  asio::co_spawn(context, call(nc, count > 2 ? words[2] : "hello"), [](std::exception_ptr failed) {
    if (failed) std::rethrow_exception(failed);
  });
  context.run();
} catch (const std::exception& failed) {
  std::cerr << "echo_caller: " << failed.what() << '\n';
  return 1;
}
