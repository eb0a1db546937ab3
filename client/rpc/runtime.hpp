#pragma once

#include "driver.hpp"
#include "window_budget.hpp"

#include <nuncio/client/connection.hpp>
#include <nuncio/protocol/rpc.hpp>
#include <nuncio/rpc/status.hpp>

#include <boost/asio/cancellation_signal.hpp>
#include <boost/intrusive/list.hpp>
#include <boost/unordered/unordered_flat_map.hpp>

#include <string>
#include <string_view>

namespace nuncio::rpc {
using client::message_view;
using protocol::rpc_frame;
using protocol::rpc_line;

/// A call that a lost connection ends, since its other end can't know what was lost.
/// It takes itself off the list when it goes.
class bound_call : public boost::intrusive::list_base_hook<
                       boost::intrusive::link_mode<boost::intrusive::auto_unlink>> {
 public:
  /// The connection is gone. Appends to `farewell` what the next one must say first, which is whole
  /// messages.
  virtual void on_lost(std::string& farewell) = 0;
  /// The server forbids to publish to `subject`.
  virtual void on_forbidden(std::string_view subject) = 0;

 protected:
  ~bound_call() = default;
};

/// A call that waits for something: for a connection, or to hear where its service listens.
class waiting_call : public boost::intrusive::list_base_hook<
                         boost::intrusive::link_mode<boost::intrusive::auto_unlink>> {
 public:
  virtual void on_opened() = 0;

 protected:
  ~waiting_call() = default;
};

/// A stream that has news for its user, who is told when the bytes of a read are used up.
class waking_call : public boost::intrusive::list_base_hook<
                        boost::intrusive::link_mode<boost::intrusive::auto_unlink>> {
 public:
  virtual void wake() = 0;

 protected:
  ~waking_call() = default;
};

/// A call that goes on after its first attempt, by whose token its user may cancel it.
class moved_call {
 public:
  virtual void cancel() = 0;

 protected:
  ~moved_call() = default;
};

/// What the calls of one connection share, made or served.
///
/// Thread: the connection's executor.
class runtime final : public client::driver_extension {
 public:
  /// That of a connection; made when it is first asked for.
  static runtime& of(client::driver& home);

  explicit runtime(client::driver& home) : home_(home) {}

  [[nodiscard]] client::driver& home() noexcept { return home_; }
  void bind(bound_call& call) { bound_.push_back(call); }
  void wait(waiting_call& call) { waiting_.push_back(call); }

  void wake(waking_call& call);
  [[nodiscard]] window_budget& windows() noexcept { return windows_; }
  /// For a payload, until the next one is written.
  [[nodiscard]] std::string& scratch() noexcept { return scratch_; }

  /// Publishes a frame without a payload. What can't be sent is lost, and found out by its number
  /// or by time.
  void send(std::string_view subject, const rpc_line& line, std::string_view reply = {});
  void cancel(std::string_view control) { send(control, {.frame = rpc_frame::cancel}); }

  /// Lets the slot cancel a call: the entry `first` of the table, or what it has moved to.
  void cancel_by(boost::asio::cancellation_slot slot, client::timed_mux::token first);
  /// Until forget_moved().
  void note_moved(client::timed_mux::token first, moved_call& to) { moved_[first] = &to; }
  void forget_moved(client::timed_mux::token first) { moved_.erase(first); }

  void on_lost() override;
  void on_opening(std::string& first) override;
  void on_opened() override;
  void on_stray_answer(const message_view& m) override;
  void on_complaint(std::string_view text) override;
  void on_batch_end() override;

 private:
  template <class Call>
  using list_of = boost::intrusive::list<Call, boost::intrusive::constant_time_size<false>>;

  client::driver& home_;
  list_of<bound_call> bound_;
  list_of<waiting_call> waiting_;
  list_of<waking_call> waking_;
  bool is_wake_posted_ = false;
  window_budget windows_;
  std::string scratch_;
  boost::unordered_flat_map<client::timed_mux::token, moved_call*> moved_;
  std::string farewell_;
};

/// The status for what kept a message from being published.
[[nodiscard]] status status_of(boost::system::error_code error, const client::driver& home);

/// The driver of a public connection.
[[nodiscard]] inline const std::shared_ptr<client::driver>& driver_of(client::connection& it) {
  return client::connection::access::driver_of(it);
}

/// What a header block says of a call.
struct reading {
  protocol::rpc_line_state state = protocol::rpc_line_state::absent;
  rpc_line line;
  protocol::header_view headers;
  bool is_whole = true;  ///< false: the block can't be read
};
[[nodiscard]] reading read(const message_view& m);

}  // namespace nuncio::rpc
