#include "core/permissions.hpp"
#include "message_trace.hpp"
#include "shard.hpp"
#include "traced_message.hpp"

#include <algorithm>
#include <cstring>
#include <string>
#include <utility>

// Matching: from a published message to the outlets of its receivers.
namespace nuncio::server {
namespace {

constexpr std::size_t lend_from = rendered_tails::lend_from;
constexpr std::string_view prefix_verb = "HMSG ";
// Of other shards' deliveries, waiting to be written.
constexpr std::uint32_t most_traces_under_way = 4096;

connection& connection_of(const target& t) noexcept {
  return static_cast<connection&>(*t.sub->owner);
}

}  // namespace

inline match_entry& shard::find_targets(const account& who,
                                        std::string_view subject,
                                        std::uint16_t& last) {
  const auto is_current = [&](const match_entry& entry) {
    return entry.is_for(who, subject) && entry.stamp == node_.index.stamp(entry.place);
  };
  match_entry* const recent = cache_.at(last);
  if (recent != nullptr && is_current(*recent)) return *recent;
  if (is_current(nobody_)) return nobody_;
  return look_up(who, subject, last);
}

outcome shard::publish(const account& who,
                       const connection* publisher,
                       const std::shared_ptr<const grants>* may,
                       const protocol::ops::pub& op,
                       std::uint16_t& last_slot) {
  // By its parts: copied as one, the view would be loaded before the parser's two stores are done.
  const std::string_view subject{op.subject.data(), op.subject.size()};
  match_entry& entry = find_targets(who, subject, last_slot);
  if (may != nullptr && *may != nullptr && entry.allowed_by != *may) {
    const auto& rules = (*may)->publish;
    if (rules && !may_begin_.allow(*rules, subject)) return outcome::denied;
    // What isn't remembered is not worth the counting of owners.
    if (&entry != &scratch_) entry.allowed_by = *may;
  }
  // What the server says itself is nobody's message.
  if (publisher != nullptr) count_in(op);
  if (entry.to.empty()) return outcome::nobody;
  return route(entry, who, publisher, op, unwatched());
}

outcome shard::publish_watched(const account& who,
                               const connection& publisher,
                               const protocol::ops::pub& op,
                               bool is_dry,
                               message_trace& trace) {
  count_in(op);
  const watched how(trace, is_dry);
  const auto key = node_.index.key_of(who, op.subject);
  // Those whom a plan leaves out.
  node_.index.match(who, op.subject, key.hash, [&](const subscription* sub) {
    const auto* const rules = sub->owner->rules.load(std::memory_order_acquire);
    if (rules != nullptr && !rules->allows_delivery(op.subject, sub->queue())) {
      how.note(*sub, miss::denied);
    } else if (sub->owner->is_left_out.load(std::memory_order_relaxed)) {
      how.note(*sub, miss::behind);
    }
  });
  scratch_.allowed_by.reset();
  build(scratch_, who, op.subject, key);
  if (!is_dry) return route(scratch_, who, &publisher, op, how);
  return server::deliver(scratch_.to, &publisher, random_, [](const target&, bool) {}, how);
}

template <class How>
[[gnu::always_inline]] inline outcome shard::route(match_entry& entry,
                                                   const account& who,
                                                   const connection* publisher,
                                                   const protocol::ops::pub& op,
                                                   How how) {
  const std::size_t skip = op.has_header() ? 0 : 1;  // HMSG or MSG
  std::string_view tail = op.tail;
  if (tail.empty()) tail = rendered_.whole(op);
  std::string_view stripped;
  std::uint64_t sent = 0;
  const auto send = [&](const target& t, bool last) {
    ++sent;
    const char* const prefix = entry.prefixes.data() + t.prefix_offset;
    if ((t.flags & ~unsigned{receiver::no_echo}) != 0) [[unlikely]] {
      if ((t.flags & receiver::takes_itself) != 0) {
        const role* const sender = publisher == nullptr ? nullptr : &publisher->meaning();
        t.sub->owner->self->deliver(
            {op.subject, op.reply, t.sub->sid(), op.body.substr(0, op.header_size),
             op.body.substr(op.header_size), &who, sender, this},
            last);
        --sent;  // to the server itself
        return;
      }
      if ((t.flags & receiver::grants_replies) != 0 && !op.reply.empty()) {
        auto* const to = t.sub->owner->grants.load(std::memory_order_acquire);
        if (to != nullptr) to->grant(op.reply, now_);  // before the bytes, which bring the answer
      }
      if ((t.flags & receiver::is_traced) != 0) trace_delivery(t, op);
      if ((t.flags & receiver::no_headers) != 0 && op.has_header()) {
        if (stripped.empty()) stripped = rendered_.stripped(op);
        t.to->staged.left_out += static_cast<std::uint32_t>(op.header_size);
        stage(*t.to, {prefix + 1, t.prefix_size - 1}, stripped, op.body.size() - op.header_size);
        if (last) note_spent(connection_of(t), t.sub);
        return;
      }
    }
    stage(*t.to, {prefix + skip, t.prefix_size - skip}, tail, op.body.size());
    if (last) [[unlikely]] {
      note_spent(connection_of(t), t.sub);
    }
  };
  const auto result = server::deliver(entry.to, publisher, random_, send, how);
  shard_counters::add(counters_.out_messages, sent);
  shard_counters::add(counters_.out_bytes, sent * op.body.size());
  return result;
}

// What its role says of itself in the log is its own shard's.
void shard::trace_delivery(const target& to, const protocol::ops::pub& op) {
  connection& of = connection_of(to);
  auto what =
      traced_delivery(op, to.sub->sid(), (to.flags & receiver::no_headers) != 0, rules_->opts);
  if (of.is_at(*this)) return of.role_->on_delivered(what);
  shard* const home = of.home_.load(std::memory_order_relaxed);
  if (home == nullptr) return;  // it moves, and who has it then can't be told yet
  // A log that is slower than the messages must not fill the memory.
  if (home->traces_under_way_.fetch_add(1, std::memory_order_relaxed) >= most_traces_under_way) {
    home->traces_under_way_.fetch_sub(1, std::memory_order_relaxed);
    home->lost_traces_.fetch_add(1, std::memory_order_relaxed);
    return;
  }
  home->post([home, cid = of.id, what = std::move(what)] {
    home->traces_under_way_.fetch_sub(1, std::memory_order_relaxed);
    if (const auto lost = home->lost_traces_.exchange(0, std::memory_order_relaxed); lost != 0) {
      home->node_.log.write(log_level::trace,
                            "->> " + std::to_string(lost) + " messages left out, too many to log");
    }
    home->with_role(cid, [&what](role& r) { r.on_delivered(what); });
  });
}

match_entry& shard::look_up(const account& who, std::string_view subject, std::uint16_t& last) {
  const sublist& index = node_.index;
  who.look_ups.fetch_add(1, std::memory_order_relaxed);
  const auto key = index.key_of(who, subject);
  const auto slot = match_cache::slot_of(key.hash);
  match_entry* const there = cache_.at(slot);
  if (there != nullptr && there->is_for(who, subject)) {
    last = slot;
    if (there->stamp == index.stamp(key.place)) return *there;
    use_outlets(*there, -1);
    build(*there, who, subject, key);
    use_outlets(*there, +1);
    if (!there->to.empty()) return *there;
    return remember_nobody(who, subject, key, cache_.replace(slot, nullptr)->stamp);
  }
  scratch_.allowed_by.reset();
  build(scratch_, who, subject, key);
  if (scratch_.to.empty()) return remember_nobody(who, subject, key, scratch_.stamp);
  if (!cache_.knocks_again(key.hash)) return scratch_;
  auto entry = std::make_unique<match_entry>(std::move(scratch_));
  scratch_ = {};
  entry->set_key(who, subject, key.place);
  use_outlets(*entry, +1);
  if (const auto old = cache_.replace(slot, std::move(entry))) use_outlets(*old, -1);
  last = slot;
  return *cache_.at(slot);
}

match_entry& shard::remember_nobody(const account& who,
                                    std::string_view subject,
                                    const sublist::key& key,
                                    std::uint64_t stamp) {
  nobody_.set_key(who, subject, key.place);
  nobody_.stamp = stamp;
  return nobody_;
}

void shard::build(match_entry& entry,
                  const account& who,
                  std::string_view subject,
                  const sublist::key& key) {
  entry.stamp = make_plan(node_.index, who, subject, key, entry.to);
  std::size_t size = 0;
  const auto prepare = [&](target& t) {
    if ((t.flags & receiver::takes_itself) != 0) return;
    t.to = &outlet_of(connection_of(t));
    t.prefix_offset = static_cast<std::uint32_t>(size);
    t.prefix_size =
        static_cast<std::uint32_t>(prefix_verb.size() + subject.size() + t.sub->sid().size() + 2);
    size += t.prefix_size;
  };
  for (target& t : entry.to.plain) prepare(t);
  for (target& t : entry.to.members) prepare(t);
  // stage() copies in fixed steps and may read behind the last prefix.
  entry.prefixes.resize(size + staging_pool::slack);
  char* at = entry.prefixes.data();
  const auto put = [&at](std::string_view text) { at = std::copy(text.begin(), text.end(), at); };
  const auto render = [&](const target& t) {
    if (t.prefix_size == 0) return;
    put(prefix_verb);
    put(subject);
    *at++ = ' ';
    put(t.sub->sid());
    *at++ = ' ';
  };
  for (const target& t : entry.to.plain) render(t);
  for (const target& t : entry.to.members) render(t);
}

void shard::use_outlets(const match_entry& entry, int by) noexcept {
  for (const auto* list : {&entry.to.plain, &entry.to.members}) {
    for (const target& t : *list) {
      if (t.to == nullptr) continue;
      t.to->uses += static_cast<std::uint32_t>(by);
      // One that nothing names any more is given back with the others at the end of the batch.
      if (t.to->uses == 0) mark_loose(*t.to);
    }
  }
}

// Entries that are stale and not asked for again would hold outlets for ever: a few are looked at
// every tick.
void shard::forget_stale() {
  for (unsigned i = 0; i < match_cache::size / 16; ++i) {
    sweep_at_ = static_cast<std::uint16_t>((sweep_at_ + 1) % match_cache::size);
    const match_entry* const entry = cache_.at(sweep_at_);
    if (entry == nullptr || entry->stamp == node_.index.stamp(entry->place)) continue;
    use_outlets(*cache_.replace(sweep_at_, nullptr), -1);
  }
}

void shard::stage(outlet& o,
                  std::string_view prefix,
                  std::string_view tail,
                  std::size_t body_size) {
  if (!o.dirty) mark_dirty(o);
  ++o.staged.messages;
  o.staged.bytes += body_size;
  if (prefix.size() > staging_pool::large - lend_from) [[unlikely]] {
    // Nobody has such subjects, but a long control line may be allowed.
    std::string& line = rendered_.keep(prefix);
    return lend(o, line.append(tail));
  }
  const bool is_long = tail.size() >= lend_from;
  const std::size_t wanted = prefix.size() + (is_long ? 0 : tail.size());
  if (o.capacity - o.size < wanted) [[unlikely]] {
    make_room(o, wanted);
  }
  char* to = o.data + o.size;
  // Both are short: whole steps of 32 bytes are quicker than exact sizes. The staging has slack,
  // the prefixes and the read buffer have padding.
  const auto copy = [&to](std::string_view from) {
    if (from.size() <= 32) {
      std::memcpy(to, from.data(), 32);
    } else {
      std::memcpy(to, from.data(), from.size());
    }
    to += from.size();
  };
  copy(prefix);
  if (!is_long) copy(tail);
  o.size += static_cast<std::uint32_t>(wanted);
  if (is_long) lend(o, tail);
}

void shard::lend(outlet& o, std::string_view bytes) {
  if (o.size != o.cut) o.pieces.push_back({o.data + o.cut, o.size - o.cut});
  o.pieces.push_back({const_cast<char*>(bytes.data()), bytes.size()});
  o.cut = o.size;
  o.lent += bytes.size();
  constexpr std::size_t most_pieces = 256;
  constexpr std::size_t most_lent = 1024 * 1024;
  if (o.pieces.size() >= most_pieces || o.lent >= most_lent) flush_early(o);
}

}  // namespace nuncio::server
