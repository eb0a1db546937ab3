#include "shard.hpp"

#include <boost/asio/post.hpp>

#include <algorithm>
#include <mutex>
#include <utility>

// Moving connections between shards. The old owner lets go at a quiescent point, the new one takes
// over by mail. In between nobody owns the connection: others append to its queue, or send, and ask
// nobody to look, since taking over is a look.
namespace nuncio::server {

void shard::request_move(std::vector<std::uint64_t> cids, shard& to) {
  post([this, cids = std::move(cids), &to] {
    for (const auto cid : cids) {
      const auto found = connections_.find(cid);
      if (found != connections_.end()) ask_to_move(*found->second, to);
    }
  });
}

void shard::request_move_all(shard& to) {
  post([this, &to] {
    for (const auto& [cid, c] : connections_) ask_to_move(*c, to);
  });
}

// It leaves when its next wait for input has ended, which is at once.
void shard::ask_to_move(connection& c, shard& to) {
  if (c.is_ending() || c.over_) return;
  c.move_to_ = static_cast<std::uint8_t>(to.index());
  c.stream_->cancel_waits();
}

void shard::begin_census() {
  post([this] {
    for (const auto& [cid, c] : connections_) c->read_ = 0;
  });
}

void shard::request_split(shard& to, std::function<void(std::vector<std::uint64_t>)> chosen) {
  post([this, &to, chosen = std::move(chosen)] {
    auto moved = busier_half();
    for (const auto cid : moved) ask_to_move(*connections_.find(cid)->second, to);
    chosen(std::move(moved));
  });
}

// Those that read half of what all read since begin_census(), the busiest first: who reads is who
// works. None if there are fewer than two.
std::vector<std::uint64_t> shard::busier_half() const {
  std::vector<std::pair<std::uint64_t, std::uint64_t>> readers;
  std::uint64_t total = 0;
  for (const auto& [cid, c] : connections_) {
    if (c->read_ == 0 || c->is_ending()) continue;
    readers.emplace_back(c->read_, cid);
    total += c->read_;
  }
  std::vector<std::uint64_t> out;
  if (readers.size() < 2) return out;
  std::sort(readers.rbegin(), readers.rend());
  std::uint64_t taken = 0;
  for (const auto& [bytes, cid] : readers) {
    if (!out.empty() && taken + bytes > total / 2) continue;
    out.push_back(cid);
    taken += bytes;
  }
  return out;
}

// Pre: a handler of `c` has begun and done nothing yet. False if it can't move now, and stays;
// otherwise it is no longer ours to touch.
bool shard::hand_over(connection& c) {
  shard& to = *node_.shards[std::exchange(c.move_to_, connection::stays)];
  const bool quiet = c.waits_ == 0 && !c.suspended_ && c.role_->can_move();
  if (&to == this || !quiet || stopping_ || node_.lame_duck.load(std::memory_order_relaxed)) {
    return false;
  }
  {
    auto& q = c.queue;
    const std::scoped_lock held(q.lock);
    if (q.closed || q.closing || q.sending || q.wait_armed || !to.expect_arrival()) return false;
    q.owner = nullptr;
    q.look_posted = true;  // nobody asks for one until `to` has looked
  }
  c.home_.store(nullptr, std::memory_order_relaxed);
  // Remembered matches name the outlet: it stays, as one for a foreign connection.
  if (c.own_outlet_ != nullptr) {
    foreign_outlets_.emplace(c.id, std::exchange(c.own_outlet_, nullptr));
  }
  const bool timed = c.scheduled();
  const auto ticks = wheel_.remaining(c);
  strike_off(c);
  input_.detach(c.kept_);
  c.stream_->leave_loop();
  arm_tick();
  boost::asio::post(
      to.io_, [&to, &c, timed, ticks, rules = rules_] { to.take_over(c, timed, ticks, rules); });
  return true;
}

bool shard::expect_arrival() noexcept {
  int expected = arriving_.load(std::memory_order_relaxed);
  do {
    if (expected == loop_ended) return false;
  } while (!arriving_.compare_exchange_weak(expected, expected + 1, std::memory_order_relaxed));
  return true;
}

void shard::take_over(connection& c,
                      bool timed,
                      std::uint64_t ticks,
                      const std::shared_ptr<const in_force>& rules_before) {
  enter();
  arriving_.fetch_sub(1, std::memory_order_relaxed);
  c.home_.store(this, std::memory_order_relaxed);
  enroll(c);
  shard_counters::add(counters_.moved_connections, 1);
  // Remembered matches of this shard may name it already: one outlet for each connection.
  if (const auto known = foreign_outlets_.find(c.id); known != foreign_outlets_.end()) {
    c.own_outlet_ = known->second;
    foreign_outlets_.erase(known);
  }
  if (timed) wheel_.schedule(c, ticks);
  c.stream_->join_loop(io_);
  {
    const std::scoped_lock held(c.queue.lock);
    c.queue.owner = this;
  }
  look_at(c);
  // It was under way while its old shard was still to be told of rules that are in force here.
  // Where this one is still to be told, it will be told with the others.
  if (rules_before != rules_ && rules_ == node_.rules() && !c.is_ending()) {
    follow_reload(c, *rules_before);
  }
  if (stopping_ || in_lame_duck_) c.end(close_reason::shutdown);
  if (!c.is_ending()) {
    // The stream may hold bytes that no readiness will tell of: read first.
    ++c.waits_;
    boost::asio::post(io_, [&c] { c.on_readable(false); });
  }
  end_batch();
  arm_tick();
}

}  // namespace nuncio::server
