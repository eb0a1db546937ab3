#pragma once

#include "websocket_frames.hpp"

#include <nuncio/protocol/ws_frame.hpp>

#include <boost/asio/awaitable.hpp>
#include <boost/asio/buffer.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/asio/write.hpp>

#include <zlib.h>

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <memory>
#include <string>
#include <string_view>
#include <thread>
#include <utility>

namespace nuncio::test {

/// A port of this machine that leads to a server's by WebSocket, so that plain clients test that.
/// Of three connections one compresses in both directions, one has no masks, and one goes to the
/// server's port for plain clients. What comes at once is put into one or two frames.
class websocket_forwarder {
 public:
  websocket_forwarder(std::uint16_t websocket, std::uint16_t plain)
      : websocket_(websocket), plain_(plain) {
    boost::asio::co_spawn(io_, accept(), boost::asio::detached);
    thread_ = std::thread([this] { io_.run(); });
  }
  websocket_forwarder(const websocket_forwarder&) = delete;
  websocket_forwarder& operator=(const websocket_forwarder&) = delete;
  ~websocket_forwarder() {
    io_.stop();
    thread_.join();
  }

  [[nodiscard]] std::uint16_t port() const { return acceptor_.local_endpoint().port(); }
  /// Messages that the server has compressed.
  [[nodiscard]] std::size_t compressed() const { return compressed_.load(); }

 private:
  using tcp = boost::asio::ip::tcp;
  enum class way : std::uint8_t { packed, unmasked, plain };
  struct pair {
    pair(tcp::socket client, boost::asio::io_context& io, way by)
        : near(std::move(client)), far(io), how(by) {}
    void close() {
      boost::system::error_code ignored;
      near.close(ignored);
      far.close(ignored);
    }
    tcp::socket near;
    tcp::socket far;
    const way how;
  };

  boost::asio::awaitable<void> accept() {
    for (unsigned count = 0;; ++count) {
      auto one = co_await acceptor_.async_accept(boost::asio::use_awaitable);
      one.set_option(tcp::no_delay(true));
      auto both = std::make_shared<pair>(std::move(one), io_, static_cast<way>(count % 3));
      boost::asio::co_spawn(io_, begin(both), boost::asio::detached);
    }
  }

  boost::asio::awaitable<void> begin(std::shared_ptr<pair> both) {
    boost::system::error_code error;
    auto token = boost::asio::redirect_error(boost::asio::use_awaitable, error);
    const auto port = both->how == way::plain ? plain_ : websocket_;
    co_await both->far.async_connect({boost::asio::ip::address_v4::loopback(), port}, token);
    std::string received;
    if (!error && both->how != way::plain) {
      both->far.set_option(tcp::no_delay(true));
      std::string request =
          "GET / HTTP/1.1\r\nHost: a\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
          "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n";
      request += both->how == way::packed ? "Sec-WebSocket-Extensions: permessage-deflate\r\n\r\n"
                                          : "Nats-No-Masking: true\r\n\r\n";
      co_await boost::asio::async_write(both->far, boost::asio::buffer(request), token);
      while (!error && received.find("\r\n\r\n") == std::string::npos) {
        char buffer[4096];
        const auto got = co_await both->far.async_read_some(boost::asio::buffer(buffer), token);
        received.append(buffer, got);
      }
      if (!received.starts_with("HTTP/1.1 101 ")) error = boost::asio::error::access_denied;
    }
    if (error) {
      both->close();
      co_return;
    }
    received.erase(0, received.empty() ? 0 : received.find("\r\n\r\n") + 4);
    boost::asio::co_spawn(io_, to_server(both), boost::asio::detached);
    boost::asio::co_spawn(io_, to_client(both, std::move(received)), boost::asio::detached);
  }

  static std::string framed(std::string_view text, way how) {
    if (how == way::plain) return std::string(text);
    if (how == way::unmasked) {
      std::string out(protocol::ws_longest_header, '\0');
      out.resize(protocol::write_ws_header(out.data(), protocol::ws_opcode::binary, text.size()));
      return out.append(text);
    }
    const auto half = text.size() / 2;
    return client_deflated(text.substr(0, half)) + client_frame(text.substr(half));
  }

  boost::asio::awaitable<void> to_server(std::shared_ptr<pair> both) {
    const auto buffer = std::make_unique<char[]>(size);
    boost::system::error_code error;
    auto token = boost::asio::redirect_error(boost::asio::use_awaitable, error);
    for (;;) {
      const auto got =
          co_await both->near.async_read_some(boost::asio::buffer(buffer.get(), size), token);
      if (error) break;
      const auto out = framed({buffer.get(), got}, both->how);
      co_await boost::asio::async_write(both->far, boost::asio::buffer(out), token);
      if (error) break;
    }
    both->close();
  }

  boost::asio::awaitable<void> to_client(std::shared_ptr<pair> both, std::string received) {
    const auto buffer = std::make_unique<char[]>(size);
    protocol::ws_reader reader({.are_masked = false, .may_compress = both->how == way::packed});
    std::string packed;
    boost::system::error_code error;
    auto token = boost::asio::redirect_error(boost::asio::use_awaitable, error);
    for (bool goes_on = true; goes_on && !error;) {
      if (received.empty()) {
        const auto got =
            co_await both->far.async_read_some(boost::asio::buffer(buffer.get(), size), token);
        if (error) break;
        received.assign(buffer.get(), got);
      }
      std::string out;
      goes_on = both->how == way::plain ? (out = received, true)
                                        : take_frames(reader, received, packed, out);
      received.clear();
      co_await boost::asio::async_write(both->near, boost::asio::buffer(out), token);
    }
    both->close();
  }

  // False once nothing follows.
  bool take_frames(protocol::ws_reader& reader,
                   std::string& bytes,
                   std::string& packed,
                   std::string& out) {
    using kind = protocol::ws_reader::kind;
    for (std::size_t at = 0;;) {
      const auto found = reader.next(bytes.data() + at, bytes.size() - at, bytes.data() + at);
      at += found.used;
      if (found.what == kind::nothing) return true;
      if (found.what == kind::close) return false;
      if (found.what == kind::broken) std::abort();
      if (found.what != kind::data) continue;
      (found.is_compressed ? packed : out) += found.payload;
      if (!found.is_compressed || !found.ends_message) continue;
      inflate_to(packed, out);
      packed.clear();
      ++compressed_;
    }
  }

  static void inflate_to(std::string& packed, std::string& out) {
    packed.append("\0\0\xff\xff", 4);
    z_stream z{};
    if (inflateInit2(&z, -15) != Z_OK) std::abort();
    z.next_in = reinterpret_cast<Bytef*>(packed.data());
    z.avail_in = static_cast<uInt>(packed.size());
    do {
      const auto before = out.size();
      out.resize(before + size);
      z.next_out = reinterpret_cast<Bytef*>(out.data() + before);
      z.avail_out = static_cast<uInt>(size);
      const int result = ::inflate(&z, Z_SYNC_FLUSH);
      if (result != Z_OK && result != Z_BUF_ERROR) std::abort();
      out.resize(out.size() - z.avail_out);
    } while (z.avail_out == 0);
    inflateEnd(&z);
  }

  static constexpr std::size_t size = 64UL * 1024;

  const std::uint16_t websocket_;
  const std::uint16_t plain_;
  std::atomic<std::size_t> compressed_{0};
  boost::asio::io_context io_{1};
  tcp::acceptor acceptor_{io_, {boost::asio::ip::address_v4::loopback(), 0}};
  std::thread thread_;
};

}  // namespace nuncio::test
