#pragma once

#include <nuncio/server/access.hpp>

#include <memory>

namespace nuncio::server {

class connection;

/// What happens on a connection before its role gets input: TLS, perhaps. The role is told when to
/// greet, and when input follows; then this is over and destroys itself.
///
/// Thread: that of the connection's shard, within a handler.
class opening {
 public:
  opening() = default;
  opening(const opening&) = delete;
  opening& operator=(const opening&) = delete;
  virtual ~opening() = default;

  virtual void begin() = 0;
  /// A wait of the stream has ended.
  virtual void on_event() = 0;
  virtual void on_timer() = 0;
  /// It may go on, after it waited for others.
  virtual void on_turn() = 0;
  /// The connection is over.
  virtual void stop() = 0;
  /// Is it known who the peer is? A proxy may be about to say.
  [[nodiscard]] virtual bool knows_peer() const { return true; }
};

/// TLS for a client that comes in by TCP or WebSocket, as the options in force say; the role may
/// have been told to greet already. Pre: they do.
[[nodiscard]] std::unique_ptr<opening> make_tls_opening(connection& of,
                                                        connection_type by,
                                                        bool has_greeted);
/// The upgrade to WebSocket, whether over TLS or not.
[[nodiscard]] std::unique_ptr<opening> make_websocket_opening(connection& of);
/// A header of the PROXY protocol, perhaps; shard::open_further() follows.
[[nodiscard]] std::unique_ptr<opening> make_proxy_opening(connection& of);

}  // namespace nuncio::server
