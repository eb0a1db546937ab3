// Publishes an order and takes it from a subscription: orders SERVER
#include <nuncio/client/connection.hpp>

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
  nc.publish("orders.new", "3 lamps for Ada");
  const auto order = co_await orders.async_next(asio::use_awaitable);
  std::cout << order.subject() << ": " << order.payload() << '\n';
  nc.close();
}

int main(int, char** words) {
  asio::io_context loop;
  nuncio::client::connection nc(loop.get_executor(), {.servers = words[1]});
  asio::co_spawn(loop, talk(nc), [](const std::exception_ptr& failed) {
    if (failed) std::rethrow_exception(failed);
  });
  loop.run();
}
