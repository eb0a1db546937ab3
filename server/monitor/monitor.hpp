#pragma once

#include "closed_connections.hpp"
#include "collector.hpp"
#include "http_server.hpp"
#include "net/observer.hpp"
#include "pages.hpp"
#include "process_usage.hpp"
#include "system_account.hpp"
#include "turnstile.hpp"

#include <boost/asio/awaitable.hpp>
#include <boost/asio/io_context.hpp>

#include <atomic>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <thread>

namespace nuncio::server {
class internal_role;
struct node;
}  // namespace nuncio::server

namespace nuncio::server::monitor {

/// What a server shows of itself, by HTTP and by messages, on a thread of its own, which begins
/// when somebody looks: nobody who does holds up a message.
///
/// Thread: open(), start() and stop() by who starts and stops the server; the rest any.
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

  /// Since it is awake. What has ended before is forgotten.
  [[nodiscard]] bool wants_closed() const noexcept override {
    return is_awake_.load(std::memory_order_relaxed);
  }
  void on_opened(const connection& which, const account* before) override;
  void on_closed(connection_view last, const account& its) override;
  void on_traced(message_trace what) override;
  void on_request(system_request asked) override;

  [[nodiscard]] system_account& system() noexcept { return system_; }

 private:
  void wake();
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
  system_account system_;
  std::unique_ptr<http_server> http_;
  std::atomic<bool> is_awake_{false};
  std::mutex lock_;  // guards the next two
  bool is_over_ = false;
  std::thread thread_;
};

}  // namespace nuncio::server::monitor
