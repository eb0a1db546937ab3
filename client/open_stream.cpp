#include "tcp_transport.hpp"
#include "waiting.hpp"

#include <nuncio/client/transport.hpp>

#include <boost/asio/associated_cancellation_slot.hpp>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/bind_cancellation_slot.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/ip/address.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>

#include <exception>
#include <tuple>
#include <utility>
#include <vector>

namespace nuncio::client {
namespace {

namespace asio = boost::asio;
using asio::ip::tcp;
using boost::system::error_code;

struct opened {
  error_code error;
  std::unique_ptr<transport> stream;
};

// A literal address needs no resolver, which would make a thread.
asio::awaitable<error_code> resolve(const protocol::server_url& server,
                                    std::vector<tcp::endpoint>& into) {
  error_code error;
  const auto literal = asio::ip::make_address(server.host, error);
  if (!error) {
    into.emplace_back(literal, server.port);
    co_return error;
  }
  tcp::resolver resolver(co_await asio::this_coro::executor);
  const auto port = std::to_string(server.port);
  const auto [failed, found] = co_await resolver.async_resolve(server.host, port, waiting);
  for (const auto& each : found) into.push_back(each.endpoint());
  co_return failed;
}

asio::awaitable<opened> open_tcp(protocol::server_url server) {
  const auto executor = co_await asio::this_coro::executor;
  // as_tuple() lets an operation end with operation_aborted; the next one would throw.
  co_await asio::this_coro::throw_if_cancelled(false);
  const auto state = co_await asio::this_coro::cancellation_state;
  std::vector<tcp::endpoint> endpoints;
  opened out;
  out.error = co_await resolve(server, endpoints);
  for (const auto& each : endpoints) {
    if (state.cancelled() != asio::cancellation_type::none) break;
    tcp::socket socket(executor);
    std::tie(out.error) = co_await socket.async_connect(each, waiting);
    if (out.error) continue;
    out.stream = std::make_unique<tcp_transport>(std::move(socket));
    break;
  }
  if (state.cancelled() != asio::cancellation_type::none) {
    out.error = asio::error::operation_aborted;
    out.stream.reset();
  }
  co_return out;
}

}  // namespace

void open_stream(const protocol::server_url& server,
                 const asio::any_io_executor& executor,
                 stream_handler done) {
  const auto slot = asio::get_associated_cancellation_slot(done);
  asio::co_spawn(
      executor, open_tcp(server),
      asio::bind_cancellation_slot(
          slot, [done = std::move(done)](const std::exception_ptr& failed, opened result) mutable {
            // Nothing in it throws but for want of memory.
            if (failed) std::rethrow_exception(failed);
            std::move(done)(result.error, std::move(result.stream));
          }));
}

}  // namespace nuncio::client
