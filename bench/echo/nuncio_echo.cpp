#include <nuncio/rpc/service.hpp>
#include <nuncio/rpc/stub.hpp>

#include <boost/asio/io_context.hpp>

#include <iostream>

struct echo {
  int number;
  std::string text;
  MSGPACK_DEFINE(number, text);
};

int main(int, char** words) {
  boost::asio::io_context loop;
  nuncio::client::connection nc(loop.get_executor(), {.servers = words[1]});
  nuncio::rpc::service service(nc, {.name = "echo", .version = "1.0.0"});
  service.endpoint<echo, echo>("say", [](echo what) { return what; });
  nuncio::rpc::stub stub(nc, "echo");
  nc.async_connect([&](auto error) {
    if (error) throw boost::system::system_error(error);
    stub.async_call<echo>("say", echo{42, "hello"}, {}, [&](nuncio::rpc::result<echo> reply) {
      std::cout << reply.value().text << ' ' << reply.value().number << '\n';
      nc.close();
    });
  });
  loop.run();
}
