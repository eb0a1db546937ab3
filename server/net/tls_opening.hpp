#pragma once

#include "in_force.hpp"
#include "tls_session.hpp"
#include "waiting_opening.hpp"

#include <cstdint>
#include <memory>
#include <string_view>

namespace nuncio::server {

/// The way of a connection to TLS, or past it.
///
/// Steps of a handshake take too long for a shard, so they run on a thread beside: while one does
/// (`working`), the shard leaves the session alone, and the connection counts it as a wait. How
/// many handshakes a shard has under way is bounded; who comes late waits with its bytes in the
/// kernel.
///
/// What comes by WebSocket begins with its handshake, and goes on with the upgrade.
class tls_opening final : public waiting_opening {
 public:
  tls_opening(connection& of, connection_type by, bool has_greeted);
  ~tls_opening() override;

  void begin() override;
  void on_event() override;
  void on_timer() override;
  void on_turn() override;
  void stop() override;

  /// From the other thread's report, as a handler of its own.
  void on_report(tls_session::step how);

 private:
  enum class phase : std::uint8_t {
    silent,     ///< nothing was said; the client may begin with its handshake
    undecided,  ///< the client's first byte says whether it wants TLS
    expecting,  ///< a handshake, of which nothing has come
    queued,     ///< others have to be done first
    shaking,    ///< it waits for the client
    working,    ///< a step is under way on the other thread
    over,
  };

  void greet();
  void await_client();
  void await_handshake();
  void expect_handshake();
  void look_at_first_byte();
  void take_turn();
  void do_step();
  void on_step(tls_session::step how);
  void go_encrypted();
  void go_on();
  void fail(std::string_view why);
  void leave_turn();

  const std::shared_ptr<const in_force> rules_;  // those that it began with
  const entrance& at_;
  const tls_options& tls_;
  std::unique_ptr<tls_session> session_;
  phase phase_ = phase::silent;
  bool has_greeted_;
  bool has_turn_ = false;
};

}  // namespace nuncio::server
