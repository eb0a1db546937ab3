#pragma once

#include "opening.hpp"
#include "proxy_protocol.hpp"

#include <boost/asio/steady_timer.hpp>

#include <chrono>
#include <string_view>

namespace nuncio::server {

class connection;
class shard;

/// What comes first where proxies may be in front: who is behind one. TLS or the role's input
/// follows. Bytes are taken from the socket only once they are known to be of a header, so whoever
/// reads it next finds all of his own.
class proxy_opening final : public opening {
 public:
  explicit proxy_opening(connection& of);

  void begin() override;
  void on_event() override;
  void on_timer() override;
  void on_turn() override {}
  void stop() override { timer_.cancel(); }
  [[nodiscard]] bool knows_peer() const override { return knows_peer_; }

 private:
  void greet();
  void look();
  void on_header();
  void go_on();
  void fail(std::string_view why);
  void wait_for(std::size_t bytes);
  void set_timer(std::chrono::steady_clock::time_point when);

  connection& connection_;
  shard& home_;
  proxy_header header_;
  const std::chrono::steady_clock::time_point deadline_;
  boost::asio::steady_timer timer_;
  bool has_greeted_ = false;
  bool is_waiting_ = false;      // for the socket
  bool waits_for_more_ = false;  // than a byte, says the socket
  bool knows_peer_ = false;
};

}  // namespace nuncio::server
