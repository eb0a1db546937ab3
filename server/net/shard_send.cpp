#include "core/sid_map.hpp"
#include "shard.hpp"

#include <boost/asio/post.hpp>

#include <algorithm>
#include <array>
#include <chrono>
#include <cstring>
#include <mutex>
#include <utility>

// Sending: outlets are flushed at the end of a batch, to the socket or to the receiver's queue.
namespace nuncio::server {
namespace {

constexpr std::size_t most_staged = 16 * 1024 * 1024;
// Who sends stops after this much and leaves the rest to a write-ready event.
constexpr std::size_t most_sent_at_once = 1024 * 1024;
constexpr std::size_t pieces_at_once = 64;
// A receiver whose first chunk has waited for less than this is slow, not dead.
constexpr std::chrono::milliseconds takes_something{250};
// With more receivers in a batch, those of other shards are left to their owners: sending is what
// the other cores can share.
constexpr std::size_t most_foreign_sends = 64;
// Chunks start small, since most queues hold one batch for a moment.
constexpr std::size_t first_chunk = 512;
constexpr std::size_t next_chunk = 16 * 1024;

}  // namespace

outlet& shard::outlet_of(connection& c) {
  const bool own = c.is_at(*this);
  if (own && c.own_outlet_ != nullptr) return *c.own_outlet_;
  outlet** slot = own ? &c.own_outlet_ : &foreign_outlets_[c.id];
  if (*slot != nullptr) return **slot;
  if (free_outlets_.empty()) {
    *slot = new outlet;
  } else {
    *slot = free_outlets_.back().release();
    free_outlets_.pop_back();
  }
  (*slot)->to = &c;
  (*slot)->cid = c.id;
  mark_loose(**slot);
  return **slot;
}

void shard::mark_dirty(outlet& o) {
  o.dirty = true;
  dirty_.push_back(&o);
}

void shard::mark_loose(outlet& o) {
  if (std::exchange(o.loose, true)) return;
  loose_.push_back(&o);
}

void shard::release_loose() {
  for (outlet* const o : loose_) {
    o->loose = false;
    if (o->uses != 0) continue;
    if (o->to != nullptr && foreign_outlets_.erase(o->cid) == 0) o->to->own_outlet_ = nullptr;
    *o = {};
    if (free_outlets_.size() < 64) {
      free_outlets_.emplace_back(o);
    } else {
      delete o;
    }
  }
  loose_.clear();
}

void shard::make_room(outlet& o, std::size_t wanted) {
  if (o.capacity == staging_pool::large || !o.pieces.empty()) flush_early(o);
  if (o.capacity - o.size >= wanted) return;
  const auto capacity =
      o.size + wanted <= staging_pool::small ? staging_pool::small : staging_pool::large;
  if (o.size + wanted > capacity) flush_early(o);
  if (staged_ + capacity > most_staged) flush_all();
  if (!o.dirty) mark_dirty(o);
  char* const data = pool_.take(capacity);
  if (o.data != nullptr) {
    std::memcpy(data, o.data, o.size);
    pool_.give(o.data, o.capacity);
    staged_ -= o.capacity;
  }
  o.data = data;
  o.capacity = static_cast<std::uint32_t>(capacity);
  staged_ += capacity;
}

void shard::stage_bytes(connection& to, std::string_view bytes) {
  if (to.over_) return;
  outlet& o = outlet_of(to);
  if (!o.dirty) mark_dirty(o);
  while (!bytes.empty()) {
    const auto part = bytes.substr(0, staging_pool::small);
    if (o.capacity - o.size < part.size()) make_room(o, part.size());
    std::memcpy(o.data + o.size, part.data(), part.size());
    o.size += static_cast<std::uint32_t>(part.size());
    bytes.remove_prefix(part.size());
  }
}

void shard::stage_pong(connection& to) {
  stage_bytes(to, "PONG\r\n");
  if (!to.over_) outlet_of(to).carries_pong = true;
}

// An outlet that is full before the batch ends. A PONG must not overtake what the same batch has
// staged for others.
void shard::flush_early(outlet& o) {
  if (o.carries_pong) {
    for (outlet* const other : dirty_) {
      if (!other->carries_pong) flush(*other);
    }
  }
  flush(o);
}

void shard::flush_own(connection& c) {
  if (c.own_outlet_ != nullptr && c.own_outlet_->dirty) flush_early(*c.own_outlet_);
}

void shard::flush_all() {
  // Those without a PONG first: "PONG means that all I have published is on its way".
  bool pongs = false;
  for (outlet* const o : dirty_) {
    if (o->carries_pong) {
      pongs = true;
    } else {
      flush(*o);
    }
  }
  if (pongs) {
    for (outlet* const o : dirty_) {
      if (o->carries_pong) flush(*o);
    }
  }
  for (outlet* const o : dirty_) {
    o->dirty = false;
    give_back(*o);
  }
  dirty_.clear();
}

void shard::give_back(outlet& o) {
  if (o.data == nullptr) return;
  pool_.give(o.data, o.capacity);
  staged_ -= o.capacity;
  o.data = nullptr;
  o.capacity = 0;
}

void shard::flush(outlet& o) {
  if (o.size == 0 && o.pieces.empty()) {
    o.carries_pong = false;
    return;
  }
  if (o.size != o.cut) o.pieces.push_back({o.data + o.cut, o.size - o.cut});
  const auto staged = std::exchange(o.staged, {});
  o.size = o.cut = 0;
  o.lent = 0;
  o.carries_pong = false;
  if (o.to != nullptr) {
    std::span<const iovec> pieces(o.pieces);
    if (o.to->framing_ != nullptr) [[unlikely]] {
      pieces = frames_.write(*o.to->framing_, pieces);
    }
    std::size_t total = 0;
    for (const iovec& piece : pieces) total += piece.iov_len;
    counters_.flush_sizes.add(total);
    shard_counters::add(counters_.flushed_bytes, total);
    send_or_queue(*o.to, pieces.data(), pieces.size(), total, staged);
  }
  o.pieces.clear();
  match_anew();
}

// Behind all that is staged for it.
void shard::send_as_is(connection& c, std::string_view bytes) {
  flush_own(c);
  const iovec piece{const_cast<char*>(bytes.data()), bytes.size()};
  send_or_queue(c, &piece, 1, bytes.size(), {});
}

void shard::send_or_queue(connection& c,
                          const iovec* pieces,
                          std::size_t count,
                          std::size_t total,
                          const message_count& what) {
  auto& queue = c.queue;
  std::unique_lock held(queue.lock);
  if (queue.closed || queue.closing) return;
  queue.out_messages += what.messages;
  queue.out_bytes += what.bytes;
  queue.last_out = now_;
  // As it was published, like the server's own count.
  if (what.messages != 0) {
    c.its_account().sent.add(what.messages, what.bytes + what.left_out);
  }
  const bool may_send =
      queue.owner == this || (c.stream_->is_direct() && dirty_.size() <= most_foreign_sends);
  if (!may_send || queue.sending || !queue.empty() ||
      total > static_cast<std::uint64_t>(node_.opts.max_pending)) {
    append(c, held, pieces, count, total);
  } else {
    send_staged(c, held, pieces, count, total);
  }
}

// Sends right from the staging. Under the lock, which is free again afterwards.
void shard::send_staged(connection& c,
                        std::unique_lock<small_mutex>& held,
                        const iovec* pieces,
                        std::size_t count,
                        std::size_t total) {
  auto& queue = c.queue;
  queue.sending = true;
  held.unlock();
  const auto sent = c.stream_->write(pieces, count);
  const bool failed = sent.state == stream::status::failed;
  chunk* rest = nullptr;
  if (sent.size != total && !failed) {
    rest = chunk::make(pieces, count, sent.size, next_chunk, now_);
  }
  held.lock();
  queue.sending = false;
  if (queue.closed) {
    held.unlock();
    chunk::free_all(rest);  // another shard has found it too slow meanwhile
    return;
  }
  chunk* const dropped = failed ? queue.drop() : nullptr;
  if (failed) queue.broken = true;
  if (rest != nullptr) {
    const auto size = rest->unsent();
    queue.put_back(rest, rest);
    queue.bytes += size;
    note_pressure(c);
  }
  if (queue.owner != this) {
    if (failed || queue.closing || !queue.empty()) ask_owner(c);
    held.unlock();
  } else if (failed) {
    held.unlock();
    give_up(c, close_reason::write_error);
  } else if (rest != nullptr) {
    arm_writable(c, held);
  } else if (!queue.empty()) {
    send_queued(c, held);  // another shard has appended meanwhile
  } else {
    held.unlock();
  }
  chunk::free_all(dropped);
}

// Under the lock, behind an append.
void shard::note_pressure(connection& c) {
  const auto& queue = c.queue;
  pressure_ = std::max(pressure_, queue.bytes);
  const auto nearly_full = static_cast<std::uint64_t>(node_.opts.max_pending) / 4 * 3;
  if (queue.bytes <= nearly_full) return;
  if (rules_->opts.no_fast_producer_stall) {
    leave_out(c, true);
  } else if (now_ - queue.oldest() < takes_something) {
    must_wait_ = true;
  }
}

// Under the lock. Matches that are remembered are to be made anew, once the lock is free.
void shard::leave_out(connection& c, bool yes) {
  if (c.is_left_out.exchange(yes, std::memory_order_relaxed) != yes) must_match_anew_ = true;
}

void shard::match_anew() {
  if (std::exchange(must_match_anew_, false)) [[unlikely]] {
    node_.index.invalidate_all();
  }
}

// Under the lock: its owner is to look at the queue.
void shard::ask_owner(connection& c) {
  if (std::exchange(c.queue.look_posted, true)) return;
  looks_[c.queue.owner->index()].push_back(c.id);
  have_looks_ = true;
}

// Under the lock, which is free again afterwards.
void shard::append(connection& c,
                   std::unique_lock<small_mutex>& held,
                   const iovec* pieces,
                   std::size_t count,
                   std::size_t total) {
  auto& queue = c.queue;
  if (!queue.append_to_tail(pieces, count, total)) {
    const std::size_t room = queue.empty() ? first_chunk : next_chunk;
    held.unlock();
    chunk* const made = chunk::make(pieces, count, 0, room, now_);
    held.lock();
    if (queue.closed || queue.closing) {
      held.unlock();
      chunk::free_all(made);
      return;
    }
    queue.append(made);
  }
  note_pressure(c);
  if (queue.bytes > static_cast<std::uint64_t>(node_.opts.max_pending)) {
    queue.overflowed = true;
    chunk* const dropped = queue.drop();
    const bool own = queue.owner == this;
    if (!own) ask_owner(c);
    held.unlock();
    chunk::free_all(dropped);
    if (own) give_up(c, close_reason::slow_pending);
    return;
  }
  if (queue.sending || queue.wait_armed || queue.look_posted) {
    held.unlock();
  } else if (queue.owner == this) {
    send_queued(c, held);
  } else {
    ask_owner(c);
    held.unlock();
  }
}

// The owner sends what is queued. Under the lock, which is free again afterwards.
void shard::send_queued(connection& c, std::unique_lock<small_mutex>& held) {
  auto& queue = c.queue;
  std::size_t sent_now = 0;
  while (!queue.empty() && !queue.closed) {
    if (sent_now >= most_sent_at_once) {
      return arm_writable(c, held);
    }
    queue.sending = true;
    chunk* first = queue.take();
    held.unlock();

    std::array<iovec, pieces_at_once> pieces;
    std::size_t count = 0;
    for (chunk* at = first; at != nullptr && count < pieces.size(); at = at->next) {
      pieces[count++] = {at->bytes() + at->begin, at->unsent()};
    }
    const auto sent = c.stream_->write(pieces.data(), count);
    sent_now += sent.size;
    chunk* done = nullptr;
    auto left = static_cast<std::uint32_t>(sent.size);
    while (first != nullptr && left >= first->unsent()) {
      left -= first->unsent();
      note_queued(now_ - first->since);
      done = std::exchange(first, std::exchange(first->next, done));
    }
    chunk* last = first;
    if (first != nullptr) {
      first->begin += left;
      if (sent.size != 0) first->since = now_;  // the peer is slow, but it takes something
      while (last->next != nullptr) last = last->next;
    }
    chunk::free_all(done);

    held.lock();
    queue.sending = false;
    queue.bytes -= std::min<std::uint64_t>(queue.bytes, sent.size);
    // Lower than where it began, so that it doesn't come and go with every message.
    if (c.is_left_out.load(std::memory_order_relaxed) &&
        queue.bytes < static_cast<std::uint64_t>(node_.opts.max_pending) / 2) [[unlikely]] {
      leave_out(c, false);
    }
    if (queue.closed) {
      held.unlock();
      chunk::free_all(first);
      return;
    }
    if (first != nullptr) queue.put_back(first, last);
    if (sent.state == stream::status::failed) {
      chunk* const dropped = queue.drop();
      held.unlock();
      chunk::free_all(dropped);
      return give_up(c, close_reason::write_error);
    }
    if (sent.state == stream::status::would_block ||
        (sent.state == stream::status::drained && first != nullptr)) {
      return arm_writable(c, held);
    }
  }
  const bool finished = queue.closing && queue.empty();
  held.unlock();
  if (finished) ending_.push_back(&c);
}

void shard::note_queued(std::chrono::nanoseconds time) {
  // Another shard's clock may be ahead: each is of the beginning of a batch.
  const auto ns = static_cast<std::uint64_t>(std::max<std::int64_t>(time.count(), 0));
  counters_.queued_times.add(ns);
  shard_counters::add(counters_.queued_ns, ns);
}

// Under the lock, which is free again afterwards.
void shard::arm_writable(connection& c, std::unique_lock<small_mutex>& held) {
  const bool is_armed = std::exchange(c.queue.wait_armed, true);
  held.unlock();
  if (is_armed) return;  // see takes_nothing()
  if (!std::exchange(c.in_blocked_, true)) blocked_.push_back(&c);
  ++c.waits_;
  c.stream_->wait_writable(c);
}

// A socket tells of room only when there is much of it: who reads little may have taken something
// all the same. The wait for it stays.
bool shard::takes_nothing(connection& c) {
  std::unique_lock held(c.queue.lock);
  if (c.queue.sending || c.queue.closed) return false;
  send_queued(c, held);
  const std::scoped_lock again(c.queue.lock);
  return !c.queue.closed && !c.queue.empty() && c.queue.oldest() != now_;
}

void shard::on_writable(connection& c) {
  std::unique_lock held(c.queue.lock);
  c.queue.wait_armed = false;
  send_queued(c, held);
}

void shard::post_looks() {
  if (!std::exchange(have_looks_, false)) return;
  for (unsigned i = 0; i < looks_.size(); ++i) {
    if (looks_[i].empty()) continue;
    shard& owner = *node_.shards[i];
    boost::asio::post(owner.io_,
                      [&owner, cids = std::exchange(looks_[i], {})] { owner.look(cids); });
  }
}

// The only mail about a connection: what there is to do is in its queue.
void shard::look(const std::vector<std::uint64_t>& cids) {
  enter();
  for (const auto cid : cids) {
    const auto found = connections_.find(cid);
    if (found != connections_.end()) look_at(*found->second);
  }
  end_batch();
}

void shard::look_at(connection& c) {
  auto& queue = c.queue;
  std::unique_lock held(queue.lock);
  queue.look_posted = false;
  if (const auto exhausted = std::move(queue.exhausted)) [[unlikely]] {
    for (const auto& [sub, sid_hash] : *exhausted) spent_.push_back({&c, sub, sid_hash});
  }
  if (queue.closed) {
    held.unlock();
    if (queue.overflowed) give_up(c, close_reason::slow_pending);
    if (queue.broken) give_up(c, close_reason::write_error);
    return;
  }
  if (queue.wait_armed || queue.sending) return;
  send_queued(c, held);
}

void shard::note_spent(connection& of, subscription* sub) {
  spent_.push_back({&of, sub, sid_map::hash(sub->sid())});
}

// Only its owner removes a subscription whose limit is reached.
void shard::settle_spent() {
  for (const auto& [of, sub, sid_hash] : std::exchange(spent_, {})) {
    if (of->is_at(*this)) {
      if (!of->over_) of->role_->on_exhausted(sub, sid_hash);
      continue;
    }
    auto& queue = of->queue;
    const std::scoped_lock held(queue.lock);
    // Rare enough to allocate under the lock.
    if (!queue.exhausted) queue.exhausted = std::make_unique<std::vector<outbound_queue::spent>>();
    queue.exhausted->push_back({sub, sid_hash});
    if (!queue.closed) ask_owner(*of);
  }
}

}  // namespace nuncio::server
