// Messages of protobuf as requests, replies and items.
#include "order.pb.h"
#include "rpc_world.hpp"

#include <nuncio/rpc/codec_protobuf.hpp>

#include <string>

namespace {

using namespace nuncio::test;
namespace rpc = nuncio::rpc;
using nuncio::test::Order;
using rpc::code;
using rpc::content_type;

Order lamps(int count) {
  Order out;
  out.set_item("lamp");
  out.set_count(count);
  return out;
}

std::string written(const Order& value, content_type type) {
  std::string out;
  rpc::codec<Order>::encode(value, type, out);
  return out;
}

}  // namespace

TEST_CASE("protobuf: messages travel as such, and as JSON where that is asked for") {
  run_in_world([](world& w) -> asio::awaitable<void> {
    rpc::service service(w.serving, calc());
    service.endpoint<Order, Order>("double", [](Order order) {
      order.set_count(order.count() * 2);
      return order;
    });
    service.server_stream<Order, Order>(
        "each", [](Order order, rpc::writer<Order>& out) -> asio::awaitable<void> {
          for (int i = 0; i < order.count(); ++i) co_await out.async_write(lamps(i));
        });
    co_await w.ready();
    const auto three = lamps(3);
    for (const auto type : {content_type::msgpack, content_type::protobuf, content_type::json}) {
      const auto reply = co_await w.remote.call<Order>("double", three, {.encoding = type});
      CHECK(reply.item() == "lamp");
      CHECK(reply.count() == 6);
    }
    auto in = w.remote.server_stream<Order>("each", three);
    int items = 0;
    while (const auto each = co_await in.async_read()) CHECK(each->count() == items++);
    CHECK(items == 3);
    // As another language would ask.
    const std::string block = "NATS/1.0\r\nContent-Type: application/json\r\n\r\n";
    const auto m = co_await w.calling.async_request(
        {.subject = "calc.double", .header_block = block, .payload = R"({"item":"x","count":4})"},
        5s, asio::use_awaitable);
    CHECK(m.payload() == R"({"item":"x","count":8})");
  });
}

TEST_CASE("protobuf: what can't be read names the type and what is wrong") {
  const auto text_of = [](std::string_view payload, content_type type) {
    const auto read = rpc::codec<Order>::decode(payload, type);
    REQUIRE(read.has_error());
    CHECK(read.error().code == code::invalid_argument);
    CHECK(read.error().surely_not_run);
    return read.error().text;
  };
  CHECK(text_of("\x0a\x7f", content_type::protobuf).find("nuncio.test.Order can't be read") == 0);
  CHECK(text_of("", content_type::protobuf) == "nuncio.test.Order lacks its required item");
  CHECK(text_of(R"({"item":1,"nothing":2})", content_type::json).find("nothing") !=
        std::string::npos);
  // Deeper than is borne.
  auto deep = lamps(1);
  for (int i = 0; i < 100; ++i) {
    Order outer = lamps(1);
    *outer.add_parts() = deep;
    deep = outer;
  }
  CHECK(text_of(written(deep, content_type::protobuf), content_type::protobuf).find("byte") !=
        std::string::npos);
  std::string out;
  CHECK_THROWS_AS(rpc::codec<Order>::encode(Order(), content_type::protobuf, out), rpc::error);
}
