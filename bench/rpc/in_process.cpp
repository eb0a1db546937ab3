// One call at a time, over TCP and in process, with the broker on threads of its own and on the
// client's loop: prints the median of each, in microseconds, as JSON.
//
//   rpc_in_process [SECONDS]
#include <nuncio/client/in_process.hpp>
#include <nuncio/rpc/service.hpp>
#include <nuncio/rpc/stub.hpp>
#include <nuncio/server/server.hpp>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>

#include <algorithm>
#include <chrono>
#include <iostream>
#include <memory>
#include <string>
#include <vector>

namespace asio = boost::asio;
namespace client = nuncio::client;
namespace rpc = nuncio::rpc;
using steady_clock = std::chrono::steady_clock;

namespace {

asio::awaitable<double> median(client::connection& serving,
                               client::connection& calling,
                               double seconds) {
  co_await serving.async_connect(asio::use_awaitable);
  co_await calling.async_connect(asio::use_awaitable);
  rpc::service echo(serving, {.name = "echo", .version = "1.0.0"});
  echo.endpoint<std::string, std::string>("unary", [](std::string s) { return s; });
  co_await serving.async_flush(asio::use_awaitable);
  rpc::stub remote(calling, "echo");
  const std::string text(32, 'x');
  std::vector<double> took;
  const auto end = steady_clock::now() + std::chrono::duration<double>(seconds);
  for (int i = 0; steady_clock::now() < end; ++i) {
    const auto began = steady_clock::now();
    const auto reply = co_await remote.call<std::string>("unary", text);
    if (reply != text) throw std::runtime_error("a reply is wrong");
    if (i >= 200) {
      took.push_back(
          std::chrono::duration<double, std::micro>(steady_clock::now() - began).count());
    }
  }
  std::nth_element(took.begin(), took.begin() + static_cast<std::ptrdiff_t>(took.size() / 2),
                   took.end());
  co_return took[took.size() / 2];
}

double measure(bool in_process, bool on_one_loop, double seconds) {
  asio::io_context context(1);
  nuncio::server::silent_log log;
  nuncio::server::options settings;
  settings.port = -1;
  const auto node = on_one_loop ? std::make_unique<nuncio::server::server>(settings, log, context)
                                : std::make_unique<nuncio::server::server>(settings, log);
  node->start();
  client::options set;
  set.servers = "nats://127.0.0.1:" + std::to_string(node->port());
  if (in_process) {
    set.open_stream = client::in_process([&] { return node->connect(); });
  }
  double out = 0;
  {
    client::connection serving(context.get_executor(), set);
    client::connection calling(context.get_executor(), set);
    asio::co_spawn(context, median(serving, calling, seconds),
                   [&](const std::exception_ptr& failed, double us) {
                     if (failed) std::rethrow_exception(failed);
                     out = us;
                     context.stop();
                   });
    context.run();
  }
  node->stop();
  return out;
}

}  // namespace

int main(int argc, char** argv) try {
  const double seconds = argc > 1 ? std::stod(argv[1]) : 1;
  std::cout << "{\"tcp_threads_us\": " << measure(false, false, seconds)
            << ", \"tcp_one_loop_us\": " << measure(false, true, seconds)
            << ", \"in_process_threads_us\": " << measure(true, false, seconds)
            << ", \"in_process_one_loop_us\": " << measure(true, true, seconds) << "}" << std::endl;
} catch (const std::exception& failed) {
  std::cerr << failed.what() << '\n';
  return 1;
}
