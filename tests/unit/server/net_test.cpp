#include "net/accept_pace.hpp"
#include "net/busy_poll.hpp"
#include "net/input_buffer.hpp"
#include "net/load_meter.hpp"
#include "net/outbound.hpp"
#include "net/rate_limited.hpp"
#include "net/staging.hpp"
#include "net/tally.hpp"
#include "net/timer_wheel.hpp"
#include "seed.hpp"

#include <nuncio/protocol/parser.hpp>

#include <doctest/doctest.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <cstdint>
#include <cstring>
#include <deque>
#include <memory>
#include <random>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

namespace {

using namespace nuncio::server;
using namespace std::chrono_literals;
using nuncio::test::seed_text;
using nuncio::test::test_seed;

std::string text_of(const chunk& c) {
  auto& open = const_cast<chunk&>(c);
  return {open.bytes() + c.begin, c.unsent()};
}

std::string text_of(const outbound_queue& q) {
  std::string all;
  for (const chunk* at = q.head; at != nullptr; at = at->next) all += text_of(*at);
  return all;
}

iovec piece(std::string_view text) {
  return {const_cast<char*>(text.data()), text.size()};
}

chunk* chunk_of(std::string_view text, std::size_t room = 0) {
  const auto one = piece(text);
  return chunk::make(&one, 1, 0, room, {});
}

// Reads what must be readable; a sanitizer says so if it isn't.
void touch(const char* from, std::size_t size) {
  unsigned sum = 0;
  for (std::size_t i = 0; i < size; ++i) sum += static_cast<unsigned char>(from[i]);
  REQUIRE(sum <= 255 * size);
}

struct timer : wheel_timer {
  int fired = 0;
};

// A tick, and all that is due with it.
template <class Fire>
void pass_tick(timer_wheel& wheel, Fire fire) {
  wheel.advance();
  while (wheel.fire_due(3, fire)) {
  }
}

}  // namespace

TEST_CASE("timer wheel: a timer fires at its tick, once, however far away") {
  timer_wheel wheel;
  for (const std::uint64_t ticks : {1U, 2U, 255U, 256U, 257U, 1000U}) {
    CAPTURE(ticks);
    timer t;
    wheel.schedule(t, ticks);
    for (std::uint64_t i = 1; i < ticks; ++i) pass_tick(wheel, [](wheel_timer&) { FAIL("early"); });
    pass_tick(wheel, [](wheel_timer& fired) { ++static_cast<timer&>(fired).fired; });
    CHECK(t.fired == 1);
    CHECK_FALSE(t.scheduled());
  }
}

TEST_CASE("timer wheel: no time at all means the next tick") {
  timer_wheel wheel;
  timer t;
  wheel.schedule(t, 0);
  pass_tick(wheel, [&](wheel_timer&) { ++t.fired; });
  CHECK(t.fired == 1);
}

TEST_CASE("timer wheel: a timer that fires may schedule itself and unlink others") {
  timer_wheel wheel;
  timer a;
  timer b;
  wheel.schedule(a, 1);
  wheel.schedule(b, 1);
  int fired = 0;
  for (int i = 0; i < 10; ++i) {
    pass_tick(wheel, [&](wheel_timer& t) {
      ++fired;
      (&t == &a ? b : a).unlink();
      wheel.schedule(t, 1);
    });
  }
  CHECK(fired == 10);
  a.unlink();
  b.unlink();
}

TEST_CASE("timer wheel: as many fire at a time as are asked for, and the others stay due") {
  timer_wheel wheel;
  std::array<timer, 5> all;
  for (auto& each : all) wheel.schedule(each, 2);
  int fired = 0;
  const auto count = [&fired](wheel_timer&) { ++fired; };
  wheel.advance();
  CHECK_FALSE(wheel.has_due());
  CHECK_FALSE(wheel.fire_due(2, count));
  CHECK(fired == 0);
  wheel.advance();
  CHECK(wheel.has_due());
  CHECK(wheel.fire_due(2, count));
  CHECK(fired == 2);
  // Another tick adds to what is due; one that is due may go.
  timer late;
  wheel.schedule(late, 1);
  wheel.advance();
  for (auto& each : all) {
    if (!each.scheduled()) continue;
    CHECK(wheel.remaining(each) == 0);
    each.unlink();
    break;
  }
  CHECK(wheel.fire_due(2, count));
  CHECK_FALSE(wheel.fire_due(2, count));
  CHECK(fired == 5);
  CHECK_FALSE(wheel.has_due());
}

TEST_CASE("timer wheel: agrees with a list of due ticks under random use") {
  const auto seed = test_seed();
  INFO(seed_text(seed));
  std::mt19937_64 random(seed);
  timer_wheel wheel;
  std::vector<timer> timers(40);
  std::vector<std::uint64_t> due(timers.size(), 0);
  for (std::uint64_t now = 1; now < 5000; ++now) {
    for (int i = 0; i < 4; ++i) {
      const auto which = random() % timers.size();
      if (random() % 3 == 0) {
        timers[which].unlink();
        due[which] = 0;
      } else {
        const auto ticks = random() % 700;
        wheel.schedule(timers[which], ticks);
        due[which] = now - 1 + std::max<std::uint64_t>(ticks, 1);
      }
    }
    pass_tick(wheel, [&](wheel_timer& t) {
      const auto which = static_cast<std::size_t>(static_cast<timer*>(&t) - timers.data());
      REQUIRE(due[which] == now);
      due[which] = 0;
    });
    for (std::size_t i = 0; i < timers.size(); ++i) {
      REQUIRE(timers[i].scheduled() == (due[i] != 0));
      REQUIRE((due[i] == 0 || due[i] > now));
    }
  }
  for (auto& t : timers) t.unlink();
}

TEST_CASE("chunk: holds the pieces from where it was told, with the room asked for") {
  const iovec pieces[] = {piece("abc"), piece(""), piece("defg"), piece("h")};
  const std::string all = "abcdefgh";
  for (std::size_t skip = 0; skip < all.size(); ++skip) {
    chunk* const made = chunk::make(pieces, 4, skip, 100, {});
    CHECK(text_of(*made) == all.substr(skip));
    CHECK(made->capacity >= 100);
    chunk::free_all(made);
  }
}

TEST_CASE("outbound queue: what fits the last chunk is copied into it, else it takes another") {
  outbound_queue q;
  const auto more = piece("defgh");
  CHECK_FALSE(q.append_to_tail(&more, 1, 5));
  q.append(chunk_of("abc", 8));
  CHECK(q.append_to_tail(&more, 1, 5));
  CHECK_FALSE(q.append_to_tail(&more, 1, 5));
  q.append(chunk_of("ij"));
  CHECK(text_of(q) == "abcdefghij");
  CHECK(q.bytes == 10);
  chunk::free_all(q.drop());
}

TEST_CASE("outbound queue: what was taken and not sent goes back to the head") {
  outbound_queue q;
  q.append(chunk_of("abc"));
  q.append(chunk_of("def"));
  chunk* const first = q.take();
  CHECK(q.empty());
  CHECK(q.bytes == 6);  // still counted
  q.append(chunk_of("ghi"));
  first->begin = 2;
  q.put_back(first, first->next);
  CHECK(text_of(q) == "cdefghi");
  chunk* const again = q.take();
  q.put_back(again, again->next->next);  // into an empty queue
  q.append(chunk_of("j"));
  CHECK(text_of(q) == "cdefghij");
  chunk::free_all(q.drop());
}

TEST_CASE("outbound queue: dropping closes it and leaves nothing") {
  outbound_queue q;
  q.append(chunk_of("abc"));
  chunk* const dropped = q.drop();
  CHECK(text_of(*dropped) == "abc");
  CHECK(q.closed);
  CHECK(q.empty());
  CHECK(q.bytes == 0);
  chunk::free_all(dropped);
  CHECK(q.drop() == nullptr);
}

TEST_CASE(
    "staging pool: keeps what batches need again, frees what nobody needed between two trims") {
  staging_pool pool;
  std::vector<char*> taken;
  for (int i = 0; i < 100; ++i) taken.push_back(pool.take(staging_pool::large));
  for (char* const buffer : taken) pool.give(buffer, staging_pool::large);
  pool.trim();  // all were in use since the last one
  for (int round = 0; round < 3; ++round) {
    for (int i = 0; i < 10; ++i) {
      char* const buffer = pool.take(staging_pool::large);
      CHECK(std::find(taken.begin(), taken.end(), buffer) != taken.end());
      buffer[staging_pool::large + staging_pool::slack - 1] = 'x';
      pool.give(buffer, staging_pool::large);
    }
    pool.trim();
    CHECK_FALSE(pool.empty());
  }
  pool.trim();
  CHECK(pool.empty());
}

TEST_CASE("load meter: two busy windows in a row saturate, an idle one or silence ends it") {
  load_meter meter;
  load_meter::time now{1000s};
  std::chrono::nanoseconds used{0};
  const auto pass = [&](std::chrono::milliseconds elapsed, std::chrono::milliseconds busy) {
    now += elapsed;
    used += busy;
    meter.close_window(now, used);
  };
  pass(0ms, 0ms);  // closes the window that began before the test
  pass(100ms, 80ms);
  CHECK_FALSE(meter.saturated(now));
  pass(100ms, 75ms);
  CHECK(meter.saturated(now));
  CHECK(meter.per_mille(now) == 750);
  CHECK_FALSE(meter.saturated(now + 3 * load_meter::window));
  CHECK(meter.per_mille(now + 3 * load_meter::window) == 0);
  pass(200ms, 100ms);  // half of a longer one
  CHECK_FALSE(meter.saturated(now));
  CHECK(meter.per_mille(now) == 500);
  pass(100ms, 100ms);
  CHECK_FALSE(meter.saturated(now));
  pass(100ms, 100ms);
  CHECK(meter.saturated(now));
}

TEST_CASE("load meter: looking for work in vain is not work") {
  load_meter meter;
  const load_meter::time start{1000s};
  meter.close_window(start, 0ms);
  for (int i = 1; i <= 5; ++i) {
    meter.idled(90ms);
    meter.close_window(start + i * 100ms, i * 100ms);
  }
  CHECK_FALSE(meter.saturated(start + 500ms));
  CHECK(meter.per_mille(start + 500ms) == 100);
}

TEST_CASE("busy poll: goes on while most looks find something, and nearly stops where few do") {
  // How many of 10,000 waits look first, if every `of`th look finds nothing (or: something).
  const auto looks = [](int of, bool mostly) {
    busy_poll policy(50us, 2);
    int count = 0;
    for (int i = 0; i < 10'000; ++i) {
      if (policy.next() == 0ns) continue;
      ++count;
      policy.looked((count % of == 0) != mostly);
    }
    return count;
  };
  CHECK(looks(10'001, true) == 10'000);  // always found
  CHECK(looks(10, true) > 8'000);
  CHECK(looks(4, false) < 10'000 / 32);
  CHECK(looks(10'001, false) <= 10'000 / busy_poll::most_skipped + 7);  // never found
}

TEST_CASE("busy poll: finds its way back when looking pays again, and does nothing if told so") {
  busy_poll policy(50us, 2);
  const auto wait = [&policy](bool found) {
    if (policy.next() == 0ns) return false;
    policy.looked(found);
    return true;
  };
  for (int i = 0; i < 1'000; ++i) wait(false);
  int waits = 0;
  for (int row = 0; row < 3; ++waits) row = wait(true) ? row + 1 : 0;
  CHECK(waits <= static_cast<int>(busy_poll::most_skipped) + 3);
  busy_poll off(0us, 2);
  CHECK(off.next() == 0ns);
  busy_poll alone(50us, 1);
  CHECK(alone.next() == 0ns);
}

TEST_CASE("load meter: what another process has of the core is not ours") {
  load_meter meter;
  load_meter::time now{1000s};
  meter.note(now);
  for (int i = 0; i < 50; ++i)
    meter.note(now += 100ms);  // by the clock, while this thread did nothing
  CHECK_FALSE(meter.saturated(now));
}

TEST_CASE("rate limit: one line a second, and the next one knows how many were left out") {
  rate_limited limit;
  const std::chrono::steady_clock::time_point start{1000s};
  std::uint64_t skipped = 99;
  CHECK(limit.allow(start, skipped));
  CHECK(skipped == 0);
  CHECK_FALSE(limit.allow(start + 10ms, skipped));
  CHECK_FALSE(limit.allow(start + 999ms, skipped));
  CHECK(limit.allow(start + 1000ms, skipped));
  CHECK(skipped == 2);
  CHECK(limit.allow(start + 5000ms, skipped));
  CHECK(skipped == 0);
}

TEST_CASE("rate limit: it works from the first second of a machine's life on") {
  rate_limited limit;
  std::uint64_t skipped = 0;
  CHECK(limit.allow(std::chrono::steady_clock::time_point{}, skipped));
}

TEST_CASE("rate limit: of many threads one is let through, and none is forgotten") {
  rate_limited limit;
  const std::chrono::steady_clock::time_point second{1000s};
  std::atomic<unsigned> allowed{0};
  std::vector<std::thread> threads;
  for (int i = 0; i < 4; ++i) {
    threads.emplace_back([&] {
      std::uint64_t skipped = 0;
      for (int n = 0; n < 1000; ++n) allowed += limit.allow(second, skipped) ? 1U : 0U;
    });
  }
  for (auto& t : threads) t.join();
  CHECK(allowed == 1);
  std::uint64_t skipped = 0;
  CHECK(limit.allow(second + 1s, skipped));
  CHECK(skipped == 3999);
}

TEST_CASE("input buffer: what is kept moves to a small block once another one reads") {
  input_buffer buffer;
  kept_input a;
  kept_input b;
  auto space = buffer.prepare(a);
  CHECK(space.free.size() == input_buffer::size);
  std::memcpy(space.free.data(), "hello", 5);
  buffer.keep(a, space.begin, 5);
  CHECK(a.capacity == 0);  // nobody else needs the buffer yet
  space = buffer.prepare(b);
  CHECK(space.begin != a.data);
  CHECK(a.capacity <= 256);
  std::memset(space.free.data(), '#', space.free.size());
  CHECK(std::string_view(a.data, a.size) == "hello");
  buffer.drop(b);
  space = buffer.prepare(a);
  CHECK(std::string_view(space.begin, 5) == "hello");
  CHECK(space.free.data() == space.begin + 5);
  buffer.drop(a);
  CHECK(a.size == 0);
}

TEST_CASE("input buffer: a block grows with what has arrived, not with what was declared") {
  input_buffer buffer;
  kept_input a;
  kept_input b;
  auto space = buffer.prepare(a);
  std::memset(space.begin, 'x', 40);
  buffer.keep(a, space.begin, 40);
  a.needed = 64 * 1024 * 1024;
  buffer.prepare(b);
  std::uint32_t most = 0;
  while (a.size < 4 * 1024 * 1024) {
    space = buffer.prepare(a);
    REQUIRE(!space.free.empty());
    REQUIRE(a.capacity <= std::max<std::size_t>(4 * std::size_t{a.size}, input_buffer::size));
    most = std::max(most, a.capacity);
    const auto part = std::min<std::size_t>(space.free.size(), 50'000);
    std::memset(space.free.data(), 'x', part);
    buffer.keep(a, space.begin, a.size + part);
  }
  CHECK(std::string_view(a.data, a.size).find_first_not_of('x') == std::string_view::npos);
  buffer.drop(a);
  buffer.drop(b);
  buffer.recycle();
  buffer.trim();
}

// Operations of random sizes, their size in the first four bytes, from several connections in turn,
// in reads of random sizes: each must come out as it went in.
TEST_CASE("input buffer: many connections in turn each see their own bytes") {
  const auto seed = test_seed();
  INFO(seed_text(seed));
  std::mt19937_64 random(seed);
  struct source {
    kept_input kept;
    std::string coming;  // sent and not read yet
    std::deque<std::string> expected;
  };
  input_buffer buffer;
  std::vector<source> all(8);
  std::size_t whole = 0;
  for (int step = 0; step < 6000; ++step) {
    auto& s = all[random() % all.size()];
    while (s.coming.size() < 1000) {
      const auto size = static_cast<std::uint32_t>(random() % 40 == 0  ? random() % 600'000
                                                   : random() % 4 == 0 ? random() % 5000
                                                                       : random() % 50);
      std::string operation(4, ' ');
      std::memcpy(operation.data(), &size, 4);
      operation.append(size, static_cast<char>('a' + step % 26));
      s.coming += operation;
      s.expected.push_back(std::move(operation));
    }
    const auto space = buffer.prepare(s.kept);
    REQUIRE(!space.free.empty());
    auto got = std::min(space.free.size(), s.coming.size());
    if (random() % 2 == 0) got = std::min<std::size_t>(got, 1 + random() % 3000);
    std::memcpy(space.free.data(), s.coming.data(), got);
    s.coming.erase(0, got);
    char* data = space.begin;
    std::size_t size = s.kept.size + got;
    touch(data + size, nuncio::protocol::parser_padding);
    if (size < s.kept.needed) {
      buffer.keep(s.kept, data, size);
      continue;
    }
    std::size_t consumed = 0;
    std::size_t needed = 0;
    for (;;) {
      std::uint32_t body = 0;
      if (size - consumed < 4) break;
      std::memcpy(&body, data + consumed, 4);
      if (size - consumed < body + 4U) {
        needed = body + 4U;
        break;
      }
      REQUIRE((s.expected.front() == std::string_view(data + consumed, body + 4U)));
      s.expected.pop_front();
      consumed += body + 4U;
      ++whole;
    }
    s.kept.needed = 0;
    if (consumed == size) {
      buffer.drop(s.kept);
    } else {
      buffer.keep(s.kept, data + consumed, size - consumed);
      s.kept.needed = static_cast<std::uint32_t>(needed);
    }
    buffer.recycle();
    if (random() % 50 == 0) buffer.trim();
    if (random() % 300 == 0) {
      buffer.drop(s.kept);
      buffer.recycle();
      s = {};
    }
  }
  CHECK(whole > 1000);
  for (auto& s : all) buffer.drop(s.kept);
}

TEST_CASE("tally: up to the limit, each by itself, and nobody who has gone is remembered") {
  tally counts;
  CHECK(counts.join("a", 2));
  CHECK(counts.join("a", 2));
  CHECK_FALSE(counts.join("a", 2));
  CHECK(counts.join("b", 2));
  CHECK(counts.join("a", -1));
  CHECK_FALSE(counts.join("a", 3));
  for (int i = 0; i < 3; ++i) counts.leave("a");
  counts.leave("b");
  CHECK(counts.size() == 0);
  CHECK_FALSE(counts.join("a", 0));
  CHECK(counts.size() == 0);
}

TEST_CASE("accept pace: as many a second as are allowed, a few at once, and none are saved up") {
  accept_pace pace;
  accept_pace::clock::time_point now{100s};
  const auto taken_until = [&](accept_pace::clock::time_point end) {
    int count = 0;
    while (now < end) {
      const auto early = pace.take(1000, now);
      if (early.count() == 0) ++count;
      now += early;
    }
    return count;
  };
  const auto first = taken_until(now + 1s);
  CHECK(first >= 1000);
  CHECK(first <= 1012);
  now += 60s;  // nobody comes
  const auto later = taken_until(now + 1s);
  CHECK(later >= 1000);
  CHECK(later <= 1012);
}

TEST_CASE("accept pace: without a limit everybody comes in") {
  accept_pace pace;
  for (int i = 0; i < 1000; ++i) CHECK(pace.take(0, {}).count() == 0);
}
