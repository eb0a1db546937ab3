#pragma once

#include "credit.hpp"

#include <nuncio/rpc/status.hpp>

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>

namespace nuncio::rpc {

using protocol::rpc_frame;
using protocol::rpc_line;

/// One end of a stream: which frames go out, what those that come mean, and how it ends.
///
/// Pure: frames and times go in, and what is to be done is told to its `actions`. It ends once.
///
///                caller                                service
///   opening ── accept ──► open ── end ──► over        open ── finish(), cancel ──► over
///      └── an item without a line ──► classic ──► over         classic ──► over
///
/// Source: docs/rpc-wire.md, sections 5 to 7.
class stream_machine {
 public:
  using time = std::chrono::steady_clock::time_point;
  using duration = std::chrono::steady_clock::duration;

  enum class side : std::uint8_t { caller, service };

  struct settings {
    side which = side::caller;
    rpc_frame kind = rpc_frame::bidi;  ///< server, client or bidi
    bool is_classic = false;           ///< service: its caller knows nothing of streams
    rpc_amount window;                 ///< that this end grants
    std::uint64_t first = 0;           ///< the number before that of our first item
    duration ping_after{};
    int max_unanswered = 3;
    std::optional<time> deadline;
    duration accept_within{};    ///< caller
    duration classic_silence{};  ///< caller
    duration max_age{};          ///< service
    duration max_idle{};         ///< service

    [[nodiscard]] bool is_caller() const noexcept { return which == side::caller; }
    [[nodiscard]] bool sends_items() const noexcept {
      return !is_caller() || kind != rpc_frame::server;
    }
    [[nodiscard]] bool gets_items() const noexcept {
      return is_caller() || kind != rpc_frame::server;
    }
  };

  /// What it does. None of them may call back into the machine but for what says so.
  class actions {
   public:
    /// Sends a frame without a payload. Where a reply subject belongs to it, that is the caller's.
    virtual void send(const rpc_line& line) = 0;
    /// Tells the caller of a failure, by `end`.
    virtual void send_failure(const status& why) = 0;
    /// An item came. It may be taken at once.
    virtual void deliver(std::string_view item) = 0;
    /// The other end sends no more items; the call goes on.
    virtual void on_peer_closed() = 0;
    /// There may be credit again.
    virtual void on_credit() = 0;
    /// The call is over. `keeps_items`: those that came are still good.
    virtual void on_over(status how, bool keeps_items) = 0;
    /// The window that can be granted next, in bytes.
    virtual std::uint64_t window_bytes(std::uint64_t now_granted) = 0;

   protected:
    ~actions() = default;
  };

  stream_machine(const settings& set, actions& by, time now);

  // --- the caller's beginning, and the service's

  void set_deadline(std::optional<time> deadline) noexcept { set_.deadline = deadline; }
  [[nodiscard]] const settings& rules() const noexcept { return set_; }
  /// The opening's line, without a time.
  [[nodiscard]] rpc_line opening() const;
  /// A service takes the call that `opening` began: says so.
  void accept(const rpc_line& opening, std::string_view first_item);

  // --- what comes

  /// A message without a line and without a failure.
  void on_bare(std::string_view payload, time now);
  void on_frame(const rpc_line& line, std::string_view payload, time now);
  /// A message that tells of a failure, whatever its line is.
  void on_failure(const rpc_line& line, status why, time now);
  /// The broker says that the other end isn't there.
  void on_no_responders();
  /// The line can't be read.
  void on_malformed();
  /// Another instance has accepted the same call.
  void on_second_accept();

  void on_time(time now);
  /// When on_time() is to be called, at the latest.
  [[nodiscard]] time next_time();

  // --- what goes

  /// An item may be sent.
  [[nodiscard]] bool can_send() const noexcept {
    return !is_closed_ && (phase_ == phase::open ? credit_.has_any() : phase_ == phase::classic);
  }
  /// The line for the next item; nothing where it needs none. Nothing has been sent yet.
  [[nodiscard]] std::optional<rpc_line> line_for(std::size_t bytes) const;
  [[nodiscard]] const rpc_amount& sent() const noexcept { return credit_.sent(); }
  /// That item has been sent.
  void note_sent(std::size_t bytes, bool had_line, time now);
  /// The caller sends no more items.
  void close();
  /// The service ends the call without a failure: the line of its `end`.
  [[nodiscard]] rpc_line finish();
  /// The application has taken an item.
  void take(std::size_t bytes);

  // --- ends made here

  /// This end wants no more of it, and says so.
  void give_up(status why);
  /// It is over, and nothing can be said.
  void lose(status why);

  [[nodiscard]] bool is_opening() const noexcept { return phase_ == phase::opening; }
  [[nodiscard]] bool is_over() const noexcept { return phase_ == phase::over; }
  [[nodiscard]] bool is_classic() const noexcept { return phase_ == phase::classic; }
  [[nodiscard]] bool is_closed() const noexcept { return is_closed_; }
  [[nodiscard]] bool is_peer_closed() const noexcept { return is_peer_closed_; }
  [[nodiscard]] bool is_draining() const noexcept { return is_draining_; }

 private:
  enum class phase : std::uint8_t { opening, open, classic, over };

  [[nodiscard]] bool is_caller() const noexcept { return set_.is_caller(); }
  void hear(time now);
  void on_accept(const rpc_line& line);
  void on_end(const rpc_line& line);
  void receive(std::string_view payload, time now);
  [[nodiscard]] bool agrees(const rpc_line& line, std::uint64_t arriving = 0);
  bool hear_grant(const rpc_line& line);
  void send_ack();
  void add_taken(rpc_line& line);
  void peer_closes();
  void fail_protocol(std::string_view what);
  void lose_data();
  void end(status how, bool keeps_items);
  [[nodiscard]] std::uint64_t number() const noexcept { return set_.first + credit_.sent().frames; }
  [[nodiscard]] time due() const;

  settings set_;
  actions& do_;
  send_credit credit_;
  receive_window window_;
  std::uint64_t peer_first_ = 0;
  std::uint64_t acks_ = 0;
  std::uint64_t pings_ = 0;
  time began_;
  time heard_;
  time moved_;  // an item, in either direction
  time ping_at_;
  time wake_at_ = time::max();
  phase phase_;
  int unanswered_ = 0;
  bool is_closed_;
  bool is_peer_closed_;
  bool is_draining_ = false;
};

}  // namespace nuncio::rpc
