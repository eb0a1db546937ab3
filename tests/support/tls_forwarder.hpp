#pragma once

#include <boost/asio/awaitable.hpp>
#include <boost/asio/buffer.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/ssl/context.hpp>
#include <boost/asio/ssl/stream.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/asio/write.hpp>

#include <cstdint>
#include <memory>
#include <string>
#include <thread>
#include <utility>
#include <vector>

namespace nuncio::test {

/// A port of this machine that leads to a server's by TLS, so that plain clients test that. The
/// server wants the handshake first. Bytes are passed on as they come; an end is an end for both.
class tls_forwarder {
 public:
  tls_forwarder(std::uint16_t server, const std::string& ca_file) : server_(server) {
    context_.load_verify_file(ca_file);
    context_.set_verify_mode(boost::asio::ssl::verify_peer);
    boost::asio::co_spawn(io_, accept(), boost::asio::detached);
    thread_ = std::thread([this] { io_.run(); });
  }
  tls_forwarder(const tls_forwarder&) = delete;
  tls_forwarder& operator=(const tls_forwarder&) = delete;
  ~tls_forwarder() {
    io_.stop();
    thread_.join();
  }

  [[nodiscard]] std::uint16_t port() const { return acceptor_.local_endpoint().port(); }

 private:
  using tcp = boost::asio::ip::tcp;
  struct pair {
    pair(tcp::socket one, boost::asio::io_context& io, boost::asio::ssl::context& with)
        : plain(std::move(one)), secured(io, with) {}
    void close() {
      boost::system::error_code ignored;
      plain.close(ignored);
      secured.lowest_layer().close(ignored);
    }
    tcp::socket plain;
    boost::asio::ssl::stream<tcp::socket> secured;
  };

  boost::asio::awaitable<void> accept() {
    for (;;) {
      auto one = co_await acceptor_.async_accept(boost::asio::use_awaitable);
      one.set_option(tcp::no_delay(true));
      auto both = std::make_shared<pair>(std::move(one), io_, context_);
      boost::asio::co_spawn(io_, begin(both), boost::asio::detached);
    }
  }
  boost::asio::awaitable<void> begin(std::shared_ptr<pair> both) {
    boost::system::error_code error;
    auto token = boost::asio::redirect_error(boost::asio::use_awaitable, error);
    co_await both->secured.lowest_layer().async_connect(
        {boost::asio::ip::address_v4::loopback(), server_}, token);
    if (!error) {
      both->secured.lowest_layer().set_option(tcp::no_delay(true));
      co_await both->secured.async_handshake(boost::asio::ssl::stream_base::client, token);
    }
    if (error) {
      both->close();
      co_return;
    }
    boost::asio::co_spawn(io_, pass_on(both, both->plain, both->secured), boost::asio::detached);
    boost::asio::co_spawn(io_, pass_on(both, both->secured, both->plain), boost::asio::detached);
  }
  template <class From, class To>
  static boost::asio::awaitable<void> pass_on(std::shared_ptr<pair> both, From& from, To& to) {
    std::vector<char> bytes(64UL * 1024);
    boost::system::error_code error;
    auto token = boost::asio::redirect_error(boost::asio::use_awaitable, error);
    while (!error) {
      const auto size = co_await from.async_read_some(boost::asio::buffer(bytes), token);
      if (size == 0) break;
      co_await boost::asio::async_write(to, boost::asio::buffer(bytes.data(), size), token);
    }
    both->close();
  }

  const std::uint16_t server_;
  boost::asio::io_context io_{1};
  boost::asio::ssl::context context_{boost::asio::ssl::context::tls_client};
  tcp::acceptor acceptor_{io_, {boost::asio::ip::address_v4::loopback(), 0}};
  std::thread thread_;
};

}  // namespace nuncio::test
