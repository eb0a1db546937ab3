#include "listen_on.hpp"

#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/address_v4.hpp>
#include <boost/asio/ip/address_v6.hpp>
#include <boost/asio/ip/v6_only.hpp>

#include <sys/socket.h>

#include <algorithm>
#include <system_error>
#include <vector>

namespace nuncio::server {
namespace {

namespace asio = boost::asio;
using asio::ip::tcp;

// As many as the system lets wait: a crowd that comes back waits there.
constexpr int backlog = SOMAXCONN;

// All addresses of a host name, in the resolver's order.
std::vector<tcp::endpoint> endpoints_of(const std::string& host, std::uint16_t port) {
  if (host.empty() || host == "0.0.0.0" || host == "::" || host == "[::]") {
    return {{asio::ip::address_v6::any(), port}, {asio::ip::address_v4::any(), port}};
  }
  asio::io_context io;
  boost::system::error_code failure;
  std::vector<tcp::endpoint> out;
  for (const auto& found :
       tcp::resolver(io).resolve(host, std::to_string(port), tcp::resolver::passive, failure)) {
    out.push_back(found.endpoint());
  }
  if (out.empty()) throw std::system_error(failure, host);
  return out;
}

}  // namespace

std::uint16_t listen_on(tcp::acceptor& acceptor, const std::string& host, int port) {
  const auto wanted = static_cast<std::uint16_t>(std::max(port, 0));
  boost::system::error_code failure;
  for (const auto& endpoint : endpoints_of(host, wanted)) {
    boost::system::error_code ignored;
    acceptor.close(ignored);
    acceptor.open(endpoint.protocol(), failure);
    if (failure) continue;
    acceptor.set_option(asio::socket_base::reuse_address(true), ignored);
    if (endpoint.address().is_v6()) acceptor.set_option(asio::ip::v6_only(false), ignored);
    acceptor.bind(endpoint, failure);
    if (!failure) acceptor.listen(backlog, failure);
    if (failure) continue;
    acceptor.native_non_blocking(true, ignored);
    return acceptor.local_endpoint().port();
  }
  throw std::system_error(failure, host + ":" + std::to_string(wanted));
}

}  // namespace nuncio::server
