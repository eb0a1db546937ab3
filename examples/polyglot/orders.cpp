// Takes orders, in C++: caller.py calls it from Python, and it calls the prices of
// prices/main.go, which is in Go.
//
//   polyglot_orders [SERVER]
#include <nuncio/rpc/service.hpp>
#include <nuncio/rpc/stub.hpp>

#include <boost/asio/io_context.hpp>
#include <boost/asio/signal_set.hpp>

#include <iostream>
#include <string>

namespace asio = boost::asio;
namespace rpc = nuncio::rpc;

// By their names in JSON.
struct price_request {
  std::string item;
  MSGPACK_DEFINE_MAP(item);
};

struct price {
  int cents = 0;
  MSGPACK_DEFINE_MAP(cents);
};

struct order_request {
  std::string item;
  int count = 0;
  MSGPACK_DEFINE_MAP(item, count);
};

asio::awaitable<price> place(rpc::stub& prices, order_request order, rpc::context& about) {
  if (order.count < 1) throw rpc::error(rpc::code::invalid_argument, "how many?");
  const price_request wanted{order.item};
  try {
    const auto each = co_await prices.call<price>(
        "get", wanted, {.encoding = rpc::content_type::json, .parent = &about});
    co_return price{each.cents * order.count};
  } catch (const rpc::error& why) {
    // What the service in Go answers by its number, and all else as it came.
    if (why.code() != rpc::code::not_found) throw;
    throw rpc::error(rpc::code::failed_precondition, "not for sale: " + why.status().text);
  }
}

int main(int count, char** words) try {
  asio::io_context context(1);
  nuncio::client::connection nc(context.get_executor(),
                                {.servers = count > 1 ? words[1] : "nats://127.0.0.1:4222"});
  rpc::stub prices(nc, "prices");
  rpc::service orders(nc, {.name = "orders", .version = "1.0.0"});
  orders.endpoint<order_request, price>("place", [&](order_request order, rpc::context& about) {
    return place(prices, std::move(order), about);
  });
  asio::signal_set stop(context, SIGINT, SIGTERM);
  stop.async_wait([&](auto, int) { orders.async_drain([&](auto) { nc.close(); }); });
  nc.async_connect([](auto error) {
    if (error) throw boost::system::system_error(error);
  });
  nc.async_flush([](auto error) {
    if (!error) std::cout << "ready" << std::endl;
  });
  context.run();
} catch (const std::exception& failed) {
  std::cerr << "polyglot_orders: " << failed.what() << '\n';
  return 1;
}
