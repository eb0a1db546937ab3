#include "interleave.hpp"
#include "net/outbound.hpp"
#include "seed.hpp"

#include <doctest/doctest.h>

#include <algorithm>
#include <cstdint>
#include <deque>
#include <random>
#include <string>
#include <string_view>
#include <utility>

// The rules of a connection's outbound queue, on the real queue: foreign shards append or send by
// themselves, its owner sends what is left, the connection moves to another owner now and then, the
// peer takes what it likes. At every unlock the queue is empty, or somebody is bound to send what
// is in it, or it is closed; and what arrives is each producer's bytes in order.
namespace {

using nuncio::server::chunk;
using nuncio::server::outbound_queue;
using nuncio::test::actor;
using nuncio::test::interleave;
using nuncio::test::step;
using nuncio::test::until;

enum class rule : std::uint8_t {
  as_is,
  decide_early,      // whether to post a look is decided before the chunk is made
  send_when_closed,  // who comes back from sending doesn't look at `closed`
  forget_the_rest,   // a foreign shard puts back what the socket didn't take, and says nothing
  owner_at_once,     // who gives a connection away makes the other one its owner
};

struct scene {
  explicit scene(std::uint64_t seed, rule what) : random(seed), r(what) {}
  scene(const scene&) = delete;
  scene& operator=(const scene&) = delete;
  ~scene() { chunk::free_all(queue.head); }

  std::mt19937_64 random;
  const rule r;
  outbound_queue queue;
  static constexpr int nobody = -1;
  int owner = 0;          // what queue.owner says: 0, 1, or nobody while it moves
  int here = 0;           // in whose books the connection is
  int adopt = nobody;     // who has mail to take it over
  int moves = 0;          // left
  int looks[2] = {0, 0};  // mail to each
  int broken = 0;
  int producers = 0;
  std::size_t limit = 1'000'000;
  std::string wire;  // what the peer has got
  bool dropped = false;
  std::size_t at_drop = 0;  // size of `wire` when no more may follow

  void unlock() {
    const bool somebody = queue.sending || queue.wait_armed || queue.look_posted;
    if (!queue.empty() && !somebody && !queue.closed) ++broken;
  }
  // The kernel's buffer takes some.
  std::size_t write(const chunk* first) {
    std::size_t taken = 0;
    for (auto* at = const_cast<chunk*>(first); at != nullptr; at = at->next) {
      const std::size_t part = random() % 3 == 0 ? random() % (at->unsent() + 1) : at->unsent();
      wire.append(at->bytes() + at->begin, part);
      taken += part;
      if (part != at->unsent()) break;
    }
    return taken;
  }
};

iovec piece(std::string_view text) {
  return {const_cast<char*>(text.data()), text.size()};
}

// Messages are a letter per producer and a running digit.
std::string message(char who, int number) {
  return {who, static_cast<char>('0' + number % 10)};
}

actor producer(scene& s, char who, int count) {
  auto& q = s.queue;
  for (int i = 0; i < count; ++i) {
    const auto text = message(who, i);
    const auto one = piece(text);
    co_await step{};
    // lock
    if (q.closed) break;
    if (q.empty() && !q.sending && s.random() % 2 == 0) {
      q.sending = true;
      s.unlock();
      co_await step{};
      const std::size_t taken = s.random() % (text.size() + 1);
      s.wire.append(text, 0, taken);
      co_await step{};
      // lock
      q.sending = false;
      if (taken != text.size() && !q.closed) {
        chunk* const rest = chunk::make(&one, 1, taken, 8, {});
        q.put_back(rest, rest);
        q.bytes += rest->unsent();
      }
      const bool asks = !q.closed && !q.empty() && s.r != rule::forget_the_rest &&
                        !std::exchange(q.look_posted, true);
      const int whom = s.owner;
      s.unlock();
      if (asks) {
        co_await step{};
        if (whom != scene::nobody) ++s.looks[whom];
      }
      continue;
    }
    bool needs_look = !q.sending && !q.wait_armed && !q.look_posted;
    if (!q.append_to_tail(&one, 1, text.size())) {
      s.unlock();
      co_await step{};
      chunk* const made = chunk::make(&one, 1, 0, s.random() % 2 == 0 ? 2 : 8, {});
      // lock
      if (q.closed) {
        chunk::free_all(made);
        break;
      }
      q.append(made);
      if (s.r != rule::decide_early) needs_look = !q.sending && !q.wait_armed && !q.look_posted;
    }
    if (q.bytes > s.limit) {
      chunk::free_all(q.drop());
      s.dropped = true;
    } else if (needs_look) {
      q.look_posted = true;
    }
    const int whom = s.owner;
    s.unlock();
    if (needs_look && !s.dropped) {
      co_await step{};  // mail goes out at the end of the batch
      if (whom != scene::nobody) ++s.looks[whom];
    }
  }
  --s.producers;
}

actor owner(scene& s, int me) {
  auto& q = s.queue;
  for (;;) {
    const auto writable = [&s, &q, me] { return q.wait_armed && s.here == me; };
    const auto may_move = [&s, me] { return s.here == me && s.moves > 0 && s.producers > 0; };
    co_await until([&] {
      return writable() || s.looks[me] > 0 || s.adopt == me || may_move() ||
             (s.producers == 0 && s.here != scene::nobody);
    });
    // lock
    if (writable() && (s.looks[me] == 0 || s.random() % 2 == 0)) {
      q.wait_armed = false;
    } else if (s.looks[me] > 0) {
      --s.looks[me];
      if (s.here != me) continue;  // mail about a connection that isn't there is dropped
      q.look_posted = false;
      if (q.wait_armed || q.sending) continue;
    } else if (s.adopt == me) {
      s.adopt = scene::nobody;
      s.here = s.owner = me;
      if (s.r != rule::owner_at_once) q.look_posted = false;
      if (q.wait_armed || q.sending) continue;
    } else if (may_move()) {
      --s.moves;
      if (q.wait_armed || q.sending || q.closed) continue;
      s.here = scene::nobody;
      s.owner = s.r == rule::owner_at_once ? 1 - me : scene::nobody;
      if (s.r != rule::owner_at_once) q.look_posted = true;
      s.unlock();
      co_await step{};
      s.adopt = 1 - me;
      continue;
    } else {
      co_return;
    }
    while (!q.empty() && !q.closed) {
      q.sending = true;
      chunk* first = q.take();
      s.unlock();
      co_await step{};
      if (s.dropped && s.at_drop == 0) s.at_drop = s.wire.size() + 1;
      const auto taken = s.write(first);
      // The batch under way when it was dropped may leave; nothing behind it.
      if (s.at_drop != 0 && !s.dropped) s.at_drop = 0;
      co_await step{};
      auto left = static_cast<std::uint32_t>(taken);
      while (first != nullptr && left >= first->unsent()) {
        left -= first->unsent();
        chunk* const done = std::exchange(first, first->next);
        done->next = nullptr;
        chunk::free_all(done);
      }
      // lock
      q.sending = false;
      if (q.closed && s.r != rule::send_when_closed) {
        chunk::free_all(first);
        break;
      }
      q.bytes -= std::min<std::uint64_t>(q.bytes, taken);
      if (first != nullptr) {
        first->begin += left;
        chunk* last = first;
        while (last->next != nullptr) last = last->next;
        q.put_back(first, last);
        if (!q.closed) q.wait_armed = true;
        break;
      }
    }
    // A queue that is closed holds nothing, so that nothing can follow half a message.
    if (q.closed && !q.empty()) ++s.broken;
    s.unlock();
  }
}

// Each producer's digits in order, without gap, messages whole but for the last one.
bool in_order(std::string_view wire, int per_producer, bool all) {
  int next[2] = {};
  for (std::size_t i = 0; i + 1 < wire.size(); i += 2) {
    const auto who = static_cast<std::size_t>(wire[i] - 'a');
    if (who > 1 || wire[i + 1] != message('a', next[who])[1]) return false;
    ++next[who];
  }
  return !all || (next[0] == per_producer && next[1] == per_producer);
}

struct counts {
  int broken = 0;
  int stuck = 0;
  int wrong = 0;
};

counts play(rule r, std::uint64_t seed, int orders, std::size_t limit) {
  counts out;
  constexpr int per_producer = 9;
  for (int i = 0; i < orders; ++i) {
    scene s(seed + static_cast<std::uint64_t>(i), r);
    s.limit = limit;
    s.producers = 2;
    s.moves = 4;
    interleave order(seed + static_cast<std::uint64_t>(i));
    order.add(producer(s, 'a', per_producer));
    order.add(producer(s, 'b', per_producer));
    order.add(owner(s, 0));
    order.add(owner(s, 1));
    order.run();
    out.broken += s.broken != 0 ? 1 : 0;
    out.stuck += !s.dropped && !s.queue.empty() ? 1 : 0;
    out.wrong += in_order(s.wire, per_producer, !s.dropped) ? 0 : 1;
  }
  return out;
}

}  // namespace

TEST_CASE("outbound model: no bytes stay with nobody to send them, and all arrive in order") {
  const auto seed = nuncio::test::test_seed();
  INFO(nuncio::test::seed_text(seed));
  const auto found = play(rule::as_is, seed, 20'000, 1'000'000);
  CHECK(found.broken == 0);
  CHECK(found.stuck == 0);
  CHECK(found.wrong == 0);
}

TEST_CASE("outbound model: a queue that overflows ends with a whole beginning of the stream") {
  const auto seed = nuncio::test::test_seed();
  INFO(nuncio::test::seed_text(seed));
  const auto found = play(rule::as_is, seed, 20'000, 10);
  CHECK(found.broken == 0);
  CHECK(found.wrong == 0);
}

TEST_CASE("outbound model: the model is sharp: each rule left out is found") {
  const auto seed = nuncio::test::test_seed();
  INFO(nuncio::test::seed_text(seed));
  const auto early = play(rule::decide_early, seed, 20'000, 1'000'000);
  CHECK(early.broken > 0);
  CHECK(early.wrong > 0);  // messages that never left
  CHECK(play(rule::send_when_closed, seed, 20'000, 10).broken > 0);
  CHECK(play(rule::forget_the_rest, seed, 20'000, 1'000'000).broken > 0);
  const auto at_once = play(rule::owner_at_once, seed, 20'000, 1'000'000);
  CHECK(at_once.broken + at_once.stuck + at_once.wrong > 0);
}
