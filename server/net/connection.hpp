#pragma once

#include "core/receiver.hpp"
#include "input_buffer.hpp"
#include "opening.hpp"
#include "outbound.hpp"
#include "outlet.hpp"
#include "stream.hpp"
#include "timer_wheel.hpp"

#include <nuncio/protocol/error.hpp>
#include <nuncio/server/role.hpp>
#include <nuncio/server/views.hpp>

#include <boost/asio/ip/tcp.hpp>

#include <atomic>
#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

namespace nuncio::server {

struct account;
class shard;
struct node;

/// Of a moment that has passed; nothing is the epoch.
[[nodiscard]] wall_time to_wall_time(coarse_time at);

/// An address as people write it: IPv4 also where the listener's socket is IPv6.
[[nodiscard]] std::string ip_text(const boost::asio::ip::address& address);

/// One peer: a stream, bytes kept of an incomplete operation, a queue of what the peer hasn't
/// taken, and a role that says what it all means. Owns next to nothing while idle.
///
/// Thread safety: its shard's thread, but for `queue` (see there) and what `receiver` shares.
class connection final : public receiver, private stream_events, private wheel_timer {
 public:
  connection(shard& owner,
             std::uint64_t cid,
             std::unique_ptr<stream> bytes,
             boost::asio::ip::tcp::endpoint peer);
  connection(const connection&) = delete;
  connection& operator=(const connection&) = delete;
  virtual ~connection();

  // For roles.

  /// Stages bytes behind everything staged for this peer so far.
  void send(std::string_view bytes);
  /// Stages a PONG; it leaves after all that this shard has staged for others.
  void send_pong();
  /// Stages the error's -ERR, if it has a text. Says `closed` and ends the connection if the error
  /// does.
  protocol::flow fail(protocol::errc code);
  /// Ends the connection once what is staged and queued has left, or a second later.
  void end(close_reason reason);
  /// After on_input() said `suspended`: go on with the kept input. Once per suspension.
  void resume();
  /// on_timer() is called once, up to a tick late; a second call replaces the first.
  void set_timer(std::chrono::milliseconds delay);

  /// The account it belongs to, the global one until it has said more. Set by its own shard; any
  /// may look.
  ///@{
  [[nodiscard]] account& its_account() const noexcept {
    return *account_.load(std::memory_order_relaxed);
  }
  void join(account& which) noexcept { account_.store(&which, std::memory_order_relaxed); }
  ///@}
  [[nodiscard]] wall_time start() const noexcept { return start_; }
  /// What it has done.
  [[nodiscard]] connection_figures figures() const;
  /// What it has done, what and who it is.
  [[nodiscard]] connection_view view(bool with_certificates = false) const;

  /// Its shard, on that shard's thread.
  [[nodiscard]] shard& home() const noexcept { return *home_.load(std::memory_order_relaxed); }
  /// Any shard may ask it of itself.
  [[nodiscard]] bool is_at(const shard& here) const noexcept {
    return home_.load(std::memory_order_relaxed) == &here;
  }
  [[nodiscard]] const boost::asio::ip::tcp::endpoint& peer() const noexcept { return peer_; }
  /// False while a proxy may still say who is behind it: peer() may be the proxy.
  [[nodiscard]] bool knows_peer() const noexcept {
    return opening_ == nullptr || opening_->knows_peer();
  }
  [[nodiscard]] connection_type type() const noexcept { return stream_->type(); }
  /// What its certificate says of who it is; null: it has shown none.
  [[nodiscard]] std::unique_ptr<certificate_names> peer_names() const {
    return stream_->peer_names();
  }
  [[nodiscard]] const stream& bytes() const noexcept { return *stream_; }
  [[nodiscard]] role& meaning() const noexcept { return *role_; }
  [[nodiscard]] bool is_ending() const noexcept { return reason_.has_value(); }

  mutable outbound_queue queue;

 private:
  friend class proxy_opening;
  friend class shard;
  friend class tls_opening;
  friend class waiting_opening;
  friend class websocket_opening;

  void on_readable(bool aborted) override;
  void on_writable(bool aborted) override;

  static constexpr std::uint8_t stays = 0xff;

  std::atomic<shard*> home_;  // null while it moves
  std::atomic<account*> account_;
  std::unique_ptr<role> role_;
  std::unique_ptr<stream> stream_;
  const websocket_framing* framing_ = nullptr;  // the stream's; any shard may look
  std::unique_ptr<opening> opening_;            // null once the role gets input
  outlet* own_outlet_ = nullptr;
  kept_input kept_;
  boost::asio::ip::tcp::endpoint peer_;
  std::optional<close_reason> reason_;
  std::uint8_t move_to_ = stays;  // a shard's index
  std::uint8_t waits_ = 0;        // pending waits of the stream, which must end before we do
  bool suspended_ = false;
  bool over_ = false;        // off the shard's books
  bool is_counted_ = false;  // among those of its address
  bool said_farewell_ = false;
  bool in_blocked_ = false;      // in the shard's list of those whose queue is checked each tick
  std::uint16_t paused_ms_ = 0;  // in the second that began at pause_second_
  std::uint32_t pause_second_ = 0;
  std::uint32_t read_ = 0;  // bytes since the last census, modulo 2^32
  std::uint32_t stalls_ = 0;
  std::uint64_t in_messages_ = 0;
  std::uint64_t in_bytes_ = 0;  // headers and payloads
  const wall_time start_;
};

}  // namespace nuncio::server
