#include "tcp_transport.hpp"

#include <boost/asio/buffer.hpp>
#include <boost/asio/write.hpp>

#include <utility>

namespace nuncio::client {

tcp_transport::tcp_transport(boost::asio::ip::tcp::socket socket) : socket_(std::move(socket)) {
  boost::system::error_code ignored;
  socket_.set_option(boost::asio::ip::tcp::no_delay(true), ignored);
}

void tcp_transport::async_read_some(std::span<char> into, handler done) {
  socket_.async_read_some(boost::asio::buffer(into.data(), into.size()), std::move(done));
}

void tcp_transport::async_write(std::string_view bytes, handler done) {
  boost::asio::async_write(socket_, boost::asio::buffer(bytes), std::move(done));
}

void tcp_transport::close() noexcept {
  boost::system::error_code ignored;
  socket_.close(ignored);
}

}  // namespace nuncio::client
