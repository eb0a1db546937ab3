// A broker and its client in one program, on one loop and without a socket.
#include <nuncio/client/connection.hpp>
#include <nuncio/client/in_process.hpp>
#include <nuncio/server/server.hpp>

#include <boost/asio/awaitable.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/use_awaitable.hpp>

#include <exception>
#include <iostream>

namespace asio = boost::asio;

asio::awaitable<void> talk(nuncio::client::connection& nc) {
  co_await nc.async_connect(asio::use_awaitable);
  auto orders = nc.subscribe("orders.>");
  nc.publish("orders.new", "a chair for Bob");
  const auto order = co_await orders.async_next(asio::use_awaitable);
  std::cout << order.subject() << ": " << order.payload() << '\n';
  nc.close();
}

int main() {
  asio::io_context loop;
  nuncio::server::silent_log log;
  nuncio::server::server broker({.listen = false}, log, loop);
  broker.start();

  nuncio::client::options reach;
  reach.open_stream = nuncio::client::in_process([&broker] { return broker.connect(); });
  nuncio::client::connection nc(loop.get_executor(), reach);
  asio::co_spawn(loop, talk(nc), [&broker](const std::exception_ptr& failed) {
    broker.stop();
    if (failed) std::rethrow_exception(failed);
  });
  loop.run();
}
