#pragma once

#include <nuncio/client/transport.hpp>

#include <boost/asio/buffer.hpp>
#include <boost/asio/write.hpp>

#include <span>
#include <string_view>
#include <utility>

namespace nuncio::client {

/// A byte stream of Asio's kind as a transport.
template <class Stream>
class transport_stream : public transport {
 public:
  explicit transport_stream(Stream stream) : stream_(std::move(stream)) {}

  void async_read_some(std::span<char> into, handler done) override {
    stream_.async_read_some(boost::asio::buffer(into.data(), into.size()), std::move(done));
  }
  void async_write(std::string_view bytes, handler done) override {
    boost::asio::async_write(stream_, boost::asio::buffer(bytes), std::move(done));
  }
  void close() noexcept override {
    boost::system::error_code ignored;
    stream_.lowest_layer().close(ignored);
  }

 protected:
  [[nodiscard]] Stream& stream() noexcept { return stream_; }

 private:
  Stream stream_;
};

}  // namespace nuncio::client
