#pragma once

#include "admission.hpp"
#include "busy_poll.hpp"
#include "connection.hpp"
#include "core/router.hpp"
#include "histogram.hpp"
#include "input_buffer.hpp"
#include "load_meter.hpp"
#include "match_cache.hpp"
#include "node.hpp"
#include "rendered_tails.hpp"
#include "staging.hpp"
#include "tcp_stream.hpp"
#include "websocket_framing.hpp"

#include <nuncio/protocol/ops.hpp>

#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/unordered/unordered_flat_map.hpp>

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <thread>
#include <utility>
#include <vector>

namespace nuncio::server {

struct message_trace;

/// Counters of one shard: it alone writes them, anyone reads them.
struct alignas(64) shard_counters {
  using counter = std::atomic<std::uint64_t>;
  counter in_messages{0}, in_bytes{0}, out_messages{0}, out_bytes{0};
  counter connections{0}, slow_consumers{0}, stale_connections{0}, stalled_producers{0};
  counter moved_connections{0};
  counter flushed_bytes{0}, queued_ns{0};
  histogram<6, 10> message_sizes;  ///< of headers and payloads, that came in
  histogram<6, 10> flush_sizes;    ///< of what was sent or queued at once
  /// From being queued to having left, in ns, of each block that didn't leave at once.
  histogram<16, 10> queued_times;

  static void add(counter& c, std::uint64_t n) noexcept {
    c.store(c.load(std::memory_order_relaxed) + n, std::memory_order_relaxed);
  }
};

/// One thread, one io_context, its connections; or the user's io_context, and the thread that runs
/// that. Reads a batch of at most one buffer, routes what is
/// in it into outlets, and flushes each outlet once.
///
/// Every handler begins with enter() and ends with end_batch(). Only what says so
/// may be called from other threads.
class shard {
 public:
  shard(node& owner, unsigned index);
  shard(const shard&) = delete;
  shard& operator=(const shard&) = delete;
  ~shard();

  [[nodiscard]] unsigned index() const noexcept { return index_; }
  [[nodiscard]] boost::asio::io_context& io() noexcept { return io_; }
  [[nodiscard]] node& of() const noexcept { return node_; }
  [[nodiscard]] const shard_counters& counters() const noexcept { return counters_; }
  [[nodiscard]] shard_counters& counters() noexcept { return counters_; }
  [[nodiscard]] coarse_time now() const noexcept { return now_; }
  [[nodiscard]] epoch_member& epoch() noexcept { return epoch_; }
  [[nodiscard]] pick_random& random() noexcept { return random_; }
  /// For one mapped subject at a time, until it is published.
  [[nodiscard]] std::string& subject_scratch() noexcept { return subject_scratch_; }
  [[nodiscard]] const in_force& rules() const noexcept { return *rules_; }

  void start();
  /// Any thread. Drains for at most a second, closes all connections, ends the thread.
  void request_stop();
  /// Waits for the end of its thread; or runs the user's loop until nothing there is ours.
  void join();
  /// On the user's loop, from within a handler that isn't ours. No connection is left; what is
  /// still under way on the loop is over when_clear().
  void stop_at_once();
  void when_clear(std::function<void()> then, int rounds = 8);
  /// Any thread. Goes over to other rules, and calls `done` then, on this shard's thread.
  void reload(std::shared_ptr<const in_force> next, std::function<void()> done);
  /// Any thread. Tells clients to go elsewhere and closes them one by one after the grace period.
  void enter_lame_duck();
  /// Any thread. Takes over a connected, non-blocking socket.
  void adopt(int descriptor, boost::asio::ip::tcp::endpoint peer, connection_type by);
  /// Any thread. Takes over a stream that is open and whose waits complete on io().
  void adopt(std::unique_ptr<stream> bytes, boost::asio::ip::tcp::endpoint peer);
  /// Any thread. These connections, or all, go to another shard as soon as they can; one that ends,
  /// or waits for something here, stays.
  void request_move(std::vector<std::uint64_t> cids, shard& to);
  void request_move_all(shard& to);
  /// Any thread. Counts anew what each connection reads.
  void begin_census();
  /// Any thread. Moves the connections that have read half of all bytes since the census; calls
  /// `chosen` with them, on this shard's thread.
  void request_split(shard& to, std::function<void(std::vector<std::uint64_t>)> chosen);
  /// Any thread.
  [[nodiscard]] const load_meter& load() const noexcept { return load_; }
  /// On this shard's thread: see load_meter.
  [[nodiscard]] std::chrono::nanoseconds busy_time() noexcept { return load_.busy_time(); }
  /// Any thread.
  [[nodiscard]] std::size_t size() const noexcept { return size_.load(std::memory_order_relaxed); }
  /// Any thread. A handler that does this will run on this shard's thread.
  template <class Work>
  void post(Work work) {
    boost::asio::post(io_, [this, work = std::move(work)]() mutable {
      enter();
      work();
      end_batch();
    });
  }

  /// Any thread. Calls use(role&) on this shard's thread, if the connection is still there then.
  template <class Use>
  void post_to_role(std::uint64_t cid, Use use) {
    post([this, cid, use = std::move(use)]() mutable { with_role(cid, std::move(use)); });
  }
  /// Any thread: this shard waits for a grace period that may be over.
  void wake_waiters();

  // For handlers and roles, on this shard's thread.

  void enter();
  void end_batch();

  /// Routes one message. `last_slot` is the publisher's memory of where its last match was.
  /// `may`: what the publisher may do; null if that was looked at already. A message that is denied
  /// is not counted.
  outcome publish(const account& who,
                  const connection* publisher,
                  const std::shared_ptr<const grants>* may,
                  const protocol::ops::pub& op,
                  std::uint16_t& last_slot);

  /// Likewise, and puts into `trace` whom it was for. The publisher may publish it. `is_dry`:
  /// nobody is sent it.
  outcome publish_watched(const account& who,
                          const connection& publisher,
                          const protocol::ops::pub& op,
                          bool is_dry,
                          message_trace& trace);

  /// A message has come in.
  void count_in(const protocol::ops::pub& op) noexcept {
    shard_counters::add(counters_.in_messages, 1);
    shard_counters::add(counters_.in_bytes, op.body.size());
    counters_.message_sizes.add(op.body.size());
  }

  void subscribe(account& who, subscription* sub);
  /// Removes `sub` from the index. It may be freed (forget()) once the returned epoch has passed.
  std::uint64_t unsubscribe(account& who, subscription* sub);

  /// Calls use(role&) if the connection is still there.
  template <class Use>
  void with_role(std::uint64_t cid, Use use) {
    const auto found = connections_.find(cid);
    if (found != connections_.end()) use(found->second->meaning());
  }

  /// Likewise, use(const connection&).
  template <class Use>
  void with_connection(std::uint64_t cid, Use use) const {
    const auto found = connections_.find(cid);
    if (found != connections_.end() && !found->second->is_ending()) use(*found->second);
  }
  /// Ends it. False: it isn't there.
  bool end_connection(std::uint64_t cid, close_reason reason);
  [[nodiscard]] std::vector<std::uint64_t> cids() const;
  /// Calls visit(const match_entry&) for each match that is remembered and true.
  template <class Visit>
  void each_match(Visit visit) const {
    for (unsigned i = 0; i < match_cache::size; ++i) {
      const match_entry* const entry = cache_.at(static_cast<std::uint16_t>(i));
      if (entry != nullptr && entry->stamp == node_.index.stamp(entry->place)) visit(*entry);
    }
  }

  void stage_bytes(connection& to, std::string_view bytes);
  void stage_pong(connection& to);
  /// Sends what this batch has staged for a connection of this shard.
  void flush_own(connection& c);
  void begin_end(connection& c);
  void resume(connection& c);
  /// A wait that `c` counts has ended; there is work if it is still of use.
  template <class Work>
  void end_wait(connection& c, Work work) {
    --c.waits_;
    enter();
    if (c.over_) {
      retire_when_idle(c);
    } else if (!c.is_ending()) {
      work();
    }
    end_batch();
  }
  void set_timer(connection& c, std::chrono::milliseconds delay);
  /// Logs what a peer can cause at will.
  void note_rarely(const connection& about,
                   rate_limited& notice,
                   log_level level,
                   std::string_view what,
                   std::string_view detail);

 private:
  friend class connection;
  friend class proxy_opening;
  friend class tls_opening;
  friend class websocket_opening;
  struct spent {
    connection* of;
    subscription* sub;
    std::uint32_t sid_hash;
  };

  void run();
  void run_turn();
  void leave_soon();
  void drop_all();
  void run_to_end();
  bool look_for_work();

  // Reading.
  void serve(connection& c);
  bool take_input(connection& c, char* data, std::size_t size);
  void count_for(connection& c, std::uint64_t messages, std::uint64_t bytes);
  void go_on_reading(connection& c, stream::status state);
  void break_off(connection& c);
  void pause(connection& c);

  // Moving.
  void ask_to_move(connection& c, shard& to);
  [[nodiscard]] std::vector<std::uint64_t> busier_half() const;
  bool hand_over(connection& c);
  bool expect_arrival() noexcept;
  void take_over(connection& c,
                 bool timed,
                 std::uint64_t ticks,
                 const std::shared_ptr<const in_force>& rules_before);

  // Matching.
  match_entry& find_targets(const account& who, std::string_view subject, std::uint16_t& last);
  match_entry& look_up(const account& who, std::string_view subject, std::uint16_t& last);
  match_entry& remember_nobody(const account& who,
                               std::string_view subject,
                               const sublist::key& key,
                               std::uint64_t stamp);
  template <class How>
  outcome route(match_entry& entry,
                const account& who,
                const connection* publisher,
                const protocol::ops::pub& op,
                How how);
  void build(match_entry& entry,
             const account& who,
             std::string_view subject,
             const sublist::key& key);
  void use_outlets(const match_entry& entry, int by) noexcept;
  void trace_delivery(const target& to, const protocol::ops::pub& op);
  void forget_stale();

  // Sending.
  outlet& outlet_of(connection& c);
  void mark_dirty(outlet& o);
  void make_room(outlet& o, std::size_t wanted);
  void mark_loose(outlet& o);
  void stage(outlet& o, std::string_view prefix, std::string_view tail, std::size_t body_size);
  void lend(outlet& o, std::string_view bytes);
  void flush_early(outlet& o);
  void flush_all();
  void give_back(outlet& o);
  void release_loose();
  void flush(outlet& o);
  void send_as_is(connection& c, std::string_view bytes);
  void send_or_queue(connection& c,
                     const iovec* pieces,
                     std::size_t count,
                     std::size_t total,
                     const message_count& what);
  void send_staged(connection& c,
                   std::unique_lock<small_mutex>& held,
                   const iovec* pieces,
                   std::size_t count,
                   std::size_t total);
  void ask_owner(connection& c);
  void append(connection& c,
              std::unique_lock<small_mutex>& held,
              const iovec* pieces,
              std::size_t count,
              std::size_t total);
  void send_queued(connection& c, std::unique_lock<small_mutex>& held);
  void note_queued(std::chrono::nanoseconds time);
  void note_pressure(connection& c);
  void leave_out(connection& c, bool yes);
  void match_anew();
  void arm_writable(connection& c, std::unique_lock<small_mutex>& held);
  [[nodiscard]] bool takes_nothing(connection& c);
  void on_writable(connection& c);
  void post_looks();
  void look(const std::vector<std::uint64_t>& cids);
  void look_at(connection& c);
  void note_spent(connection& of, subscription* sub);
  void settle_spent();

  // Beginning and ending.
  void open(std::unique_ptr<stream> bytes,
            const boost::asio::ip::tcp::endpoint& peer,
            connection_type by);
  void open_further(connection& c, connection_type by, bool has_greeted);
  [[nodiscard]] bool count_by_address(connection& c);
  void recount_by_address(connection& c);
  void follow_reload(connection& c, const in_force& before);
  void refuse_address(connection& c, connection_type by, bool has_greeted);
  void next_handshake();
  void give_up(connection& c, close_reason reason);
  void end_all();
  void say_farewell(connection& c);
  void enroll(connection& c);
  void strike_off(connection& c);
  void finish(connection& c);
  [[nodiscard]] connection_view last_view(const connection& c) const;
  void retire_when_idle(connection& c);
  void begin_stop();
  void end_loop_if_done();
  void close_one();

  // Time.
  void arm_tick();
  void on_tick();
  void fire_timers();
  void check_blocked();

  node& node_;
  std::shared_ptr<const in_force> rules_;
  const unsigned index_;
  std::optional<boost::asio::io_context> own_loop_;  // none on the user's
  boost::asio::io_context& io_;
  std::optional<boost::asio::executor_work_guard<boost::asio::io_context::executor_type>> work_;
  std::thread thread_;
  epoch_member epoch_;
  pick_random random_;
  std::string subject_scratch_;
  shard_counters counters_;

  coarse_time now_;
  std::chrono::milliseconds tick_{1000};
  boost::asio::steady_timer ticker_{io_};
  bool ticking_ = false;
  bool stopping_ = false;
  bool has_ended_ = false;               // nothing will be begun any more
  bool leave_posted_ = false;            // on the user's loop
  std::vector<connection*> unfinished_;  // there: over, but for waits of theirs
  bool in_lame_duck_ = false;
  // Connections on their way here, which the loop must outlive.
  static constexpr int loop_ended = -1;
  std::atomic<int> arriving_{0};
  boost::asio::steady_timer stop_timer_{io_};
  std::chrono::milliseconds lame_duck_pause_{0};
  timer_wheel wheel_;

  boost::unordered_flat_map<std::uint64_t, connection*> connections_;
  std::atomic<std::size_t> size_{0};
  input_buffer input_;

  match_cache cache_;
  match_entry scratch_;  // the answer for a subject that is not admitted
  match_entry nobody_;   // the last subject that nobody wanted; no targets
  allowed_beginnings may_begin_;
  std::uint16_t sweep_at_ = 0;
  rendered_tails rendered_;

  staging_pool pool_;
  frame_writer frames_;
  boost::unordered_flat_map<std::uint64_t, outlet*> foreign_outlets_;
  std::vector<std::unique_ptr<outlet>> free_outlets_;
  std::vector<outlet*> dirty_;
  std::vector<outlet*> loose_;  // named by no remembered match; given back when the batch ends
  std::size_t staged_ = 0;
  std::vector<std::vector<std::uint64_t>> looks_;  // cids by owning shard
  bool have_looks_ = false;
  std::uint64_t pressure_ = 0;    // most bytes queued for a receiver of this batch
  bool must_wait_ = false;        // one of them is nearly full, and being emptied
  bool must_match_anew_ = false;  // somebody is left out now, or no longer
  std::vector<spent> spent_;
  admission handshakes_;
  std::vector<connection*> ending_;
  std::vector<connection*> blocked_;

  load_meter load_;
  busy_poll busy_poll_;

  // Of other shards' deliveries to its connections: they write both.
  std::atomic<std::uint32_t> traces_under_way_{0};
  std::atomic<std::uint64_t> lost_traces_{0};
};

}  // namespace nuncio::server
