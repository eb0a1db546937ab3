#pragma once

#include "item_queue.hpp"
#include "runtime.hpp"
#include "stream_machine.hpp"

#include <nuncio/rpc/metadata.hpp>
#include <nuncio/rpc/stream.hpp>
#include <nuncio/rpc/stream_options.hpp>

#include <memory>
#include <optional>
#include <string>
#include <string_view>

namespace nuncio::rpc {

/// One end of a stream on a connection: carries out what its machine decides, holds the items that
/// wait to be taken, and tells its user when the bytes of a read are used up.
///
/// The connection's table of calls (of controls, at a service) keeps it until it is over; users
/// keep it as long as they like. Thread: the connection's executor.
class stream_core : public stream_machine::actions,
                    public bound_call,
                    public waking_call,
                    public std::enable_shared_from_this<stream_core> {
 public:
  using time = stream_machine::time;

  stream_core(const stream_core&) = delete;
  stream_core& operator=(const stream_core&) = delete;

  // By its entry in the table of calls: when to look again; nothing once it is over.
  std::optional<time> on_message(const message_view& m, time now);
  std::optional<time> on_time(time now);
  void on_failure(boost::system::error_code why);

  // For users.
  using news = detail::stream_end::news;
  using sent = detail::stream_end::sent;
  [[nodiscard]] news look() const noexcept;
  [[nodiscard]] std::string_view item() const noexcept { return items_.front(); }
  [[nodiscard]] content_type item_type() const noexcept { return type_in_; }
  void pop();
  [[nodiscard]] virtual status refuse(const status& why) = 0;
  [[nodiscard]] const status& ended() const noexcept;
  /// What the other end said at the beginning, and at the end.
  [[nodiscard]] const metadata& first_headers() const noexcept { return headers_; }
  [[nodiscard]] const metadata& trailers() const noexcept { return trailers_; }
  [[nodiscard]] bool is_draining() const noexcept { return machine_.is_draining(); }
  [[nodiscard]] virtual sent send(std::string_view payload, content_type type);
  [[nodiscard]] content_type type_out() const noexcept { return type_out_; }
  [[nodiscard]] status why_refused() const;
  void close();
  /// The user cancels, or nobody holds it any more.
  virtual void cancel() = 0;
  void wait_readable(detail::stream_end::handler done);
  void wait_writable(detail::stream_end::handler done);
  [[nodiscard]] runtime& runs_on() const noexcept { return runtime_; }

  void on_lost(std::string& farewell) override;
  void on_forbidden(std::string_view subject) override;
  void wake() override;

 protected:
  stream_core(std::shared_ptr<client::driver> by,
              stream_machine::settings set,
              const stream_options& options,
              content_type type,
              time now);
  ~stream_core();

  [[nodiscard]] client::driver& driver() const noexcept { return *driver_; }
  [[nodiscard]] stream_machine& machine() noexcept { return machine_; }
  [[nodiscard]] const stream_machine& machine() const noexcept { return machine_; }
  /// Where frames go; empty as long as that isn't known, and the same ever after.
  [[nodiscard]] virtual const std::string& peer() const noexcept = 0;
  /// The subject that goes with a frame as its reply.
  [[nodiscard]] virtual std::string reply_of(rpc_frame frame) const = 0;
  /// The last words on the next connection; nothing if there are none.
  [[nodiscard]] virtual protocol::rpc_block farewell(const status& why) const = 0;
  /// An instance says that it has taken the call. False if the machine need not hear of it.
  virtual bool take_control(const message_view& m) = 0;
  /// The call is over.
  virtual void on_ended(const status& how) = 0;

  /// Publishes, or does so later where the connection is full: what is sent stays in order.
  boost::system::error_code put(std::string_view header_block,
                                std::string_view payload,
                                std::string_view reply = {});

  // What the machine asks for.
  void send(const rpc_line& line) override;
  void deliver(std::string_view item) override;
  void on_peer_closed() override { wake_user(); }
  void on_credit() override { wake_user(); }
  void on_over(status how, bool keeps_items) override;
  std::uint64_t window_bytes(std::uint64_t now_granted) override;

 private:
  struct waiting {
    client::pending<boost::system::error_code> done;
    std::uint64_t number;
  };

  static stream_machine::settings complete(stream_machine::settings set,
                                           const stream_options& options,
                                           std::uint64_t bytes);
  void handle(const message_view& m, time now);
  [[nodiscard]] bool can_write() const noexcept { return queued_ == 0 && machine_.can_send(); }
  [[nodiscard]] bool is_write_decided() const noexcept {
    return can_write() || machine_.is_over() || machine_.is_closed();
  }
  void wake_user() {
    if (reading_ || writing_) runtime_.wake(*this);
  }
  void wait(std::optional<waiting>& place, bool is_decided, detail::stream_end::handler done);
  static void complete(std::optional<waiting>& place, boost::system::error_code error);

  const std::shared_ptr<client::driver> driver_;
  runtime& runtime_;
  const std::uint64_t wanted_bytes_;  // of the window
  std::uint64_t granted_bytes_;
  stream_machine machine_;
  item_queue items_;
  std::unique_ptr<const status> failure_;  // how it ended, unless well
  boost::system::error_code refused_;      // why the last item was
  metadata headers_;
  metadata trailers_;
  std::optional<waiting> reading_;
  std::optional<waiting> writing_;
  std::uint64_t operations_ = 0;
  std::size_t queued_ = 0;  // messages that wait for room in the connection
  bool is_peer_checked_ = false;
  content_type type_in_;
  const content_type type_out_;
};

/// A stream in a table of calls.
class stream_entry final : public client::mux_call {
 public:
  stream_entry(std::shared_ptr<stream_core> of, time first) : mux_call(first), of_(std::move(of)) {}
  std::optional<time> on_answer(const message_view& m, time now) override {
    return of_->on_message(m, now);
  }
  std::optional<time> on_time(time now) override { return of_->on_time(now); }
  void on_failure(boost::system::error_code why) override { of_->on_failure(why); }

 private:
  std::shared_ptr<stream_core> of_;
};

}  // namespace nuncio::rpc
