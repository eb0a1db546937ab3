// Sends itself a greeting by way of a server: greeting SERVER
#include <nuncio/client/connection.hpp>

#include <boost/asio/io_context.hpp>

#include <iostream>

int main(int, char** words) {
  boost::asio::io_context loop;
  nuncio::client::connection nc(loop.get_executor(), {.servers = words[1]});
  auto greetings = nc.subscribe("greetings", [&nc](const nuncio::client::message_view& m) {
    std::cout << m.payload << '\n';
    nc.close();
  });
  nc.publish("greetings", "hello");
  nc.async_connect([](auto error) {
    if (error) std::cerr << "greeting: " << error.message() << '\n';
  });
  loop.run();
}
