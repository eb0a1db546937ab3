#include "monitor/report_to.hpp"

#include "test_server.hpp"

#include <boost/asio/awaitable.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
#include <doctest/doctest.h>

#include <stdexcept>

using nuncio::server::monitor::report_to;

TEST_CASE("report_to: what a coroutine throws that nobody waits for is in the log") {
  nuncio::test::kept_log log;
  boost::asio::io_context io(1);
  const auto good = []() -> boost::asio::awaitable<void> { co_return; };
  const auto bad = []() -> boost::asio::awaitable<void> {
    throw std::runtime_error("no room");
    co_return;
  };
  const auto worse = []() -> boost::asio::awaitable<void> {
    throw 1;
    co_return;
  };
  boost::asio::co_spawn(io, good, report_to(log, "good: "));
  boost::asio::co_spawn(io, bad, report_to(log, "bad: "));
  boost::asio::co_spawn(io, worse, report_to(log, "worse: "));
  io.run();
  CHECK(log.count("") == 2);
  CHECK(log.count("bad: no room") == 1);
  CHECK(log.count("worse: unknown failure") == 1);
}
