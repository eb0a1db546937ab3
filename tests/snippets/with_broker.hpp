#pragma once

#include "coroutines.hpp"

#include <nuncio/client/in_process.hpp>
#include <nuncio/client/options.hpp>
#include <nuncio/server/server.hpp>

#include <boost/asio/execution/context.hpp>

#include <functional>
#include <ostream>
#include <sstream>
#include <string>

namespace nuncio::test {

/// Keeps what is written to a stream meanwhile.
class kept_output {
 public:
  explicit kept_output(std::ostream& of) : of_(of), before_(of.rdbuf(text_.rdbuf())) {}
  kept_output(const kept_output&) = delete;
  kept_output& operator=(const kept_output&) = delete;
  ~kept_output() { of_.rdbuf(before_); }
  [[nodiscard]] std::string text() const { return text_.str(); }

 private:
  std::ostringstream text_;
  std::ostream& of_;
  std::streambuf* before_;
};

/// Runs a coroutine beside a broker in this process, which it reaches by the options that it gets.
inline void run_with_broker(const std::function<asio::awaitable<void>(client::options)>& body) {
  run([&]() -> asio::awaitable<void> {
    const auto executor = co_await here();
    server::silent_log log;
    auto& loop = static_cast<asio::io_context&>(asio::query(executor, asio::execution::context));
    server::server broker({.listen = false}, log, loop);
    broker.start();
    client::options reach;
    reach.open_stream = client::in_process([&broker] { return broker.connect(); });
    co_await body(reach);
    broker.stop();
  });
}

}  // namespace nuncio::test
