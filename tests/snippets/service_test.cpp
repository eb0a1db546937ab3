// How a program tests a service of its own, for docs/rpc.md.
#include "../../examples/echo.hpp"

#include <nuncio/client/in_process.hpp>
#include <nuncio/rpc/service.hpp>
#include <nuncio/rpc/stub.hpp>
#include <nuncio/server/server.hpp>

#include <boost/asio/io_context.hpp>
#include <doctest/doctest.h>

namespace asio = boost::asio;
namespace rpc = nuncio::rpc;

namespace {

void serve_echo(rpc::service& echo) {
  echo.endpoint<echo_request, echo_reply>("unary", [](echo_request r) {
    if (r.s.empty()) throw rpc::error(rpc::code::invalid_argument, "say something");
    return echo_reply{r.a + r.b, r.s};
  });
}

}  // namespace

TEST_CASE("echo: numbers are added, and silence is refused") {
  asio::io_context loop(1);
  nuncio::server::silent_log log;
  nuncio::server::server broker({.listen = false}, log, loop);
  broker.start();
  nuncio::client::options reach;
  reach.open_stream = nuncio::client::in_process([&broker] { return broker.connect(); });
  nuncio::client::connection nc(loop.get_executor(), reach);
  nc.async_connect([](auto error) { REQUIRE_FALSE(error); });

  rpc::service service(nc, {.name = "echo", .version = "1.0.0"});
  serve_echo(service);  // what the program itself calls
  rpc::stub echo(nc, "echo");
  const echo_request sum{20, 22, "hello"};
  echo.async_call<echo_reply>("unary", sum, {}, [](const rpc::result<echo_reply>& reply) {
    REQUIRE(reply.has_value());
    CHECK(reply->sum == 42);
  });
  const echo_request silence{20, 22, ""};
  echo.async_call<echo_reply>("unary", silence, {}, [&](const rpc::result<echo_reply>& reply) {
    CHECK(reply.error().code == rpc::code::invalid_argument);
    nc.close();
    broker.stop();
  });
  loop.run();  // until there is nothing left to do
}
