#pragma once

#include "opening.hpp"

#include <boost/asio/steady_timer.hpp>

#include <chrono>
#include <cstdint>

namespace nuncio::server {

class connection;
class shard;

/// What openings have in common: one that waits for its stream and for a time, and gives the
/// connection to its role in the end. Each wait is counted by the connection, so that both are
/// there when it ends.
class waiting_opening : public opening {
 public:
  void stop() override;

 protected:
  explicit waiting_opening(connection& of);

  void wait_readable();
  void wait_writable();
  /// Pre: it has been waited for, and an event has come.
  void note_event() noexcept { is_waiting_ = false; }
  void set_timer(std::chrono::milliseconds delay);
  /// The timer hasn't been set anew meanwhile.
  [[nodiscard]] bool is_late() const;

  /// The connection is its role's, which has yet to greet or has done so. Destroys this.
  void hand_over(bool has_greeted);

  connection& owner;
  shard& home;

 private:
  boost::asio::steady_timer timer_;
  bool is_waiting_ = false;
};

}  // namespace nuncio::server
