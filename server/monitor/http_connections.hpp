#pragma once

#include "http_message.hpp"
#include "net/rate_limited.hpp"
#include "net/tls_context.hpp"

#include <nuncio/server/log.hpp>

#include <boost/asio/basic_stream_socket.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

namespace nuncio::server::monitor {

class http_connection;

/// Takes the answer to a request: once, on the loop's thread, now or later. Who has gone meanwhile
/// doesn't get it.
using http_reply = std::function<void(http_response)>;
/// Asked for each page, on the loop's thread.
using http_handler = std::function<void(const http_request&, http_reply)>;

/// Everything about a server of pages.
struct http_settings {
  std::string host;       ///< address to listen on; empty: IPv4 and IPv6
  int port = 0;           ///< 0 or less: any free one
  std::string base_path;  ///< what stands before the names of pages
  /// What a handshake takes, asked for each; nothing: plain HTTP. Clients are asked for no
  /// certificate, whatever it says.
  std::function<std::shared_ptr<const tls_context>()> tls;

  std::size_t max_connections = 256;
  /// Bytes of answers that clients haven't taken yet. One that alone is larger is still sent.
  std::size_t max_unsent = 256UL * 1024 * 1024;
  std::chrono::milliseconds header_timeout{5'000};   ///< for a request, and for a handshake
  std::chrono::milliseconds idle_timeout{120'000};   ///< between requests
  std::chrono::milliseconds answer_timeout{60'000};  ///< for the handler
  std::chrono::milliseconds write_timeout{30'000};   ///< for each 64 KiB
};

/// All connections of a server: so many and no more. For one more, the one goes that has waited
/// longest for a request; for a large answer, those go that are slowest in taking theirs.
///
/// Thread safety: the loop's thread only.
class http_connections {
 public:
  using socket = boost::asio::basic_stream_socket<boost::asio::ip::tcp,
                                                  boost::asio::io_context::executor_type>;

  http_connections(http_settings settings, http_handler handler, log_sink& log);
  http_connections(const http_connections&) = delete;
  http_connections& operator=(const http_connections&) = delete;
  ~http_connections();

  /// Takes a connection in, or closes it if all others are being answered.
  void add(socket opened);
  void close_all();

  [[nodiscard]] const http_settings& settings() const noexcept { return settings_; }
  [[nodiscard]] std::size_t size() const noexcept { return all_.size(); }

  // For a connection.

  void ask(const http_request& request, const http_reply& reply) const;
  /// Before it keeps an answer.
  void make_room(std::size_t bytes);
  void remove(const http_connection& one);
  /// Orders what connections do by when they began with it.
  [[nodiscard]] std::uint64_t next_turn() noexcept { return ++turn_; }
  void note_failed_handshake(const std::string& why);

 private:
  [[nodiscard]] std::size_t unsent() const;

  const http_settings settings_;
  const http_handler handler_;
  log_sink& log_;
  std::vector<std::shared_ptr<http_connection>> all_;  // others: operations under way
  std::uint64_t turn_ = 0;
  rate_limited handshake_notice_;
};

}  // namespace nuncio::server::monitor
