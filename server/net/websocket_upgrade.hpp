#pragma once

#include <nuncio/server/websocket.hpp>

#include <boost/asio/io_context.hpp>

#include <cstddef>
#include <memory>
#include <string>
#include <string_view>

/// The request by which HTTP becomes WebSocket. Pure: bytes to a decision.
/// Source: RFC 6455, section 4.2; nats-server 2.15.2, server/websocket.go, wsUpgrade.
namespace nuncio::server {

/// Bytes of the longest request, which is all header.
inline constexpr std::size_t longest_upgrade = 16UL * 1024;

/// What a client's cookies say of who it is. What they don't say is empty.
struct websocket_cookies {
  std::string user;
  std::string password;
  std::string token;
};

/// What becomes of a request.
struct websocket_upgrade {
  std::string answer;   ///< as it goes over the wire
  std::string refusal;  ///< why it is refused, for logs; empty: it isn't

  bool masks = true;                       ///< the client's frames are masked
  bool compresses = false;                 ///< both may
  bool wants_small = false;                ///< a browser: no long frames
  bool splits_compressed = true;           ///< those that are compressed may be split as well
  std::string forwarded_for;               ///< the address that a proxy names; empty: none
  std::unique_ptr<websocket_cookies> who;  ///< null: no cookie says anything
};

/// Bytes of `received` up to the end of the request; 0: it isn't complete.
[[nodiscard]] std::size_t end_of_upgrade(std::string_view received) noexcept;

/// Decides on a request. Pre: end_of_upgrade() has found its end. Beast wants a loop, on which
/// nothing is run.
[[nodiscard]] websocket_upgrade answer_upgrade(std::string_view request,
                                               const websocket_options& options,
                                               boost::asio::io_context& loop);

}  // namespace nuncio::server
