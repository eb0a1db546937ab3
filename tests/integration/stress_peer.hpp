#pragma once

#include "raw_client.hpp"

#include <nuncio/protocol/message_parser.hpp>
#include <nuncio/protocol/subject.hpp>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstdint>
#include <deque>
#include <map>
#include <memory>
#include <mutex>
#include <random>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

// Many connections that subscribe, unsubscribe, reuse sids, publish and vanish at random. A
// publisher numbers its messages per subject; a number is taken before the message is written. All
// of one connection's actions between two PINGs go out in one segment, and what PONG promises is
// checked:
//
// - a subscription sees each publisher's messages of a subject without gap, double or change of
// order;
// - it sees everything that was numbered after the PONG behind its SUB;
// - at a PONG it has seen everything that had been acknowledged to its publisher before the PING;
// - it sees nothing that had been acknowledged before its SUB, and nothing after the PONG behind
// its UNSUB;
// - after `UNSUB sid max` it sees max messages and no more;
// - a message reaches one member of a queue group at most, and exactly one where no member
// vanishes.
namespace nuncio::test::stress {

using clock_type = std::chrono::steady_clock;
using numbers = std::vector<std::uint32_t>;  // by stream
using counters = std::vector<std::atomic<std::uint32_t>>;

inline constexpr unsigned subjects = 6;
inline constexpr unsigned most_publishers = 1200;
inline constexpr unsigned workers = 3;
inline constexpr unsigned peers_each = 14;
inline constexpr std::size_t largest_payload = 100'000;
inline constexpr std::chrono::seconds patience{40};

enum group : std::uint8_t { plain, wild, steady };  // of a steady group no member vanishes
inline constexpr const char* queue_names[] = {"", "wild", "steady"};

// A stream is one publisher's messages of one subject.
constexpr unsigned stream_of(unsigned publisher, unsigned subject) {
  return publisher * subjects + subject;
}

struct world {
  explicit world(std::uint64_t s) : seed(s) {
    for (std::size_t i = 0; i < largest_payload + 64; ++i)
      filler += static_cast<char>('a' + i % 23);
    for (unsigned i = 0; i < subjects; ++i) subject_names.push_back("s." + std::to_string(i));
  }

  const std::uint64_t seed;
  std::uint16_t port = 0;
  std::string filler;
  std::vector<std::string> subject_names;
  std::atomic<unsigned> publishers{0};
  counters next = counters(most_publishers * subjects);
  counters acked = counters(most_publishers * subjects);
  std::atomic<std::uint64_t> delivered{0};

  std::mutex lock;  // guards what follows
  std::vector<std::uint8_t> taken[3][most_publishers * subjects];
  std::string failure;
  std::atomic<bool> failed{false};

  void fail(const std::string& what) {
    const std::scoped_lock guard(lock);
    if (!failed.exchange(true)) failure = what;
  }
  // True if nobody in the group had this message before.
  bool take(group g, unsigned stream, std::uint32_t number) {
    const std::scoped_lock guard(lock);
    auto& seen = taken[g][stream];
    if (seen.size() <= number) seen.resize(number + 256);
    return std::exchange(seen[number], std::uint8_t{1}) == 0;
  }
  [[nodiscard]] std::shared_ptr<const numbers> look(const counters& at) const {
    const auto count = std::min(publishers.load(), most_publishers) * subjects;
    auto out = std::make_shared<numbers>(count);
    for (unsigned i = 0; i < count; ++i) (*out)[i] = at[i].load();
    return out;
  }
};

inline std::uint32_t at(const numbers& list, unsigned stream) {
  return stream < list.size() ? list[stream] : 0;
}

// One subscription, from its SUB on.
struct generation {
  std::string pattern;
  group of = plain;
  std::uint32_t max = 0;
  bool limit_acked = false;  // a PONG has come since its UNSUB with a limit
  std::uint32_t got = 0;
  std::shared_ptr<const numbers> not_before;  // acknowledged before its SUB
  std::shared_ptr<const numbers>
      floor;     // numbered before the PONG behind its SUB; null: no PONG yet
  numbers next;  // 0: none seen

  [[nodiscard]] bool spent() const { return max != 0 && got >= max; }
  std::uint32_t& next_of(unsigned stream) {
    if (next.size() <= stream) next.resize(stream + subjects);
    return next[stream];
  }
};

class peer {
 public:
  peer(world& w, std::uint32_t seed, bool may_vanish)
      : world_(w), random_(seed), may_vanish_(may_vanish) {
    begin();
  }

  [[nodiscard]] int descriptor() const { return socket_->descriptor(); }
  [[nodiscard]] bool idle() const { return !waits_for_pong_; }
  [[nodiscard]] bool is_late() const {
    return waits_for_pong_ && clock_type::now() - asked_ > patience;
  }

  void subscribe_for_good(const std::string& pattern, group g) {
    std::string out;
    subscribe(out, "keep-" + pattern, pattern, g, 0);
    finish(out);
  }

  /// Something at random, and a PING behind it.
  void act() {
    // Each connection needs a number as a publisher, and they are limited.
    if (may_vanish_ && world_.publishers < most_publishers - 64 && chance(1, 25)) return vanish();
    std::string out;
    acked_before_ = world_.look(world_.acked);
    const auto actions = 1 + below(5);
    for (unsigned i = 0; i < actions; ++i) act_once(out);
    finish(out);
  }
  void only_ping() {
    std::string out;
    finish(out);
  }

  /// Reads what is there.
  void read() {
    char bytes[64 * 1024];
    const auto got = ::recv(descriptor(), bytes, sizeof bytes, MSG_DONTWAIT);
    if (got < 0 && (errno == EAGAIN || errno == EINTR)) return;
    if (got <= 0) return world_.fail("closed by the server");
    parser_.feed({bytes, static_cast<std::size_t>(got)});
    for (;;) {
      const auto event = parser_.next();
      switch (event.what) {
        case protocol::server_event::kind::need_more:
          return;
        case protocol::server_event::kind::message:
          on_message(event.message);
          break;
        case protocol::server_event::kind::pong:
          on_pong();
          break;
        case protocol::server_event::kind::ping:
          socket_->send("PONG\r\n");
          break;
        case protocol::server_event::kind::info:
          break;
        default:
          world_.fail("unexpected: " + std::string(event.text));
          return;
      }
    }
  }

 private:
  struct entry {
    std::unique_ptr<generation> now;
    std::unique_ptr<generation>
        before;            // what the sid meant before, until PONG or its first message
    bool leaving = false;  // `now` is unsubscribed
  };

  std::uint32_t below(std::uint32_t bound) { return static_cast<std::uint32_t>(random_() % bound); }
  bool chance(std::uint32_t of, std::uint32_t in) { return below(in) < of; }

  void begin() {
    socket_ = std::make_unique<raw_client>(world_.port);
    parser_ = protocol::message_parser{};
    sids_.clear();
    waits_for_pong_ = false;
    echo_ = !chance(1, 4);
    headers_ = !chance(1, 4);
    connect_line_ = std::string(R"(CONNECT {"verbose":false,"pedantic":false,"echo":)") +
                    (echo_ ? "true" : "false") + R"(,"headers":)" + (headers_ ? "true" : "false") +
                    "}\r\n";
    socket_->read_line();
    socket_->send(connect_line_);
    socket_->ping();
    id_ = world_.publishers.fetch_add(1);
    publishes_ = id_ < most_publishers;
  }

  void vanish() {
    switch (below(4)) {
      case 0:
        socket_->reset();
        break;
      case 1:
        socket_->close();
        break;
      case 2: {
        std::string out;
        if (publishes_) publish(out);
        socket_->try_send(std::string_view(out).substr(0, out.size() / 2));
        chance(1, 2) ? socket_->reset() : socket_->close();
        break;
      }
      default:
        socket_->try_send("SUB s.* ");
        socket_->reset();
        break;
    }
    begin();
  }

  void act_once(std::string& out) {
    const auto what = below(100);
    if (what < 45) {
      if (!publishes_) return;
      const auto count = chance(1, 100) ? 200 : 1 + below(6);
      for (unsigned i = 0; i < count; ++i) publish(out);
    } else if (what < 65) {
      if (sids_.size() < 5) subscribe_anew(out);
    } else if (what < 85) {
      if (!sids_.empty()) unsubscribe_one(out);
    } else if (what < 97) {
      // An inbox that comes and goes.
      const auto name = "_INBOX." + std::to_string(random_());
      out += "SUB " + name + " i\r\nUNSUB i\r\n";
    } else if (may_vanish_) {
      forget_all(out);
    }
  }

  std::string new_sid() { return std::to_string(below(6)); }

  void subscribe_anew(std::string& out) {
    const auto sid = new_sid();
    if (const auto known = sids_.find(sid); known != sids_.end()) {
      if (known->second.leaving || known->second.before || !known->second.now->spent()) return;
    }
    static const char* const patterns[] = {"s.*", "s.>", ">", "*.3", "*.*"};
    const auto pattern = chance(5, 6) ? world_.subject_names[below(subjects)] : patterns[below(5)];
    auto g = plain;
    if (chance(1, 3)) g = may_vanish_ ? wild : steady;
    subscribe(out, sid, pattern, g, chance(1, 4) ? 1 + below(40) : 0);
  }

  void subscribe(std::string& out,
                 const std::string& sid,
                 const std::string& pattern,
                 group g,
                 std::uint32_t max) {
    if (!acked_before_) acked_before_ = world_.look(world_.acked);
    auto made = std::make_unique<generation>();
    made->pattern = pattern;
    made->of = g;
    made->max = max;
    made->not_before = acked_before_;
    out += "SUB " + pattern + " " + queue_names[g] + " " + sid + "\r\n";
    if (max != 0) out += "UNSUB " + sid + " " + std::to_string(max) + "\r\n";
    remember("SUB " + sid + " " + pattern + " " + queue_names[g] + " max " + std::to_string(max));
    auto& here = sids_[sid];
    here.before = std::move(here.now);
    here.now = std::move(made);
    here.leaving = false;
  }

  void unsubscribe_one(std::string& out) {
    auto it = sids_.begin();
    std::advance(it, below(static_cast<std::uint32_t>(sids_.size())));
    auto& [sid, here] = *it;
    if (here.leaving || here.before || sid.starts_with("keep")) return;
    out += "UNSUB " + sid + "\r\n";
    remember("UNSUB " + sid);
    here.leaving = true;
    // The sid at once again, for another subject.
    const auto& old = here.now->pattern;
    if (old.find_first_of("*>") != std::string::npos || chance(1, 2)) return;
    auto other = world_.subject_names[below(subjects)];
    if (other != old) subscribe(out, sid, other, here.now->of, 0);
  }

  // A second CONNECT drops all subscriptions.
  void forget_all(std::string& out) {
    for (auto& [sid, here] : sids_) {
      if (here.before) return;
    }
    out += connect_line_;
    remember("CONNECT");
    for (auto& [sid, here] : sids_) here.leaving = true;
  }

  void publish(std::string& out) {
    const auto subject = below(subjects);
    const auto number = world_.next[stream_of(id_, subject)].fetch_add(1);
    std::string body =
        std::to_string(id_) + " " + std::to_string(subject) + " " + std::to_string(number) + " ";
    const std::size_t size = chance(1, 400)  ? largest_payload
                             : chance(1, 10) ? below(3000)
                                             : below(60);
    body.append(world_.filler, number % 23, size);
    std::string head;
    if (headers_ && chance(1, 4)) head = "NATS/1.0\r\nNo: " + std::to_string(number) + "\r\n\r\n";
    // Spellings that the server passes on as they are, and some that it must not.
    const char* const blank = chance(1, 10) ? " \t" : " ";
    out += head.empty() ? "PUB " : "HPUB ";
    out += world_.subject_names[subject] + blank;
    if (chance(1, 5)) out += "reply.to ";
    if (!head.empty()) out += std::to_string(head.size()) + blank;
    out += std::to_string(head.size() + body.size()) + "\r\n" + head + body + "\r\n";
  }

  void finish(std::string& out) {
    if (!acked_before_) acked_before_ = world_.look(world_.acked);
    out += "PING\r\n";
    sent_.assign(subjects, 0);
    for (unsigned i = 0; publishes_ && i < subjects; ++i)
      sent_[i] = world_.next[stream_of(id_, i)].load();
    for (auto& [sid, here] : sids_) {
      if (here.now->floor) to_check_.push_back(here.now.get());
      if (here.before && here.before->floor) to_check_.push_back(here.before.get());
    }
    waits_for_pong_ = true;
    asked_ = clock_type::now();
    // Sometimes in pieces, so that operations are cut anywhere.
    std::string_view rest = out;
    while (chance(1, 3) && rest.size() > 1) {
      const auto size =
          1 + below(static_cast<std::uint32_t>(std::min<std::size_t>(rest.size(), 4000)));
      socket_->send(rest.substr(0, size));
      rest.remove_prefix(size);
    }
    socket_->send(rest);
  }

  void on_message(const protocol::server_message& m) {
    world_.delivered.fetch_add(1, std::memory_order_relaxed);
    std::string_view text = m.payload;
    std::uint32_t parts[3] = {};
    for (auto& part : parts) {
      const auto blank = text.find(' ');
      if (blank == std::string_view::npos) return complain("garbled", m);
      for (const char digit : text.substr(0, blank)) {
        part = part * 10 + static_cast<std::uint32_t>(digit - '0');
      }
      text.remove_prefix(blank + 1);
    }
    const auto [publisher, subject, number] = parts;
    if (publisher >= most_publishers || subject >= subjects ||
        m.subject != world_.subject_names[subject] ||
        text != std::string_view(world_.filler).substr(number % 23, text.size())) {
      return complain("garbled", m);
    }
    if (!headers_ && !m.header_block.empty()) return complain("headers", m);
    if (!m.header_block.empty() &&
        m.header_block != "NATS/1.0\r\nNo: " + std::to_string(number) + "\r\n\r\n") {
      return complain("another message's headers", m);
    }
    if (!echo_ && publisher == id_) return complain("echo", m);

    const auto found = sids_.find(std::string(m.sid));
    if (found == sids_.end()) return complain("late: nothing is subscribed by that sid", m);
    auto& here = found->second;
    generation* to = here.now.get();
    if (here.before) {
      // One that was spent, or has another subject: either way the two can be told apart.
      const bool over = here.before->spent() && here.before->limit_acked;
      if (!over && protocol::matches(m.subject, here.before->pattern)) {
        to = here.before.get();
      } else {
        remember("first message " + std::string(m.subject) + " of " + here.now->pattern + ", was " +
                 here.before->pattern + " got " + std::to_string(here.before->got));
        std::erase(to_check_, here.before.get());
        if (!here.before->spent()) check(*here.before);
        here.before.reset();
      }
    }
    take(*to, stream_of(publisher, subject), number, m);
  }

  void take(generation& g,
            unsigned stream,
            std::uint32_t number,
            const protocol::server_message& m) {
    if (!protocol::matches(m.subject, g.pattern)) return complain("wrong match of " + g.pattern, m);
    // Other shards may deliver more than that between SUB and its UNSUB, but not once it is
    // acknowledged.
    if (g.spent() && g.limit_acked) return complain("more than max", m);
    ++g.got;
    if (number < at(*g.not_before, stream)) return complain("late: acknowledged before SUB", m);
    auto& next = g.next_of(stream);
    if (g.of != plain) {
      if (next > number) return complain("a group's messages out of order", m);
      if (!world_.take(g.of, stream, number)) return complain("doubled in a queue group", m);
    } else if (next != 0 && next != number) {
      return complain(next > number ? "doubled" : "lost, expected " + std::to_string(next), m);
    } else if (next == 0 && g.floor && number > at(*g.floor, stream)) {
      return complain("lost after SUB, expected " + std::to_string(at(*g.floor, stream)), m);
    }
    next = number + 1;
  }

  // Everything that was acknowledged before our PING must be here.
  void check(generation& g) {
    // What a limit leaves out isn't owed, and the last ones it admits may still be under way.
    if (!g.floor || g.of != plain || g.max != 0) return;
    const auto& due = *acked_before_;
    for (unsigned stream = 0; stream < due.size(); ++stream) {
      const auto subject = stream % subjects;
      if (due[stream] <= at(*g.floor, stream) || (!echo_ && stream / subjects == id_)) continue;
      if (!protocol::matches(world_.subject_names[subject], g.pattern)) continue;
      if (g.next_of(stream) < due[stream]) {
        return world_.fail("lost: " + g.pattern + " of connection " + std::to_string(id_) +
                           " has not got " + std::to_string(due[stream] - 1) + " of publisher " +
                           std::to_string(stream / subjects) + ", last was " +
                           std::to_string(g.next_of(stream)) + " - 1");
      }
    }
  }

  void on_pong() {
    if (!std::exchange(waits_for_pong_, false)) return world_.fail("a PONG too many");
    remember("PONG");
    for (auto& [sid, here] : sids_) {
      here.now->limit_acked = true;
    }
    for (auto* const g : std::exchange(to_check_, {})) check(*g);
    acked_before_.reset();
    for (unsigned i = 0; publishes_ && i < subjects; ++i) {
      world_.acked[stream_of(id_, i)].store(sent_[i]);
    }
    const auto numbered = world_.look(world_.next);
    for (auto it = sids_.begin(); it != sids_.end();) {
      auto& here = it->second;
      here.before.reset();
      if (!here.now->floor) here.now->floor = numbered;
      it = here.leaving ? sids_.erase(it) : std::next(it);
    }
  }

  void complain(const std::string& what, const protocol::server_message& m) {
    std::string last;
    for (const auto& done : history_) last += "\n  " + done;
    world_.fail(what + ": connection " + std::to_string(id_) + " got " + std::string(m.subject) +
                " sid " + std::string(m.sid) + ": " + std::string(m.payload.substr(0, 60)) +
                "; before that" + last);
  }
  void remember(std::string what) {
    history_.push_back(std::move(what));
    if (history_.size() > 40) history_.pop_front();
  }

  world& world_;
  std::mt19937 random_;
  const bool may_vanish_;
  std::unique_ptr<raw_client> socket_;
  protocol::message_parser parser_;
  std::string connect_line_;
  std::deque<std::string> history_;  // of subscriptions, for failures
  unsigned id_ = 0;
  bool publishes_ = true;
  bool echo_ = true;
  bool headers_ = true;
  std::map<std::string, entry> sids_;
  bool waits_for_pong_ = false;
  clock_type::time_point asked_{};
  std::shared_ptr<const numbers> acked_before_;  // before what the PING under way is behind
  numbers sent_;
  std::vector<generation*> to_check_;
};

}  // namespace nuncio::test::stress
