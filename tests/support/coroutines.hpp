#pragma once

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/system/error_code.hpp>
#include <doctest/doctest.h>

#include <chrono>
#include <cstddef>
#include <exception>
#include <functional>
#include <tuple>
#include <utility>

namespace nuncio::test {

namespace asio = boost::asio;
using boost::system::error_code;

/// Errors as values: `auto [error, m] = co_await sub.async_next(as_values);`
constexpr auto as_values = asio::as_tuple(asio::use_awaitable);

/// Runs a coroutine to its end, in half a minute at most.
inline void run(const std::function<asio::awaitable<void>()>& body) {
  asio::io_context context(1);
  bool is_done = false;
  std::exception_ptr failed;
  asio::co_spawn(context, body, [&](const std::exception_ptr& how) {
    is_done = true;
    failed = how;
    context.stop();
  });
  context.run_for(std::chrono::seconds(30));
  if (failed) std::rethrow_exception(failed);
  REQUIRE(is_done);
}

/// Runs `body(each)` of all of them at once, on one thread, to their ends; for so long at most.
template <class All, class Body>
void run_together(asio::io_context& context, All& all, Body body, std::chrono::minutes limit) {
  std::size_t done = 0;
  for (auto& each : all) {
    asio::co_spawn(
        context, [&each, body] { return body(each); },
        [&](const std::exception_ptr& failed) {
          CHECK_FALSE(failed);
          if (++done == all.size()) context.stop();
        });
  }
  context.run_for(limit);
  CHECK(done == all.size());
}

/// The error alone of an operation that gives no value.
template <class Operation>
asio::awaitable<error_code> error_of(Operation operation) {
  const auto [error] = co_await std::move(operation)(as_values);
  co_return error;
}

// In a statement of its own: g++ 12 copies temporaries such as options bit by bit where there is a
// co_await in the same one.
inline asio::awaitable<asio::any_io_executor> here() {
  co_return co_await asio::this_coro::executor;
}

/// Lets everything run that was posted, and what that posts.
inline asio::awaitable<void> settle() {
  for (int i = 0; i < 5; ++i) co_await asio::post(asio::use_awaitable);
}

/// Lets others run until `holds()` does.
template <class Holds>
asio::awaitable<void> until(Holds holds) {
  while (!holds()) co_await asio::post(asio::use_awaitable);
}

}  // namespace nuncio::test
