#pragma once

#include "in_force.hpp"
#include "waiting_opening.hpp"

#include <cstddef>
#include <memory>
#include <string>
#include <string_view>

namespace nuncio::server {

/// The way of a connection from HTTP to WebSocket.
class websocket_opening final : public waiting_opening {
 public:
  explicit websocket_opening(connection& of);

  void begin() override;
  void on_event() override;
  void on_timer() override;
  void on_turn() override {}

 private:
  void read();
  void decide(std::size_t size);
  void fail(std::string_view why);

  const std::shared_ptr<const in_force> rules_;  // those that it began with
  std::string received_;
};

}  // namespace nuncio::server
