// A room in which everybody hears everybody: one of `chat serve`, and many of `chat NAME`, which
// say what they read from standard input.
//
//   chat serve|NAME [SERVER]
#include <nuncio/rpc/service.hpp>
#include <nuncio/rpc/stub.hpp>

#include <boost/asio/buffer.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/posix/stream_descriptor.hpp>
#include <boost/asio/read_until.hpp>
#include <boost/asio/signal_set.hpp>

#include <unistd.h>

#include <iostream>
#include <list>

namespace asio = boost::asio;
namespace rpc = nuncio::rpc;

using line_reader = rpc::reader<std::string>;
using line_writer = rpc::writer<std::string>;

/// Who is in the room.
class room {
 public:
  asio::awaitable<void> host(line_reader& in, line_writer& out, rpc::context& about) {
    const auto name = about.headers().find("Name").value_or("somebody");
    const presence here(*this, out);
    while (const auto line = co_await in.async_read()) say(name + ": " + *line);
  }

 private:
  struct presence {
    presence(room& of, line_writer out) : in(of), place(of.all_.insert(of.all_.end(), out)) {}
    presence(const presence&) = delete;
    presence& operator=(const presence&) = delete;
    ~presence() { in.all_.erase(place); }
    room& in;
    std::list<line_writer>::iterator place;
  };
  // Who doesn't listen misses some, and holds nobody up.
  void say(const std::string& line) {
    for (auto& each : all_) static_cast<void>(each.try_write(line));
  }

  std::list<line_writer> all_;
};

asio::awaitable<void> talk(rpc::bidi_call<std::string, std::string> chat) {
  asio::posix::stream_descriptor input(co_await asio::this_coro::executor, ::dup(STDIN_FILENO));
  std::string text;
  for (;;) {
    const auto [error, size] = co_await asio::async_read_until(
        input, asio::dynamic_buffer(text), '\n', asio::as_tuple(asio::use_awaitable));
    if (error) break;
    const auto line = text.substr(0, size - 1);
    text.erase(0, size);
    co_await chat.async_write(line);
  }
  chat.close();
}

asio::awaitable<void> join(nuncio::client::connection& nc, std::string name) {
  co_await nc.async_connect(asio::use_awaitable);
  rpc::metadata about;
  about.add("Name", name);
  rpc::stub chat(nc, "chat");
  auto call = chat.bidi_stream<std::string, std::string>("room", {.headers = &about});
  // In a line of its own: g++ 12 breaks temporaries beside a co_await.
  const auto executor = co_await asio::this_coro::executor;
  asio::co_spawn(executor, talk(call), [call](std::exception_ptr failed) {
    if (failed) line_reader(call).cancel();
  });
  while (const auto line = co_await call.async_read()) std::cout << *line << std::endl;
}

int main(int count, char** words) try {
  const std::string name = count > 1 ? words[1] : "serve";
  asio::io_context context(1);
  nuncio::client::connection nc(context.get_executor(),
                                {.servers = count > 2 ? words[2] : "nats://127.0.0.1:4222"});
  if (name != "serve") {
    asio::co_spawn(context, join(nc, name), [&](const std::exception_ptr& failed) {
      nc.close();
      if (failed) std::rethrow_exception(failed);
    });
    context.run();
    return 0;
  }
  room all;
  rpc::service chat(nc, {.name = "chat", .version = "1.0.0"});
  chat.bidi_stream<std::string, std::string>(
      "room", [&](line_reader& in, line_writer& out, rpc::context& about) {
        return all.host(in, out, about);
      });
  asio::signal_set stop(context, SIGINT, SIGTERM);
  stop.async_wait([&](auto, int) {
    chat.stop();
    nc.close();
  });
  nc.async_connect([](auto error) {
    if (error) throw boost::system::system_error(error);
  });
  nc.async_flush([](auto error) {
    if (!error) std::cout << "ready" << std::endl;
  });
  context.run();
} catch (const std::exception& failed) {
  std::cerr << "chat: " << failed.what() << '\n';
  return 1;
}
