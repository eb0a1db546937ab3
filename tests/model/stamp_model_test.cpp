#include "interleave.hpp"
#include "seed.hpp"

#include <doctest/doctest.h>

#include <cstdint>

// The rule of sublist and router: who changes the index changes it first and bumps its stamp then;
// who matches reads the stamp before and after, and matches again if it differs. A client that is
// subscribed throughout, by `foo` or by `>`, must not miss a message, and a message that comes when
// nothing changes goes to just those who are there.
namespace {

using nuncio::test::actor;
using nuncio::test::interleave;
using nuncio::test::step;

enum class rule : std::uint8_t { as_is, one_reading, bump_first };

struct index {
  bool exact = true;  // `foo` is subscribed
  bool full = false;  // `>` is
  std::uint64_t exact_changes = 0;
  std::uint64_t all_changes = 0;
  int under_way = 0;  // changes that have begun and not ended
  int changes = 0;
  int missed = 0;
  int stale = 0;
};

// Swaps one subscription for the other, never without both for a moment.
actor client(index& in, rule r, int rounds) {
  for (int i = 0; i < rounds; ++i) {
    const bool to_full = i % 2 == 0;
    for (const bool adds : {true, false}) {
      const bool full = to_full == adds;
      ++in.under_way;
      for (const bool bumps : {r == rule::bump_first, r != rule::bump_first}) {
        if (bumps) {
          ++(full ? in.all_changes : in.exact_changes);
        } else {
          (full ? in.full : in.exact) = adds;
        }
        co_await step{};
      }
      ++in.changes;
      --in.under_way;
    }
  }
}

struct match {
  std::uint64_t stamp = 0;
  bool valid = false;
  bool exact = false;
  bool full = false;
};

actor publisher(index& in, rule r, int messages) {
  match known;  // its cache
  for (int i = 0; i < messages; ++i) {
    co_await step{};
    const int changes = in.changes;
    const bool quiet = in.under_way == 0;
    // One after the other, as the counters are read.
    auto stamp = in.exact_changes;
    co_await step{};
    stamp += in.all_changes;
    if (!known.valid || known.stamp != stamp) {
      for (;;) {
        co_await step{};
        known.exact = in.exact;
        co_await step{};
        known.full = in.full;
        if (r == rule::one_reading) break;
        co_await step{};
        auto again = in.exact_changes;
        co_await step{};
        again += in.all_changes;
        if (again == stamp) break;
        stamp = again;
      }
      known.stamp = stamp;
      known.valid = true;
    }
    if (!known.exact && !known.full) ++in.missed;
    // Nothing has changed since the message came: it must go to just those who are there.
    const bool still = quiet && in.under_way == 0 && in.changes == changes;
    if (still && (known.exact != in.exact || known.full != in.full)) ++in.stale;
  }
}

struct counts {
  int missed = 0;
  int stale = 0;
};

// In how many of the orders that happens.
counts failures(rule r, std::uint64_t seed, int orders) {
  counts found;
  for (int i = 0; i < orders; ++i) {
    index in;
    interleave play(seed + static_cast<std::uint64_t>(i));
    play.add(client(in, r, 6));
    play.add(publisher(in, r, 12));
    play.add(publisher(in, r, 12));
    play.run();
    found.missed += in.missed != 0 ? 1 : 0;
    found.stale += in.stale != 0 ? 1 : 0;
  }
  return found;
}

}  // namespace

TEST_CASE("stamp model: with two readings nobody who is subscribed throughout misses a message") {
  const auto seed = nuncio::test::test_seed();
  INFO(nuncio::test::seed_text(seed));
  const auto found = failures(rule::as_is, seed, 30'000);
  CHECK(found.missed == 0);
  CHECK(found.stale == 0);
}

TEST_CASE(
    "stamp model: the model is sharp: one reading misses messages, bumping first keeps old "
    "answers") {
  const auto seed = nuncio::test::test_seed();
  INFO(nuncio::test::seed_text(seed));
  CHECK(failures(rule::one_reading, seed, 30'000).missed > 0);
  CHECK(failures(rule::bump_first, seed, 30'000).stale > 0);
}
