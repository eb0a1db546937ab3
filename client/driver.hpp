#pragma once

#include "outbox.hpp"
#include "pending.hpp"
#include "protocol_trace.hpp"
#include "server_pool.hpp"
#include "session.hpp"
#include "timed_mux.hpp"

#include <nuncio/client/connection.hpp>
#include <nuncio/client/message.hpp>
#include <nuncio/client/options.hpp>
#include <nuncio/client/transport.hpp>
#include <nuncio/protocol/message_parser.hpp>

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/cancellation_signal.hpp>
#include <boost/asio/error.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/steady_timer.hpp>

#include <algorithm>
#include <array>
#include <atomic>
#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

namespace nuncio::client {

class subscription_state;

/// Fills all bytes from the system's source, which can't be guessed.
void draw_random(std::span<std::byte> into);

/// A call that is over and has only to be told to its user.
class finished_call {
 public:
  finished_call() = default;
  finished_call(const finished_call&) = delete;
  finished_call& operator=(const finished_call&) = delete;
  virtual ~finished_call() = default;
  virtual void complete() = 0;
};

/// Something that lives with a connection and makes calls of its own on it.
///
/// Thread: the driver's executor.
class driver_extension {
 public:
  driver_extension() = default;
  driver_extension(const driver_extension&) = delete;
  driver_extension& operator=(const driver_extension&) = delete;
  virtual ~driver_extension() = default;

  /// The connection is gone.
  virtual void on_lost() = 0;
  /// There is a new one: what must be said on it before anything else.
  virtual void on_opening(std::string& first) = 0;
  /// It is ready.
  virtual void on_opened() = 0;
  /// It is closed for good, and nothing of it may keep the executor busy.
  virtual void on_closed() = 0;
  /// An answer that no call waits for.
  virtual void on_stray_answer(const message_view& m) = 0;
  /// The server refuses something, and goes on.
  virtual void on_complaint(std::string_view text) = 0;
  /// The bytes of a read are used up: users may be called.
  virtual void on_batch_end() = 0;
};

/// Carries out what session, server pool and outbox decide: makes connections, reads, writes, keeps
/// the time, and completes what users wait for.
///
/// One coroutine makes connections and waits between them; reading and writing are callbacks, since
/// they are the path of every message. Whoever is called on behalf of a message may call back, so
/// what that could destroy is put aside until the bytes of this read are used up.
/// Thread safety: its executor, but for what says otherwise.
class driver final : public std::enable_shared_from_this<driver>, private session_events {
 public:
  using operation = pending<boost::system::error_code>;
  using next_operation = pending<boost::system::error_code, message>;
  using collect_operation = pending<boost::system::error_code, std::vector<message>>;

  driver(boost::asio::any_io_executor executor, options settings);
  driver(const driver&) = delete;
  driver& operator=(const driver&) = delete;
  virtual ~driver();  // it has virtual functions; nothing derives from it

  void connect(operation done);
  /// `detached`: the user's object is going away, so nobody is told.
  void close(bool detached);
  void flush(operation done);
  void drain(operation done);
  void drain(const std::shared_ptr<subscription_state>& state, operation done);
  /// Waits for room, whatever the options say.
  void publish_later(message m, operation done);
  [[nodiscard]] when_full pending_full() const noexcept { return options_.pending_full; }
  void request(const message_view& m, std::chrono::milliseconds timeout, next_operation done);
  void request_many(const message_view& m, const collect_options& until, collect_operation done);

  /// Puts a call into calls(): answers to its subject can come from now on.
  timed_mux::token expect(std::unique_ptr<mux_call> call);
  /// Publishes `m` so that the call gets the answers, and says where it is in calls(). If that
  /// can't be done the call isn't taken, and nothing is published.
  struct started {
    boost::system::error_code error;
    timed_mux::token which = 0;
  };
  started start(std::unique_ptr<mux_call>& call, const message_view& m);
  /// The time of the bytes that are being used, or now.
  [[nodiscard]] session::time now() const noexcept {
    return in_batch_ ? batch_now_ : std::chrono::steady_clock::now();
  }
  [[nodiscard]] bool is_in_batch() const noexcept { return in_batch_; }
  [[nodiscard]] timed_mux& calls() noexcept { return *calls_; }
  /// Lets the slot end a call of calls(), with operation_aborted.
  void cancel_by(boost::asio::cancellation_slot slot, timed_mux::token which);
  /// Calls `cancel` on the executor when the slot says so; never if this is gone by then.
  template <class Cancel>
  void on_cancel(boost::asio::cancellation_slot slot, const Cancel& cancel);
  /// At most one; it is kept.
  [[nodiscard]] const std::shared_ptr<driver_extension>& extension() const noexcept {
    return extension_;
  }
  void extend(std::shared_ptr<driver_extension> by) { extension_ = std::move(by); }
  /// Completes when the bytes of this read are used up, if there are any, so that nothing that a
  /// user lets go of is still in use.
  void finish_soon(std::unique_ptr<finished_call> call);

  /// Any thread.
  boost::system::error_code publish(const message_view& m);
  /// Any thread. `id` is new; SUB is on its way before anything that is published afterwards.
  std::shared_ptr<subscription_state> subscribe(std::string_view subject,
                                                const subscribe_options& set,
                                                connection::callback deliver);

  void unsubscribe(const std::shared_ptr<subscription_state>& state);
  void limit(const std::shared_ptr<subscription_state>& state, std::uint64_t max);

  // For subscriptions, while they get a message or end.
  void forget(session::sid id);
  void complete_soon(next_operation done, boost::system::error_code error, message m);
  void report_slow(std::string_view subject);

  [[nodiscard]] const boost::asio::any_io_executor& get_executor() const noexcept {
    return executor_;
  }
  [[nodiscard]] const protocol::server_info& info() const noexcept { return session_.info(); }
  [[nodiscard]] bool is_open() const noexcept { return session_.is_open(); }
  [[nodiscard]] bool is_closed() const noexcept { return life_ == life::closed; }
  /// Any thread.
  [[nodiscard]] connection::counters statistics() const noexcept;

 private:
  enum class life : std::uint8_t { idle, connecting, established, closed };

  // The coroutine.
  boost::asio::awaitable<void> run();
  boost::asio::awaitable<void> something_happens();
  boost::asio::awaitable<void> stream_ends();
  boost::asio::awaitable<boost::system::error_code> open(const server_pool::attempt& to);
  boost::asio::awaitable<boost::system::error_code> dial(const protocol::server_url& server);
  boost::asio::awaitable<boost::system::error_code> secure(const server_pool::attempt& to);
  boost::asio::awaitable<void> secure_and_greet(const server_pool::attempt& to);
  boost::asio::awaitable<boost::system::error_code> add_layer(
      std::function<void(stream_handler)> start);
  void give_up(boost::system::error_code why);

  // A connection.
  void begin(const protocol::server_url& server, credentials who, session::security how);
  [[nodiscard]] bool wants_to_go_on() const noexcept {
    return life_ == life::connecting || life_ == life::established;
  }
  void read();
  void on_read(boost::system::error_code error, std::size_t size);
  void handle_input(std::size_t size);
  void become_open();
  void wake_writer();
  void write();
  void on_written(boost::system::error_code error);
  void send_control();
  void lose(boost::system::error_code why, std::string_view text);
  void arm_timer();
  void on_timer();

  // What a connection says.
  void on_pong(std::uint64_t count) override;
  void on_info(const protocol::server_info& info) override;
  void on_complaint(boost::system::error_code what, std::string_view text) override;

  void learn(const protocol::server_info& info);
  void unsubscribe_later(session::sid id);
  void finish_drain(session::sid id);
  template <class Then>
  void flush_then(Then then);
  void subscribe_inbox();
  void add(const std::shared_ptr<subscription_state>& state, std::string queue, std::uint64_t max);
  template <class Waiting>
  void cancel(std::deque<Waiting>& among, std::uint64_t number);
  void end_batch();
  void retry_publishes();
  void cancel_connect(std::uint64_t number);
  void end_connects(boost::system::error_code how);
  void fail_flushes(boost::system::error_code why);
  void tell(status::kind what, boost::system::error_code error = {}, std::string_view text = {});

  struct connect_waiting {
    std::uint64_t number;
    operation done;
  };
  struct flush_waiting {
    std::uint64_t number;
    std::uint64_t pong;  // 0: its PING is sent once there is a connection
    operation done;
  };
  struct inbox final : subscriber {
    explicit inbox(driver& its) noexcept : home(its) {}
    void on_message(const protocol::server_message& m) override;
    void on_end(boost::system::error_code why) override;
    driver& home;
  };
  struct publish_waiting {
    std::uint64_t number;
    message what;
    operation done;
  };

  const boost::asio::any_io_executor executor_;
  options options_;
  boost::system::error_code bad_options_;
  std::string bad_options_text_;
  server_pool pool_;
  session session_;
  outbox outbox_;
  protocol::message_parser parser_;
  protocol_trace trace_;
  std::vector<char> input_;
  std::string greeting_;  // goes out before the outbox is open
  std::string writing_;
  std::unique_ptr<transport> transport_;  // empty while a layer is being put on it
  boost::asio::steady_timer timer_;       // PINGs
  boost::asio::steady_timer event_;       // wakes the coroutine, by its end or its cancellation
  boost::asio::steady_timer attempt_;     // bounds one attempt
  boost::asio::cancellation_signal abort_dial_;
  std::string address_;  // of the server in use, or tried

  life life_ = life::idle;
  bool is_running_ = false;    // the coroutine is there
  bool is_abandoned_ = false;  // nobody waits any more for the attempt that is under way
  bool was_open_ = false;
  bool is_up_ = false;       // the stream is usable
  bool awaits_tls_ = false;  // the server has said INFO, and TLS must begin
  bool is_draining_ = false;
  bool is_reading_ = false;
  bool is_writing_ = false;
  bool in_batch_ = false;
  bool attempt_expired_ = false;
  session::time batch_now_;  // when the bytes that are being used were read
  boost::system::error_code last_error_;
  std::string last_text_;

  std::uint64_t operations_ = 0;
  std::deque<connect_waiting> connects_;
  std::deque<flush_waiting> flushes_;
  std::deque<publish_waiting> publishes_;
  inbox inbox_{*this};
  std::shared_ptr<timed_mux> calls_;
  bool has_inbox_ = false;
  std::shared_ptr<driver_extension> extension_;
  std::unordered_map<session::sid, std::shared_ptr<subscription_state>> subscriptions_;
  std::vector<std::shared_ptr<subscription_state>> retired_;  // until the batch is over
  struct completion {
    next_operation operation;
    boost::system::error_code error;
    message what;
  };
  std::vector<completion> ready_;
  std::vector<std::unique_ptr<finished_call>> finished_;

  std::atomic<session::sid> last_sid_{0};
  std::atomic<std::int64_t> max_payload_;
  std::atomic<bool> takes_headers_{true};
  std::atomic<std::uint64_t> in_messages_{0};
  std::atomic<std::uint64_t> in_bytes_{0};
  std::atomic<std::uint64_t> out_bytes_{0};
  std::atomic<std::uint64_t> reconnects_{0};
};

struct connection::access {
  static const std::shared_ptr<driver>& driver_of(connection& it) noexcept { return it.driver_; }
  static client::subscription subscribe(driver& it,
                                        std::string_view subject,
                                        const subscribe_options& set,
                                        callback deliver) {
    return client::subscription(it.subscribe(subject, set, std::move(deliver)));
  }
};

template <class Cancel>
void driver::on_cancel(boost::asio::cancellation_slot slot, const Cancel& cancel) {
  if (!slot.is_connected()) return;
  slot.assign([weak = weak_from_this(), cancel](boost::asio::cancellation_type) {
    const auto self = weak.lock();
    if (!self) return;
    boost::asio::post(self->executor_, [self, cancel] { cancel(); });
  });
}

template <class Waiting>
void driver::cancel(std::deque<Waiting>& among, std::uint64_t number) {
  const auto at = std::find_if(among.begin(), among.end(),
                               [number](const Waiting& each) { return each.number == number; });
  if (at == among.end()) return;
  auto done = std::move(at->done);
  among.erase(at);
  done.post(executor_, boost::asio::error::operation_aborted);
}

}  // namespace nuncio::client
