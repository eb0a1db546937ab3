#pragma once

#include "node.hpp"

#include <nuncio/server/in_process.hpp>

#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/steady_timer.hpp>

#include <chrono>
#include <cstdint>
#include <memory>
#include <mutex>
#include <string>

namespace nuncio::server {

/// Where one entrance is.
struct listen_address {
  connection_type by = connection_type::standard;
  std::string host;
  int port = 0;  ///< negative: any free one
};

/// Accepts connections and chooses their shard. Runs on the first shard's thread.
class listener {
 public:
  listener(node& owner, listen_address at);

  /// Before the shards run. Errors: std::system_error if the address can't be listened on.
  void open();
  /// Starts accepting; posts to the first shard.
  void start();
  /// Any thread but the shards', while they run. Once it returns, no shard is given another socket.
  void close();

  /// Any thread. A connection from this process; nothing unless between start() and close().
  [[nodiscard]] std::unique_ptr<in_process_end> connect();

  [[nodiscard]] std::uint16_t port() const noexcept { return port_; }

 private:
  void wait();
  void accept_ready();
  bool accept_one();
  void pause_accepting(int reason);
  void wait_for(std::chrono::steady_clock::duration delay);
  [[nodiscard]] shard& choose() const;
  [[nodiscard]] bool is_full() const;
  [[nodiscard]] std::string refusal(const boost::asio::ip::tcp::endpoint& peer,
                                    connection_type type) const;
  void refuse(int descriptor, const boost::asio::ip::tcp::endpoint& peer) const;

  node& node_;
  const listen_address at_;
  boost::asio::io_context& io_;
  boost::asio::ip::tcp::acceptor acceptor_;
  boost::asio::steady_timer retry_;
  std::uint16_t port_ = 0;
  bool closed_ = false;
  std::mutex door_;  // guards `is_welcome_`, so that no connection comes once close() has returned
  bool is_welcome_ = false;
};

}  // namespace nuncio::server
