// Calls what echo_service serves, with what helps in trouble: careful_caller [SERVER [TEXT]]
#include "echo.hpp"

#include <nuncio/rpc/call_metrics.hpp>
#include <nuncio/rpc/stub.hpp>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>

#include <iostream>
#include <memory>
#include <string>

namespace asio = boost::asio;
namespace rpc = nuncio::rpc;
using namespace std::chrono_literals;

class tenant_stamp final : public rpc::interceptor {
 public:
  explicit tenant_stamp(std::string tenant) : tenant_(std::move(tenant)) {}
  void on_start(rpc::call_view& call) override {
    if (tenant_.empty()) return call.refuse({rpc::code::unauthenticated, "whose call is it?"});
    call.add_header("Tenant", tenant_);
  }
  void on_end(const rpc::call_view& call,
              const rpc::status& how,
              std::chrono::nanoseconds) noexcept override {
    if (!how.is_ok()) std::clog << call.endpoint() << " failed: " << how.text << '\n';
  }

 private:
  std::string tenant_;
};

asio::awaitable<void> call(nuncio::client::connection& nc, std::string text) {
  co_await nc.async_connect(asio::use_awaitable);
  const auto metrics = std::make_shared<rpc::call_metrics>();
  rpc::stub_options set;
  set.retries = {.attempts = 5, .first_pause = 10ms, .longest_pause = 500ms};
  set.circuit_breaker = rpc::circuit_breaker_options{.percent = 50, .min_calls = 20};
  set.interceptors = {std::make_shared<tenant_stamp>("acme"), metrics};
  set.new_traces = rpc::new_traces::sampled;
  rpc::stub echo(nc, "echo", set);
  echo.fallback<echo_reply>("unary", [](const rpc::status& why) {
    return echo_reply{0, "nothing to be had: " + why.reason};
  });

  const echo_request request{20, 22, text};
  const auto reply = co_await echo.call<echo_reply>(
      "unary", request, {.timeout = 2s, .idempotent = true, .hedge_after = 500ms});
  std::cout << reply.s << '\n';

  for (const auto& each : metrics->snapshot()) {
    std::cout << each.service << '.' << each.name << ": " << each.latency.count() << " call\n";
  }
  const std::string page = to_prometheus(metrics->snapshot());
  std::cout << page.substr(0, page.find('\n')) << '\n';
  nc.close();
}

int main(int count, char** words) try {
  asio::io_context context(1);
  nuncio::client::connection nc(context.get_executor(),
                                {.servers = count > 1 ? words[1] : "nats://127.0.0.1:4222"});
  asio::co_spawn(context, call(nc, count > 2 ? words[2] : "hello"), [](std::exception_ptr failed) {
    if (failed) std::rethrow_exception(failed);
  });
  context.run();
} catch (const std::exception& failed) {
  std::cerr << "careful_caller: " << failed.what() << '\n';
  return 1;
}
