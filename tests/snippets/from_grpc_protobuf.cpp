// What docs/from-grpc.md quotes of our RPC with messages of protobuf, run beside a broker.
#include "shop.pb.h"
#include "with_broker.hpp"

#include <nuncio/client/connection.hpp>
#include <nuncio/rpc/codec_protobuf.hpp>
#include <nuncio/rpc/service.hpp>
#include <nuncio/rpc/stub.hpp>

#include <doctest/doctest.h>

namespace asio = boost::asio;
namespace rpc = nuncio::rpc;
using nuncio::client::connection;

namespace {

rpc::service serve(connection& nc) {
  rpc::service prices(nc, {.name = "prices", .version = "1.0.0"});
  prices.endpoint<shop::PriceRequest, shop::Price>("get", [](const shop::PriceRequest& request) {
    shop::Price reply;
    reply.set_cents(42 * request.count());
    return reply;
  });
  return prices;
}

asio::awaitable<int> cents(rpc::stub& prices) {
  shop::PriceRequest request;
  request.set_item("lamp");
  request.set_count(3);
  const auto reply = co_await prices.call<shop::Price>("get", request);
  co_return reply.cents();
}

}  // namespace

TEST_CASE("from gRPC: messages of protobuf are requests and replies as they are") {
  nuncio::test::run_with_broker([](nuncio::client::options reach) -> asio::awaitable<void> {
    const auto executor = co_await nuncio::test::here();
    connection nc(executor, reach);
    co_await nc.async_connect(asio::use_awaitable);
    const auto service = serve(nc);
    rpc::stub prices(nc, "prices");
    CHECK(co_await cents(prices) == 126);
  });
}
