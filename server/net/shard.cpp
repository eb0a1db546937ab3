#include "shard.hpp"

#include <boost/asio/post.hpp>
#include <climits>

#include <sched.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <utility>

// A shard's life: its thread, its connections' beginning and end, its time.
namespace nuncio::server {
namespace {

using std::chrono::milliseconds;
using std::chrono::steady_clock;

constexpr milliseconds drain_limit{1000};
// Many are remembered.
constexpr std::size_t most_shown_of_closed = 64;
// Under way at a time, in all shards: each takes some 50 KB.
constexpr std::size_t most_handshakes = 1024;

// Fine enough for the shortest interval in force, coarse enough to cost nothing.
milliseconds tick_for(const in_force& rules) {
  const auto shortest = std::min({rules.standard.ping_interval, rules.websocket.ping_interval,
                                  milliseconds(rules.opts.write_deadline)});
  return std::clamp(shortest / 8, milliseconds{20}, milliseconds{1000});
}

int usable_cores() noexcept {
  cpu_set_t cores;
  return ::sched_getaffinity(0, sizeof cores, &cores) == 0 ? CPU_COUNT(&cores) : INT_MAX;
}

}  // namespace

shard::shard(node& owner, unsigned index)
    : node_(owner),
      index_(index),
      io_(owner.loop != nullptr ? *owner.loop : own_loop_.emplace(1)),
      epoch_(*owner.all_epochs, index),
      random_(hash_bytes("pick", owner.next_cid.load() + index + 1) ^
              reinterpret_cast<std::uintptr_t>(this)),
      looks_(owner.all_epochs->members()),
      handshakes_(std::max<std::size_t>(most_handshakes / owner.all_epochs->members(), 4)),
      busy_poll_(owner.opts.busy_poll, usable_cores()) {}

shard::~shard() {
  // On a loop of the user's that didn't go on to their last handlers.
  for (const connection* const each : unfinished_) delete each;
  for (std::uint16_t i = 0; i < match_cache::size; ++i) {
    if (const auto entry = cache_.replace(i, nullptr)) use_outlets(*entry, -1);
  }
  release_loose();
}

void shard::start() {
  now_ = steady_clock::now();
  rules_ = node_.rules();
  tick_ = tick_for(*rules_);
  if (!own_loop_) return;
  work_.emplace(io_.get_executor());
  thread_ = std::thread([this] { run(); });
}

void shard::join() {
  if (thread_.joinable()) thread_.join();
  if (!own_loop_) run_to_end();
}

// Nobody else runs the loop.
void shard::run_to_end() {
  const bool was_stopped = io_.stopped();
  const auto run_one = [this] {
    if (io_.stopped()) io_.restart();
    io_.run_one();
  };
  while (!has_ended_) run_one();
  bool is_clear = false;
  when_clear([&is_clear] { is_clear = true; });
  while (!is_clear) run_one();
  epoch_.leave();
  if (was_stopped) io_.stop();
}

// What has been cancelled is still to be called, and may have posted something in turn. The loop is
// first in, first out.
void shard::when_clear(std::function<void()> then, int rounds) {
  boost::asio::post(io_, [this, then = std::move(then), rounds]() mutable {
    if (rounds == 0) return then();
    when_clear(std::move(then), rounds - 1);
  });
}

void shard::stop_at_once() {
  begin_stop();
  if (!has_ended_) drop_all();
}

// On a loop of the user's nobody says when it is idle.
void shard::leave_soon() {
  if (std::exchange(leave_posted_, true)) return;
  boost::asio::post(io_, [this] {
    leave_posted_ = false;
    epoch_.leave();
  });
}

void shard::run() {
  while (!io_.stopped()) run_turn();
  epoch_.leave();
}

void shard::run_turn() {
  if (!look_for_work() && io_.run_one() == 0) return;
  io_.poll();
  epoch_.leave();
}

// True if a handler has run.
bool shard::look_for_work() {
  // The core may be the one that handshakes are waited for from.
  if (node_.handshakes.is_busy()) return false;
  const auto limit = busy_poll_.next();
  if (limit <= limit.zero()) return false;
  const auto begin = steady_clock::now();
  for (auto now = begin; now - begin < limit; now = steady_clock::now()) {
    if (io_.poll_one() == 0) continue;
    load_.idled(now - begin);
    busy_poll_.looked(true);
    return true;
  }
  load_.idled(limit);
  busy_poll_.looked(false);
  return false;
}

void shard::enter() {
  epoch_.enter();
  now_ = steady_clock::now();
  load_.note(now_);
  // A shard that is never idle reclaims here: a handler begins with nothing in its hands.
  if (epoch_.backlog() > 64) epoch_.reclaim();
}

void shard::end_batch() {
  settle_spent();
  flush_all();
  post_looks();
  match_anew();
  rendered_.end_batch();
  input_.recycle();
  if (!ending_.empty()) end_all();
  if (!loose_.empty()) release_loose();
  if (!own_loop_ && epoch_.backlog() != 0) leave_soon();
}

void shard::wake_waiters() {
  post([this] { epoch_.check_waiters(); });
}

void shard::subscribe(account& who, subscription* sub) {
  node_.index.insert(who, sub, epoch_);
}

std::uint64_t shard::unsubscribe(account& who, subscription* sub) {
  node_.index.remove(who, sub, epoch_);
  return epoch_.seal();
}

void shard::adopt(int descriptor, boost::asio::ip::tcp::endpoint peer, connection_type by) {
  post([this, descriptor, peer = std::move(peer), by] {
    tcp_stream::socket socket(io_);
    boost::system::error_code failure;
    socket.assign(boost::asio::ip::tcp::v6(), descriptor, failure);
    if (failure) ::close(descriptor);
    open(failure ? nullptr : std::make_unique<tcp_stream>(std::move(socket)), peer, by);
  });
}

void shard::adopt(std::unique_ptr<stream> bytes, boost::asio::ip::tcp::endpoint peer) {
  post([this, bytes = std::move(bytes), peer = std::move(peer)]() mutable {
    const auto by = bytes->type();
    open(std::move(bytes), peer, by);
  });
}

void shard::open(std::unique_ptr<stream> bytes,
                 const boost::asio::ip::tcp::endpoint& peer,
                 connection_type by) {
  if (bytes == nullptr || stopping_) {
    if (node_.connections.fetch_sub(1, std::memory_order_acq_rel) == 1) node_.last_one_left();
    return;
  }
  auto owned =
      std::make_unique<connection>(*this, node_.next_cid.fetch_add(1), std::move(bytes), peer);
  connection& c = *owned.release();  // freed through the epochs, see retire_when_idle()
  enroll(c);
  shard_counters::add(counters_.connections, 1);
  c.role_ = node_.make_client(c);
  const bool is_proxied = rules_->entrance_of(by).is_behind_proxy;
  if (is_proxied && c.stream_->descriptor() >= 0) {
    c.opening_ = make_proxy_opening(c);
    c.opening_->begin();
  } else {
    open_further(c, by, false);
  }
  arm_tick();
}

// Who the peer is, is known. What comes before the role's input, if anything does?
void shard::open_further(connection& c, connection_type by, bool has_greeted) {
  if (!count_by_address(c)) return refuse_address(c, by, has_greeted);
  const auto& at = rules_->entrance_of(by);
  if (at.tls != nullptr && c.stream_->descriptor() >= 0) {
    c.opening_ = make_tls_opening(c, by, has_greeted);
  } else if (at.is_http) {
    c.opening_ = make_websocket_opening(c);
  }
  if (c.opening_ != nullptr) return c.opening_->begin();
  if (!has_greeted) c.role_->on_open();
  if (!c.is_ending()) c.role_->on_ready();
  if (c.is_ending()) return;
  ++c.waits_;
  c.stream_->wait_readable(c);
}

// In-process connections have no address of their own.
bool shard::count_by_address(connection& c) {
  const auto limit = rules_->opts.max_connections_per_address;
  if (limit <= 0 || c.stream_->descriptor() < 0) return true;
  c.is_counted_ = node_.by_address.join(ip_text(c.peer_.address()), limit);
  return c.is_counted_;
}

// Those who are there stay, and are counted from when there is a limit.
void shard::recount_by_address(connection& c) {
  const bool is_wanted = rules_->opts.max_connections_per_address > 0;
  if (is_wanted == c.is_counted_ || c.stream_->descriptor() < 0 || !c.knows_peer()) return;
  const auto address = ip_text(c.peer_.address());
  if (is_wanted) {
    c.is_counted_ = node_.by_address.join(address, -1);
  } else {
    c.is_counted_ = false;
    node_.by_address.leave(address);
  }
}

// Who begins with the handshake, or by HTTP, would understand nothing of it.
void shard::refuse_address(connection& c, connection_type by, bool has_greeted) {
  note_rarely(c, node_.limit_notice, log_level::error, "Too many connections of this address", {});
  const bool may_greet = rules_->entrance_of(by).first == tls_options::first_word::info;
  if (!has_greeted && !may_greet) return c.end(close_reason::max_connections);
  if (!has_greeted) c.role_->on_open();
  c.fail(protocol::errc::max_connections);
}

// One handshake is over, and another one's turn has come.
void shard::next_handshake() {
  while (const auto next = handshakes_.leave()) {
    const auto found = connections_.find(*next);
    if (found == connections_.end() || found->second->is_ending()) continue;
    if (const auto& waits = found->second->opening_) return waits->on_turn();
  }
}

std::vector<std::uint64_t> shard::cids() const {
  std::vector<std::uint64_t> out;
  out.reserve(connections_.size());
  for (const auto& [cid, c] : connections_) out.push_back(cid);
  return out;
}

void shard::begin_end(connection& c) {
  ending_.push_back(&c);
}

// Its queue is closed. One that was ending already waited for the queue and need not any more.
void shard::give_up(connection& c, close_reason reason) {
  if (c.is_ending()) {
    ending_.push_back(&c);
  } else {
    c.end(reason);
  }
}

void shard::end_all() {
  // Finishing one may end another.
  while (!ending_.empty()) {
    for (connection* const c : std::exchange(ending_, {})) {
      if (c->over_) continue;
      say_farewell(*c);
      bool wait = false;
      {
        const std::scoped_lock held(c->queue.lock);
        wait = !c->queue.closed && (!c->queue.empty() || c->queue.sending);
        // What a stale or dead peer doesn't take by the next tick is dropped: check_blocked().
        c->queue.closing = true;
      }
      if (!wait) finish(*c);
    }
  }
}

// Once, behind all that was sent.
void shard::say_farewell(connection& c) {
  if (c.framing_ == nullptr || std::exchange(c.said_farewell_, true)) return;
  // Only what end() has given a reason is ended.
  send_as_is(c, c.stream_->farewell(*c.reason_));  // NOLINT(bugprone-unchecked-optional-access)
}

void shard::enroll(connection& c) {
  connections_.emplace(c.id, &c);
  size_.store(connections_.size(), std::memory_order_relaxed);
}

void shard::strike_off(connection& c) {
  c.unlink();
  if (std::exchange(c.in_blocked_, false)) std::erase(blocked_, &c);
  connections_.erase(c.id);
  size_.store(connections_.size(), std::memory_order_relaxed);
}

bool shard::end_connection(std::uint64_t cid, close_reason reason) {
  const auto found = connections_.find(cid);
  if (found == connections_.end() || found->second->is_ending()) return false;
  found->second->end(reason);
  return true;
}

// As it was, for who wants to know.
connection_view shard::last_view(const connection& c) const {
  auto last = c.view(true);
  last.stop = std::chrono::system_clock::now();
  last.reason = *c.reason_;  // NOLINT(bugprone-unchecked-optional-access): it has ended
  auto& shown = last.subscription_list;
  const auto show = [&](const subscription& each) {
    if (shown.size() < most_shown_of_closed) shown.push_back(view_of(each, last.account));
  };
  subscription_walk walk;
  while (c.role_->some_subscriptions(walk, most_shown_of_closed, show) &&
         shown.size() < most_shown_of_closed) {
  }
  return last;
}

void shard::finish(connection& c) {
  c.over_ = true;
  std::optional<connection_view> last;
  if (node_.watcher != nullptr && node_.watcher->wants_closed()) last = last_view(c);
  c.closed.store(true, std::memory_order_relaxed);
  // Only what end() has given a reason is finished.
  c.role_->on_close(*c.reason_);  // NOLINT(bugprone-unchecked-optional-access)
  if (last) node_.watcher->on_closed(std::move(*last), c.its_account());
  if (c.reason_ == close_reason::slow_pending || c.reason_ == close_reason::slow_write_deadline) {
    shard_counters::add(counters_.slow_consumers, 1);
    c.its_account().slow_consumers.fetch_add(1, std::memory_order_relaxed);
  } else if (c.reason_ == close_reason::stale) {
    shard_counters::add(counters_.stale_connections, 1);
  }
  chunk* dropped = nullptr;
  {
    const std::scoped_lock held(c.queue.lock);
    dropped = c.queue.drop();
  }
  chunk::free_all(dropped);
  if (c.own_outlet_ != nullptr) c.own_outlet_->to = nullptr;
  input_.drop(c.kept_);
  if (c.opening_ != nullptr) c.opening_->stop();
  if (std::exchange(c.is_counted_, false)) node_.by_address.leave(ip_text(c.peer_.address()));
  c.stream_->shutdown();
  strike_off(c);
  if (node_.connections.fetch_sub(1, std::memory_order_acq_rel) == 1) node_.last_one_left();
  retire_when_idle(c);
  end_loop_if_done();
}

// Others may still hold it until the grace period is over; the stream's waits must have ended, too.
void shard::retire_when_idle(connection& c) {
  if (c.waits_ == 0) {
    if (!own_loop_) std::erase(unfinished_, &c);
    epoch_.retire(&c);
  } else if (!own_loop_ &&
             std::find(unfinished_.begin(), unfinished_.end(), &c) == unfinished_.end()) {
    unfinished_.push_back(&c);
  }
}

void shard::set_timer(connection& c, milliseconds delay) {
  wheel_.schedule(c, static_cast<std::uint64_t>(delay / tick_));
}

void shard::note_rarely(const connection& about,
                        rate_limited& notice,
                        log_level level,
                        std::string_view what,
                        std::string_view detail) {
  std::uint64_t skipped = 0;
  if (!notice.allow(now_, skipped)) return;
  std::string line = about.role_->describe();
  line.append(" - ").append(what).append(detail);
  if (skipped != 0) line += " (" + std::to_string(skipped) + " more such lines left out)";
  node_.log.write(level, line);
}

void shard::arm_tick() {
  if (ticking_ || (connections_.empty() && foreign_outlets_.empty() && pool_.empty())) return;
  ticking_ = true;
  ticker_.expires_after(tick_);
  ticker_.async_wait([this](const boost::system::error_code& failure) {
    ticking_ = false;
    if (!failure) on_tick();
  });
}

void shard::on_tick() {
  enter();
  const bool is_firing = wheel_.has_due();
  wheel_.advance();
  if (!is_firing) fire_timers();
  check_blocked();
  forget_stale();
  input_.trim();
  pool_.trim();
  frames_.trim();
  const bool spread = index_ != 0 && !connections_.empty();
  if (node_.wake_balancing && (spread || load_.saturated(now_))) node_.wake_balancing();
  end_batch();
  arm_tick();
}

// Some at a time: thousands that came together are asked for a sign of life together, and others'
// messages don't wait for that.
void shard::fire_timers() {
  constexpr unsigned at_a_time = 64;
  const bool is_more = wheel_.fire_due(at_a_time, [](wheel_timer& timer) {
    connection& c = static_cast<connection&>(timer);
    if (!c.is_ending()) c.role_->on_timer();
  });
  if (is_more) post([this] { fire_timers(); });
}

void shard::check_blocked() {
  for (auto it = blocked_.begin(); it != blocked_.end();) {
    connection& c = **it;
    bool idle = false;
    bool late = false;
    bool given_up = false;
    chunk* dropped = nullptr;
    {
      const std::scoped_lock held(c.queue.lock);
      idle = !c.queue.wait_armed;
      if (!idle && !c.queue.closed && !c.queue.empty()) {
        const auto waited = now_ - c.queue.oldest();
        late = waited > rules_->opts.write_deadline;
        given_up = c.queue.closing && waited > drain_limit;
      }
    }
    late = late && takes_nothing(c);
    if (late || given_up) {
      const std::scoped_lock held(c.queue.lock);
      dropped = c.queue.drop();
    }
    chunk::free_all(dropped);
    if (given_up || late) give_up(c, close_reason::slow_write_deadline);
    if (idle) {
      c.in_blocked_ = false;
      it = blocked_.erase(it);
    } else {
      ++it;
    }
  }
}

void shard::request_stop() {
  boost::asio::post(io_, [this] { begin_stop(); });
}

void shard::reload(std::shared_ptr<const in_force> next, std::function<void()> done) {
  post([this, next = std::move(next), done = std::move(done)]() mutable {
    const auto before = std::exchange(rules_, std::move(next));
    tick_ = tick_for(*rules_);
    for (auto& [cid, c] : connections_) {
      if (c->is_ending()) continue;
      follow_reload(*c, *before);
    }
    for (auto& [cid, c] : connections_) {
      if (c->is_ending()) continue;
      if (node_.excess.fetch_sub(1, std::memory_order_relaxed) <= 0) break;
      if (c->opening_ != nullptr) {
        c->end(
            close_reason::max_connections);  // it might be that TLS or HTTP is what it understands
      } else {
        c->fail(protocol::errc::max_connections);
      }
    }
    // What entries remember of deny lists.
    node_.index.invalidate_all();
    done();
  });
}

void shard::follow_reload(connection& c, const in_force& before) {
  recount_by_address(c);
  // Before its opening is over, it isn't known as what it comes in: on_ready() decides by then.
  if (c.opening_ == nullptr) c.role_->on_reload(before);
}

void shard::enter_lame_duck() {
  boost::asio::post(io_, [this] {
    enter();
    in_lame_duck_ = true;
    for (auto& [cid, c] : connections_) {
      if (!c->is_ending()) c->role_->on_lame_duck();
    }
    end_batch();
    stop_timer_.expires_after(node_.opts.lame_duck_grace_period);
    stop_timer_.async_wait([this](const boost::system::error_code& failure) {
      if (!failure) close_one();
    });
  });
}

// One after the other, so that not all clients come back to the rest of the cluster at once.
void shard::close_one() {
  if (connections_.empty()) return;
  enter();
  const auto& opts = node_.opts;
  if (lame_duck_pause_ == milliseconds{0}) {
    const auto span = opts.lame_duck_duration - opts.lame_duck_grace_period;
    const auto count = static_cast<std::int64_t>(connections_.size());
    lame_duck_pause_ = std::clamp<milliseconds>(span / count, milliseconds{1}, milliseconds{1000});
  }
  connections_.begin()->second->end(close_reason::shutdown);
  end_batch();
  const auto half = static_cast<std::uint32_t>(lame_duck_pause_.count() / 2);
  stop_timer_.expires_after(milliseconds(half + random_.below(half + 1)));
  stop_timer_.async_wait([this](const boost::system::error_code& failure) {
    if (!failure) close_one();
  });
}

void shard::begin_stop() {
  enter();
  stopping_ = true;
  for (auto& [cid, c] : connections_) c->end(close_reason::shutdown);
  stop_timer_.expires_after(drain_limit);
  stop_timer_.async_wait([this](const boost::system::error_code& failure) {
    if (!failure) drop_all();
  });
  end_batch();
  end_loop_if_done();
}

// What hasn't left stays.
void shard::drop_all() {
  enter();
  for (auto& [cid, c] : connections_) {
    const std::scoped_lock held(c->queue.lock);
    chunk::free_all(c->queue.drop());
    ending_.push_back(c);
  }
  end_batch();
}

void shard::end_loop_if_done() {
  if (!stopping_ || !connections_.empty()) return;
  int arriving = 0;
  if (!arriving_.compare_exchange_strong(arriving, loop_ended) && arriving != loop_ended) return;
  has_ended_ = true;
  work_.reset();
  ticker_.cancel();
  stop_timer_.cancel();
}

}  // namespace nuncio::server
