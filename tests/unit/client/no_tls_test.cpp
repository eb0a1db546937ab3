#include "coroutines.hpp"
#include "memory_broker.hpp"

#include <nuncio/client/connection.hpp>

#include <string>

namespace {

using namespace nuncio::test;
namespace client = nuncio::client;

}  // namespace

TEST_CASE("tls: a library without it says so, and nothing in the clear") {
  run([&]() -> asio::awaitable<void> {
    const auto executor = co_await here();
    std::string told;
    client::options set;
    set.servers = "tls://a";
    set.on_status = [&](const client::status& s) { told += s.text; };
    std::shared_ptr<memory_link> link;
    set.open_stream = memory_opener([&](const auto&, const auto& on) {
      link = std::make_shared<memory_link>(on, fault{});
      link->send("INFO {\"tls_available\":true} \r\n");
      return link;
    });
    client::connection nc(executor, set);
    CHECK(co_await error_of([&](auto token) { return nc.async_connect(token); }) ==
          client::errc::tls_required);
    CHECK(told == "this library was built without TLS");
    CHECK(link->written() == 0);
  });
}
