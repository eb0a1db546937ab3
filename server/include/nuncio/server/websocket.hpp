#pragma once

#include <nuncio/server/tls.hpp>

#include <chrono>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

/// WebSocket for clients, as plain data.
namespace nuncio::server {

/// Everything about clients that come by WebSocket. The defaults are those of nats-server, but for
/// `handshake_timeout`.
struct websocket_options {
  std::string host = "0.0.0.0";    ///< address to listen on; the default takes IPv4 and IPv6
  int port = 0;                    ///< 0: there is no WebSocket; negative: any free one
  bool no_tls = false;             ///< without `tls`, which has to be said
  std::optional<tls_options> tls;  ///< as HTTPS has it: the handshake comes first

  bool same_origin = false;                  ///< pages must come from the host they connect to
  std::vector<std::string> allowed_origins;  ///< where pages may come from; empty: anywhere
  std::vector<std::pair<std::string, std::string>> headers;  ///< of the answer, besides
  bool compression = false;                                  ///< for clients that offer it
  /// For the request of the upgrade, TLS not included.
  std::chrono::milliseconds handshake_timeout{10000};
  std::chrono::milliseconds ping_interval{0};  ///< 0: that of all clients

  /// Cookies that stand for what a CONNECT doesn't say; empty: none.
  ///@{
  std::string user_cookie;
  std::string pass_cookie;
  std::string token_cookie;
  ///@}

  /// Instead of those of all clients, if there are no users: a name and a password, or a token.
  ///@{
  std::string user;
  std::string password;
  std::string token;
  ///@}
  std::string no_auth_user;                   ///< instead of that of all clients; empty: that
  std::chrono::milliseconds auth_timeout{0};  ///< until CONNECT; 0: as with all clients

  /// The same, down to the secrets?
  friend bool operator==(const websocket_options&, const websocket_options&) = default;
};

/// May it be among websocket_options::headers? Those of the handshake itself may not.
[[nodiscard]] bool is_websocket_header(std::string_view name, std::string_view value) noexcept;

/// Is it `scheme://host` or `scheme://host:port`, as browsers write where a page comes from?
[[nodiscard]] bool is_origin(std::string_view text) noexcept;

}  // namespace nuncio::server
