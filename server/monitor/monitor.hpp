#pragma once

#include "closed_connections.hpp"
#include "collector.hpp"
#include "http_server.hpp"
#include "net/observer.hpp"
#include "pages.hpp"
#include "process_usage.hpp"
#include "turnstile.hpp"

#include <boost/asio/awaitable.hpp>
#include <boost/asio/io_context.hpp>

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <thread>

namespace nuncio::server {
class internal_role;
struct node;
}  // namespace nuncio::server

namespace nuncio::server::monitor {

/// What a server shows of itself, on a thread of its own: nobody who looks holds up a message.
///
/// Thread: start() and stop() by who starts and stops the server; the rest any.
class monitor final : public observer {
 public:
  /// `own`: whose subscriptions are the server's. Both outlive this.
  monitor(node& of, const internal_role& own);
  monitor(const monitor&) = delete;
  monitor& operator=(const monitor&) = delete;
  ~monitor() override;

  /// Listens if the options say so. Errors: std::system_error.
  void open();
  void start();
  void stop();

  /// The port in use for HTTP or HTTPS; 0: none.
  [[nodiscard]] std::uint16_t port() const noexcept;

  void on_closed(connection_view last) override;

 private:
  void run();
  void answer(const http_request& asked, const http_server::reply& reply);
  using answering = boost::asio::awaitable<http_response>;
  void respond(const std::string& path,
               bool is_large,
               std::function<answering()> make,
               const http_server::reply& reply);

  node& node_;
  boost::asio::io_context io_{1};
  closed_connections closed_;
  process_usage process_;
  std::map<std::string, std::uint64_t> requests_;
  collector shards_;
  sources sources_;
  turnstile large_pages_;
  std::unique_ptr<http_server> http_;
  std::thread thread_;
};

}  // namespace nuncio::server::monitor
