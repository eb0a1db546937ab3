// A service and its caller, by way of a server: prices SERVER
#include <nuncio/rpc/codec_msgpack.hpp>
#include <nuncio/rpc/service.hpp>
#include <nuncio/rpc/stub.hpp>

#include <boost/asio/awaitable.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/use_awaitable.hpp>

#include <exception>
#include <iostream>
#include <string>

namespace asio = boost::asio;
namespace rpc = nuncio::rpc;

struct price_request {
  std::string article;
  int pieces = 0;
  MSGPACK_DEFINE(article, pieces);
};

struct price_reply {
  int price = 0;
  MSGPACK_DEFINE(price);
};

asio::awaitable<void> talk(nuncio::client::connection& nc) {
  co_await nc.async_connect(asio::use_awaitable);
  rpc::service_options set;
  set.name = "prices";
  set.version = "1.0.0";
  rpc::service prices(nc, set);
  prices.endpoint<price_request, price_reply>(
      "get", [](price_request wanted) { return price_reply{14 * wanted.pieces}; });
  co_await nc.async_flush(asio::use_awaitable);

  rpc::stub shop(nc, "prices");
  const price_request request{"lamp", 3};
  const auto reply = co_await shop.call<price_reply>("get", request);
  std::cout << request.pieces << ' ' << request.article << "s cost " << reply.price << '\n';
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
