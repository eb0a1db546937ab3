#pragma once

#include "proxy_protocol.hpp"
#include "waiting_opening.hpp"

#include <chrono>
#include <string_view>

namespace nuncio::server {

/// What comes first where proxies may be in front: who is behind one. TLS or the role's input
/// follows. Bytes are taken from the socket only once they are known to be of a header, so whoever
/// reads it next finds all of his own.
class proxy_opening final : public waiting_opening {
 public:
  explicit proxy_opening(connection& of);

  void begin() override;
  void on_event() override;
  void on_timer() override;
  void on_turn() override {}
  [[nodiscard]] bool knows_peer() const override { return knows_peer_; }

 private:
  void greet();
  void look();
  void on_header();
  void go_on();
  void fail(std::string_view why);
  void wait_for(std::size_t bytes);

  proxy_header header_;
  const std::chrono::steady_clock::time_point deadline_;
  bool has_greeted_ = false;
  bool waits_for_more_ = false;  // than a byte, says the socket
  bool knows_peer_ = false;
};

}  // namespace nuncio::server
