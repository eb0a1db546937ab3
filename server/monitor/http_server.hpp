#pragma once

#include "http_connections.hpp"

#include <nuncio/server/log.hpp>

#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/steady_timer.hpp>

#include <cstddef>
#include <cstdint>

namespace nuncio::server::monitor {

/// Offers pages by HTTP, or by HTTPS. It knows nothing of what is on them.
///
/// Whatever clients do, its memory is bounded: see http_settings. Any method gets a page; HEAD gets
/// it without the body.
/// Thread safety: open() before the loop runs, everything else on the loop's thread; the
///                destructor once nothing runs on it any more.
class http_server {
 public:
  using settings = http_settings;
  using reply = http_reply;
  using handler = http_handler;

  http_server(boost::asio::io_context& loop, settings with, handler pages, log_sink& log);
  http_server(const http_server&) = delete;
  http_server& operator=(const http_server&) = delete;
  ~http_server() = default;

  /// Listens. Errors: std::system_error that names the address.
  void open();
  /// Accepts from now on. Pre: open().
  void start();
  /// Closes the port and all connections; replies that come later go nowhere.
  void stop();

  /// Of open().
  [[nodiscard]] std::uint16_t port() const noexcept { return port_; }
  /// At the moment.
  [[nodiscard]] std::size_t connections() const noexcept { return connections_.size(); }

 private:
  void accept();
  void pause_accepting();

  boost::asio::io_context& loop_;
  log_sink& log_;
  boost::asio::ip::tcp::acceptor acceptor_;
  boost::asio::steady_timer retry_;
  http_connections connections_;
  std::uint16_t port_ = 0;
};

}  // namespace nuncio::server::monitor
