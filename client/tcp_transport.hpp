#pragma once

#include <nuncio/client/transport.hpp>

#include <boost/asio/ip/tcp.hpp>

namespace nuncio::client {

class tcp_transport final : public transport {
 public:
  /// Pre: the socket is connected.
  explicit tcp_transport(boost::asio::ip::tcp::socket socket);

  void async_read_some(std::span<char> into, handler done) override;
  void async_write(std::string_view bytes, handler done) override;
  void close() noexcept override;

 private:
  boost::asio::ip::tcp::socket socket_;
};

}  // namespace nuncio::client
