// A broker, a service and a client of it in one program, without a network: how a program of one's
// own can be tested.
#include <nuncio/client/connection.hpp>
#include <nuncio/client/in_process.hpp>
#include <nuncio/server/server.hpp>

#include <boost/asio/awaitable.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>

#include <exception>
#include <iostream>
#include <string>

namespace asio = boost::asio;

asio::awaitable<void> talk(nuncio::client::options reach) {
  const auto executor = co_await asio::this_coro::executor;
  nuncio::client::connection service(executor, reach);
  nuncio::client::connection caller(executor, reach);
  co_await service.async_connect(asio::use_awaitable);
  co_await caller.async_connect(asio::use_awaitable);

  auto prices = service.subscribe("price.*", [&](const nuncio::client::message_view& m) {
    service.publish(m.reply, std::string(m.payload) + " costs 42");
  });
  co_await service.async_flush(asio::use_awaitable);
  const auto price = co_await caller.async_request("price.get", "lamp", std::chrono::seconds(1),
                                                   asio::use_awaitable);
  std::cout << price.payload() << '\n';
}

int main() {
  asio::io_context loop;
  nuncio::server::silent_log log;
  nuncio::server::server broker({.listen = false}, log, loop);
  broker.start();

  nuncio::client::options reach;
  reach.open_stream = nuncio::client::in_process([&broker] { return broker.connect(); });

  asio::co_spawn(loop, talk(reach), [&broker](const std::exception_ptr& failed) {
    broker.stop();
    if (failed) std::rethrow_exception(failed);
  });
  loop.run();
}
