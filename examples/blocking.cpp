// What hello.cpp does, without coroutines: on functions that wait.
//
//   blocking [SERVER]     default: nats://127.0.0.1:4222
#include <nuncio/client/blocking.hpp>

#include <boost/system/system_error.hpp>

#include <chrono>
#include <iostream>
#include <string>

using namespace std::chrono_literals;

void talk(const std::string& server) {
  nuncio::blocking::connection nc({.servers = server});
  nc.connect();

  auto orders = nc.subscribe("orders.>");
  nc.publish("orders.new", "3 lamps for Ada");
  if (const auto order = orders.next(5s)) {
    std::cout << order->subject() << ": " << order->payload() << '\n';
  }

  const auto prices = nc.subscribe("price.*", [&nc](const nuncio::client::message_view& m) {
    nc.publish(m.reply, std::string(m.payload) + " costs 42");
  });
  std::cout << nc.request("price.get", "lamp", 1s).payload() << '\n';
  nc.drain();
}

int main(int count, char** words) {
  try {
    talk(count > 1 ? words[1] : "nats://127.0.0.1:4222");
  } catch (const boost::system::system_error& why) {
    std::cerr << "blocking: " << why.code().message() << '\n';
    return 1;
  }
}
