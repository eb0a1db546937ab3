// Publishes a message, takes it from a subscription, and asks a question that is answered here,
// too.
//
//   hello [SERVER]        default: nats://127.0.0.1:4222
#include <nuncio/client/connection.hpp>

#include <boost/asio/awaitable.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/system/system_error.hpp>

#include <exception>
#include <iostream>
#include <string>

namespace asio = boost::asio;

asio::awaitable<void> talk(std::string server) {
  const auto executor = co_await asio::this_coro::executor;
  nuncio::client::connection nc(executor, {.servers = server});
  co_await nc.async_connect(asio::use_awaitable);

  auto orders = nc.subscribe("orders.>");
  nc.publish("orders.new", "3 lamps for Ada");
  const auto order = co_await orders.async_next(asio::use_awaitable);
  std::cout << order.subject() << ": " << order.payload() << '\n';

  auto prices = nc.subscribe("price.*", [&nc](const nuncio::client::message_view& m) {
    nc.publish(m.reply, std::string(m.payload) + " costs 42");
  });
  const auto price =
      co_await nc.async_request("price.get", "lamp", std::chrono::seconds(1), asio::use_awaitable);
  std::cout << price.payload() << '\n';
}

int main(int count, char** words) {
  asio::io_context loop;
  int status = 0;
  const std::string server = count > 1 ? words[1] : "nats://127.0.0.1:4222";
  asio::co_spawn(loop, talk(server), [&status](const std::exception_ptr& failed) {
    if (!failed) return;
    try {
      std::rethrow_exception(failed);
    } catch (const boost::system::system_error& why) {
      std::cerr << "hello: " << why.code().message() << '\n';
      status = 1;
    }
  });
  loop.run();
  return status;
}
