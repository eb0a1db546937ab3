#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace nuncio::protocol {

/// How a server is spoken to.
enum class url_scheme : std::uint8_t {
  nats,  ///< plain, unless the server asks for TLS; also of a bare `host:port`
  tls,
  ws,
  wss,
};

/// `nats`, `tls`, `ws` or `wss`.
[[nodiscard]] std::string_view to_string(url_scheme scheme) noexcept;

/// Where a server is, and as whom to greet it.
struct server_url {
  url_scheme scheme = url_scheme::nats;  ///< how it is spoken to
  std::string host;                      ///< without the brackets of an IPv6 address
  std::uint16_t port = 4222;             ///< of TCP
  std::string user;                      ///< empty: none was given
  std::string pass;                      ///< of `user`
  std::string token;                     ///< user info without a colon
  std::string path;  ///< of ws and wss, with its slash; empty where there is none

  friend bool operator==(const server_url&, const server_url&) = default;
};

/// `host:port`, IPv6 addresses in brackets: what a log may show, since credentials are left out.
[[nodiscard]] std::string address(const server_url& url);

/// Reads `scheme://[user:pass@|token@]host[:port]` or a bare `host[:port]`.
///
/// The port defaults to 4222, for ws to 80 and for wss to 443. User info may hold `%xx`.
/// Errors:  nothing is returned, and `error` is one sentence for the user. It never holds the
///          credentials.
/// Thread:  any.
/// Source:  nats.go, processUrlString and addURLToPool.
[[nodiscard]] std::optional<server_url> parse_url(std::string_view text, std::string& error);

/// Reads a comma-separated list of what parse_url() reads; blanks around the commas are ignored.
///
/// Errors:  as of parse_url(), for the first entry that is wrong; an empty list is wrong too.
[[nodiscard]] std::optional<std::vector<server_url>> parse_url_list(std::string_view text,
                                                                    std::string& error);

}  // namespace nuncio::protocol
