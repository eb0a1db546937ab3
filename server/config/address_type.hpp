#pragma once

#include "types.hpp"

#include <optional>
#include <string>
#include <string_view>

/// Where to listen: the options of clients and of WebSocket.
namespace nuncio::server::config {

struct address {
  std::optional<std::string> host;
  int port = 0;
};

/// A port, or `host:port`.
[[nodiscard]] std::optional<address> to_address(const value& found);

/// Where a system's log is, elsewhere.
struct syslog_address {
  bool is_tcp = false;
  std::string host;  ///< without the brackets of IPv6
  std::string port;  ///< or the name of a service
};

inline constexpr std::string_view syslog_form = "udp://host:port or tcp://host:port";

/// Looks at the form only: whether there is such a host is not asked.
[[nodiscard]] std::optional<syslog_address> to_syslog_address(std::string_view url);

[[nodiscard]] integer_type port_number();
[[nodiscard]] text_type host_name();

inline constexpr std::string_view listen_form =
    "a port, or \"host:port\"; with quotes and brackets for IPv6, as in \"[::1]:4222\"";

/// `listen`, which stands for a host and a port.
template <class Block>
void read_listen(const value& found, Block& into, reading& to) {
  const auto got = to_address(found);
  if (!got) return to.expected(found, listen_form);
  into.host = got->host.value_or(into.host);
  into.port = got->port;
}

}  // namespace nuncio::server::config
