// Replaces the instances of a service one after the other while somebody goes on calling it.
//
//   rolling_update serve VERSION [SERVER]     an instance, until SIGTERM; start two of them
//   rolling_update call [SERVER]              calls until SIGTERM; fails if any call has failed
//
// Then start one of the next version, stop one of the first, and so on.
#include <nuncio/rpc/service.hpp>
#include <nuncio/rpc/stub.hpp>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/signal_set.hpp>
#include <boost/asio/steady_timer.hpp>

#include <iostream>
#include <map>
#include <string>

namespace asio = boost::asio;
namespace rpc = nuncio::rpc;
using namespace std::chrono_literals;

void serve(asio::io_context& context, nuncio::client::connection& nc, const std::string& version) {
  rpc::service work(nc, {.name = "work", .version = version});
  work.endpoint<rpc::nothing, std::string>("do", [&]() -> asio::awaitable<std::string> {
    asio::steady_timer timer(co_await asio::this_coro::executor, 5ms);
    co_await timer.async_wait(asio::use_awaitable);
    co_return version;
  });
  // Others get what comes from now on; what has come is still answered.
  asio::signal_set stop(context, SIGINT, SIGTERM);
  stop.async_wait([&](auto, int) { work.async_drain([&](auto) { nc.close(); }); });
  nc.async_flush([](auto error) {
    if (!error) std::cout << "ready" << std::endl;
  });
  context.run();
  std::cout << work.stats().endpoints[0].requests << " calls served\n";
}

struct tally {
  bool is_over = false;
  int failed = 0;
  std::map<std::string, int> answered;  // by version
};

asio::awaitable<void> go_on_calling(rpc::stub work, tally& all) {
  while (!all.is_over) {
    try {
      const auto version = co_await work.call<std::string>("do", rpc::nothing{});
      if (++all.answered[version] == 1) std::cout << version << " answers" << std::endl;
    } catch (const rpc::error& why) {
      if (++all.failed == 1) std::cout << why.what() << std::endl;
    }
  }
}

bool call(asio::io_context& context, nuncio::client::connection& nc) {
  rpc::stub_options set;
  set.retries.attempts = 1;  // they would hide what fails
  rpc::stub work(nc, "work", set);
  tally all;
  asio::signal_set stop(context, SIGINT, SIGTERM);
  stop.async_wait([&](auto, int) { all.is_over = true; });
  int callers = 16;
  for (int i = callers; i > 0; --i) {
    asio::co_spawn(context, go_on_calling(work, all), [&](const std::exception_ptr& failed) {
      if (failed) std::rethrow_exception(failed);
      if (--callers == 0) nc.close();
    });
  }
  context.run();
  for (const auto& [version, calls] : all.answered) {
    std::cout << version << " answered " << calls << " calls\n";
  }
  std::cout << (all.failed == 0 ? "none" : std::to_string(all.failed)) << " failed\n";
  return all.failed == 0;
}

int main(int count, char** words) try {
  const std::string role = count > 1 ? words[1] : "";
  const int server = role == "serve" ? 3 : 2;
  if ((role != "serve" && role != "call") || count < server) {
    std::cerr << "rolling_update serve VERSION [SERVER] | rolling_update call [SERVER]\n";
    return 2;
  }
  asio::io_context context(1);
  nuncio::client::connection nc(
      context.get_executor(),
      {.servers = count > server ? words[server] : "nats://127.0.0.1:4222"});
  nc.async_connect([](auto error) {
    if (error) throw boost::system::system_error(error);
  });
  if (role == "call") return call(context, nc) ? 0 : 1;
  serve(context, nc, words[2]);
} catch (const std::exception& failed) {
  std::cerr << "rolling_update: " << failed.what() << '\n';
  return 1;
}
