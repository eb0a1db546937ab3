#pragma once

#include "inbox.hpp"
#include "link.hpp"
#include "outbox.hpp"
#include "pending.hpp"
#include "server_pool.hpp"
#include "subscription_book.hpp"

#include <nuncio/client/connection.hpp>
#include <nuncio/client/message.hpp>
#include <nuncio/client/options.hpp>

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/cancellation_signal.hpp>
#include <boost/asio/error.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/steady_timer.hpp>

#include <algorithm>
#include <atomic>
#include <cstdint>
#include <deque>
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
  /// An answer that no call waits for.
  virtual void on_stray_answer(const message_view& m) = 0;
  /// The server refuses something, and goes on.
  virtual void on_complaint(std::string_view text) = 0;
  /// The bytes of a read are used up: users may be called.
  virtual void on_batch_end() = 0;
};

/// What users hold by a connection: makes links by what the server pool decides, moves from one to
/// another, and completes what users wait for.
///
/// One coroutine makes links and waits between them; another moves from a server that is about to
/// leave. Whoever is called on behalf of a message may call back, so what that could destroy is put
/// aside until the bytes of this read are used up.
/// Thread safety: its executor, but for what says otherwise.
class driver final : public std::enable_shared_from_this<driver>, private link_user {
 public:
  using operation = pending<boost::system::error_code>;
  using next_operation = pending<boost::system::error_code, message>;
  using lasting = outbox::lasting;
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
  void publish_later(message m, operation done, lasting is = lasting::yes);
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
  /// The same, up to some milliseconds late, for a fraction of what the clock costs.
  [[nodiscard]] session::time about_now() const noexcept;
  [[nodiscard]] bool is_in_batch() const noexcept { return in_batch_; }
  [[nodiscard]] timed_mux& calls() noexcept { return inbox_.calls(); }
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
  boost::system::error_code publish(const message_view& m, lasting is = lasting::yes);
  /// The same for subjects that have been looked at before.
  boost::system::error_code publish_again(const message_view& m, lasting is);
  /// Any thread. `id` is new; SUB is on its way before anything that is published afterwards.
  std::shared_ptr<subscription_state> subscribe(std::string_view subject,
                                                const subscribe_options& set,
                                                connection::callback deliver);

  void unsubscribe(const std::shared_ptr<subscription_state>& state);
  void limit(const std::shared_ptr<subscription_state>& state, std::uint64_t max);

  // For inboxes.
  subscription_book::sid add_inbox(inbox& it);
  void remove_inbox(subscription_book::sid id);
  [[nodiscard]] subscription_book& book() noexcept { return book_; }

  // For subscriptions, while they get a message or end.
  void forget(subscription_book::sid id);
  void complete_soon(next_operation done, boost::system::error_code error, message m);
  void report_slow(std::string_view subject);

  [[nodiscard]] const boost::asio::any_io_executor& get_executor() const noexcept {
    return executor_;
  }
  [[nodiscard]] const protocol::server_info& info() const noexcept { return current_->info(); }
  [[nodiscard]] bool is_open() const noexcept { return current_->is_open(); }
  [[nodiscard]] bool is_closed() const noexcept { return life_ == life::closed; }
  /// Any thread.
  [[nodiscard]] connection::counters statistics() const noexcept;

 private:
  enum class life : std::uint8_t { idle, connecting, established, closed };

  // The coroutines.
  void start(boost::asio::awaitable<void> coroutine);
  boost::asio::awaitable<void> run();
  boost::asio::awaitable<void> something_happens();
  boost::asio::awaitable<void> move();
  boost::asio::awaitable<bool> change(link& from, link& to);
  void give_up(boost::system::error_code why);

  [[nodiscard]] bool wants_to_go_on() const noexcept {
    return life_ == life::connecting || life_ == life::established;
  }
  void become_open();
  void start_writing(std::string_view first);
  void ask_for_flushes(bool all);
  void begin_move();
  [[nodiscard]] bool may_move() const noexcept;
  void finish_move();
  void end_batch();

  // What links say.
  std::shared_ptr<void> hold() override { return shared_from_this(); }
  void on_batch(session::time now, std::size_t size) override;
  void on_batch_end(std::uint64_t messages) override;
  void on_open(link& it) override;
  void on_lost(link& it, bool was_open) override;
  void on_pong(link& it, std::uint64_t count) override;
  void on_info(link& it, const protocol::server_info& info) override;
  void on_complaint(boost::system::error_code what, std::string_view text) override;
  void on_bad_setting(boost::system::error_code what, std::string_view text) override;
  void on_written(std::size_t size) override;
  void on_room() override;
  void wake_writer() override;

  void learn(const protocol::server_info& info);
  /// False if there is no connection: the next one begins with what the books say. Any thread.
  bool say(std::string_view lines);
  void unsubscribe_later(subscription_book::sid id);
  void finish_drain(subscription_book::sid id);
  void flush(operation done, bool now);
  template <class Then>
  void flush_then(Then then);
  void add(const std::shared_ptr<subscription_state>& state, std::string queue, std::uint64_t max);
  template <class Waiting>
  void cancel(std::deque<Waiting>& among, std::uint64_t number);
  void retry_publishes();
  void drop_publishes();
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
  struct publish_waiting {
    std::uint64_t number;
    message what;
    operation done;
    lasting is;
  };

  const boost::asio::any_io_executor executor_;
  options options_;
  boost::system::error_code bad_options_;
  std::string bad_options_text_;
  server_pool pool_;
  subscription_book book_;
  outbox outbox_;
  link first_;
  link second_;
  link* current_ = &first_;          // what users' messages go by
  link* leaving_ = nullptr;          // what they came from; calls of then are still answered there
  boost::asio::steady_timer event_;  // wakes run(), by its end or its cancellation
  boost::asio::steady_timer pause_;  // of move()

  life life_ = life::idle;
  bool is_running_ = false;    // the coroutine is there
  bool is_abandoned_ = false;  // nobody waits any more for the attempt that is under way
  bool was_open_ = false;
  bool is_draining_ = false;
  bool is_moving_ = false;   // so is the other coroutine
  bool is_joined_ = false;   // groups are on two servers
  bool is_between_ = false;  // the old server says its last, and nothing is written
  bool in_batch_ = false;
  session::time batch_now_;  // when the bytes that are being used were read
  boost::system::error_code last_error_;

  std::uint64_t operations_ = 0;
  std::deque<connect_waiting> connects_;
  std::deque<flush_waiting> flushes_;
  std::deque<publish_waiting> publishes_;
  boost::intrusive::list<inbox, boost::intrusive::constant_time_size<false>> inboxes_;
  inbox inbox_;
  std::shared_ptr<driver_extension> extension_;
  std::unordered_map<subscription_book::sid, std::shared_ptr<subscription_state>> subscriptions_;
  std::vector<std::shared_ptr<subscription_state>> retired_;  // until the batch is over
  struct completion {
    next_operation operation;
    boost::system::error_code error;
    message what;
  };
  std::vector<completion> ready_;
  std::vector<std::unique_ptr<finished_call>> finished_;

  std::atomic<subscription_book::sid> last_sid_{0};
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
