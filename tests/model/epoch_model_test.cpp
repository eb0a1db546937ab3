#include "core/epochs.hpp"
#include "interleave.hpp"
#include "seed.hpp"

#include <doctest/doctest.h>

#include <array>
#include <cstdint>
#include <memory>
#include <vector>

// The rules of reclaiming memory, first on a model of their own steps with the store buffer that
// processors have, then on the real class, a call a step.
namespace {

using nuncio::test::actor;
using nuncio::test::interleave;
using nuncio::test::step;
using nuncio::test::until;

enum class rule : std::uint8_t {
  as_is,
  plain_store,       // the slot's store may be seen later
  deaf_leave,        // going away doesn't look whether somebody waits
  look_first,        // a waiter looks at the slots before it says that it waits
  idempotent_enter,  // a shard that isn't away publishes nothing
};

constexpr std::uint64_t away = 0;
constexpr unsigned readers = 2;

struct thing {
  bool freed = false;
};

struct model {
  rule r = rule::as_is;
  std::uint64_t now = 1;
  struct slot {
    std::uint64_t seen = away;             // what others see
    std::uint64_t mine = away;             // what its owner has stored
    std::vector<std::uint64_t> under_way;  // stored and not seen yet
  };
  std::array<slot, readers> slots;
  bool waiting = false;
  bool woken = false;
  std::vector<std::unique_ptr<thing>> things;
  thing* shared = nullptr;
  int used_after_free = 0;
  int running = 0;  // readers
  bool writer_done = false;

  model() { renew(); }
  void renew() {
    things.push_back(std::make_unique<thing>());
    shared = things.back().get();
  }
  void store(unsigned i, std::uint64_t value) {
    auto& s = slots[i];
    s.mine = value;
    if (r == rule::plain_store) {
      s.under_way.push_back(value);
    } else {
      s.seen = value;
    }
  }
  [[nodiscard]] bool passed(std::uint64_t tag) const {
    for (const auto& s : slots) {
      if (s.seen != away && s.seen < tag) return false;
    }
    return true;
  }
};

// The processor's store buffer of one reader.
actor store_buffer(model& m, unsigned i) {
  auto& s = m.slots[i];
  for (;;) {
    co_await until([&m, &s] { return !s.under_way.empty() || m.running == 0; });
    if (s.under_way.empty()) co_return;
    s.seen = s.under_way.front();
    s.under_way.erase(s.under_way.begin());
  }
}

actor reader(model& m, unsigned i, int turns, int handlers) {
  for (int turn = 0; turn < turns; ++turn) {
    for (int handler = 0; handler < handlers; ++handler) {
      // enter()
      const auto mine = m.slots[i].mine;
      if (mine == away || (mine != m.now && m.r != rule::idempotent_enter)) {
        auto now = m.now;
        for (;;) {
          co_await step{};
          m.store(i, now);
          co_await step{};
          if (mine != away || m.now == now) break;
          now = m.now;
        }
        if (m.waiting) m.woken = true;
      }
      co_await step{};
      const thing* const found = m.shared;
      co_await step{};
      m.used_after_free += found->freed ? 1 : 0;
    }
    // leave()
    m.store(i, away);
    co_await step{};
    if (m.r != rule::deaf_leave && m.waiting) m.woken = true;
  }
  --m.running;
}

// A shard that is never idle: another handler follows until the waiter has got what it waits for.
actor busy(model& m, unsigned i, int patience) {
  for (int handler = 0; handler < patience && !m.writer_done; ++handler) {
    const auto mine = m.slots[i].mine;
    if (mine == away || (mine != m.now && m.r != rule::idempotent_enter)) m.store(i, m.now);
    co_await step{};
    if (m.waiting) m.woken = true;
    co_await step{};
  }
  if (m.writer_done) m.store(i, away);
  --m.running;
}

actor writer(model& m, int rounds) {
  for (int round = 0; round < rounds; ++round) {
    thing* const old = m.shared;
    m.renew();
    co_await step{};
    const auto tag = ++m.now;
    co_await step{};
    bool free = false;
    if (m.r == rule::look_first) {
      free = m.passed(tag);
      co_await step{};
    }
    m.waiting = true;
    while (!free) {
      co_await step{};
      free = m.r != rule::look_first && m.passed(tag);
      if (free) break;
      co_await until([&m] { return m.woken; });
      m.woken = false;
      free = m.passed(tag);
    }
    m.waiting = false;
    old->freed = true;
  }
  m.writer_done = true;
}

struct counts {
  int used_after_free = 0;
  int asleep = 0;
};

counts play_readers(rule r, std::uint64_t seed, int orders) {
  counts out;
  for (int i = 0; i < orders; ++i) {
    model m;
    m.r = r;
    m.running = readers;
    interleave play(seed + static_cast<std::uint64_t>(i));
    play.add(writer(m, 3));
    for (unsigned n = 0; n < readers; ++n) {
      play.add(reader(m, n, 3, 2));
      play.add(store_buffer(m, n));
    }
    const bool ended = play.run();
    out.asleep += ended ? 0 : 1;
    out.used_after_free += m.used_after_free != 0 ? 1 : 0;
  }
  return out;
}

int play_busy(rule r, std::uint64_t seed, int orders) {
  int asleep = 0;
  for (int i = 0; i < orders; ++i) {
    model m;
    m.r = r;
    m.running = 1;
    interleave play(seed + static_cast<std::uint64_t>(i));
    play.add(writer(m, 1));
    play.add(busy(m, 0, 200));
    asleep += play.run() ? 0 : 1;
  }
  return asleep;
}

// The real class: each member is a shard with a mailbox, each call a step.
namespace server = nuncio::server;

struct cluster {
  static constexpr unsigned members = 3;
  std::array<int, members> mail{};  // wake-ups
  server::epochs all{members, [this](unsigned i) { ++mail[i]; }};
  std::vector<std::unique_ptr<thing>>
      things;  // outlive the members, which may hold some to the end
  std::array<std::unique_ptr<server::epoch_member>, members> shards;
  thing* shared = nullptr;
  int used_after_free = 0;
  int waits = 0;
  int waits_over = 0;
  int running = members;

  cluster() {
    for (unsigned i = 0; i < members; ++i) {
      shards[i] = std::make_unique<server::epoch_member>(all, i);
    }
    renew();
  }
  void renew() {
    things.push_back(std::make_unique<thing>());
    shared = things.back().get();
  }
};

actor shard(cluster& c, unsigned i, int handlers) {
  auto& epoch = *c.shards[i];
  std::mt19937 random(i + static_cast<unsigned>(handlers));
  for (int handler = 0; handler < handlers || c.waits_over < c.waits || c.running > 0; ++handler) {
    if (handler == handlers) --c.running;
    if (handler >= handlers) {
      // Idle: only mail wakes it.
      epoch.leave();
      co_await until(
          [&c, i] { return c.mail[i] > 0 || (c.running == 0 && c.waits_over == c.waits); });
      if (c.mail[i] == 0) break;
    }
    epoch.enter();
    co_await step{};
    if (c.mail[i] > 0) {
      c.mail[i] = 0;
      epoch.check_waiters();
    }
    const thing* const found = c.shared;
    co_await step{};
    if (handler < handlers && random() % 3 == 0) {
      thing* const old = c.shared;
      c.renew();
      co_await step{};
      epoch.retire(old, [](void* p) { static_cast<thing*>(p)->freed = true; });
      if (random() % 2 == 0) {
        ++c.waits;
        epoch.when_passed(epoch.seal(), [&c] { ++c.waits_over; });
      }
      co_await step{};
      if (old == found) continue;  // it let go of that itself
    }
    c.used_after_free += found->freed ? 1 : 0;
    if (random() % 2 == 0 || handler >= handlers) {
      co_await step{};
      epoch.leave();
    }
  }
  epoch.leave();
}

}  // namespace

TEST_CASE("epoch model: nothing is used after it was freed, and no waiter sleeps for ever") {
  const auto seed = nuncio::test::test_seed();
  INFO(nuncio::test::seed_text(seed));
  const auto found = play_readers(rule::as_is, seed, 20'000);
  CHECK(found.used_after_free == 0);
  CHECK(found.asleep == 0);
  CHECK(play_busy(rule::as_is, seed, 2'000) == 0);
}

TEST_CASE("epoch model: the model is sharp: each rule left out is found") {
  const auto seed = nuncio::test::test_seed();
  INFO(nuncio::test::seed_text(seed));
  CHECK(play_readers(rule::plain_store, seed, 20'000).used_after_free > 0);
  CHECK(play_readers(rule::deaf_leave, seed, 20'000).asleep > 0);
  CHECK(play_readers(rule::look_first, seed, 20'000).asleep > 0);
  CHECK(play_busy(rule::idempotent_enter, seed, 2'000) > 0);
}

TEST_CASE(
    "epochs: the real class frees nothing early and wakes every waiter, in any order of calls") {
  const auto seed = nuncio::test::test_seed();
  INFO(nuncio::test::seed_text(seed));
  for (std::uint64_t i = 0; i < 3'000; ++i) {
    CAPTURE(i);
    cluster c;
    interleave play(seed + i);
    for (unsigned n = 0; n < cluster::members; ++n) play.add(shard(c, n, 8));
    REQUIRE(play.run());
    REQUIRE(c.used_after_free == 0);
    REQUIRE(c.waits_over == c.waits);
  }
}
