#pragma once

#include <nuncio/client/transport.hpp>

#include <boost/asio/any_io_executor.hpp>

#include <memory>

namespace nuncio::client {

[[nodiscard]] constexpr bool uses_websocket(protocol::url_scheme scheme) noexcept {
  return scheme == protocol::url_scheme::ws || scheme == protocol::url_scheme::wss;
}

/// Goes on in WebSocket messages over `below`, at the path of `server`.
///
/// Errors:  what the server answered instead of upgrading, as an error whose message names HTTP's
///          status; errc::protocol if it doesn't speak HTTP.
/// Cancel:  the handler's slot, terminal.
/// Source:  RFC 6455; NATS client protocol, section 15.
void start_websocket(std::unique_ptr<transport> below,
                     const boost::asio::any_io_executor& executor,
                     const protocol::server_url& server,
                     stream_handler done);

}  // namespace nuncio::client
