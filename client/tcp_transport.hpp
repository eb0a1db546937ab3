#pragma once

#include "transport_stream.hpp"

#include <boost/asio/ip/tcp.hpp>

#include <utility>

namespace nuncio::client {

class tcp_transport final : public transport_stream<boost::asio::ip::tcp::socket> {
 public:
  /// Pre: the socket is connected.
  explicit tcp_transport(boost::asio::ip::tcp::socket socket)
      : transport_stream(std::move(socket)) {
    boost::system::error_code ignored;
    stream().set_option(boost::asio::ip::tcp::no_delay(true), ignored);
  }
};

}  // namespace nuncio::client
