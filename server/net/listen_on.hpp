#pragma once

#include <boost/asio/ip/tcp.hpp>

#include <cstdint>
#include <string>

namespace nuncio::server {

/// Binds to the first address of a host that it can be bound to, and listens there, without ever
/// blocking to accept. The wildcard of either family, or no host at all, is both families at once.
/// A negative port is any free one. Returns the port.
/// Errors: std::system_error that names the address.
std::uint16_t listen_on(boost::asio::ip::tcp::acceptor& acceptor,
                        const std::string& host,
                        int port);

}  // namespace nuncio::server
