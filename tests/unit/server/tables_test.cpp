#include "core/receiver.hpp"
#include "core/sid_map.hpp"
#include "core/slot_table.hpp"
#include "core/stamps.hpp"
#include "core/subscription.hpp"
#include "core/target_list.hpp"
#include "seed.hpp"

#include <doctest/doctest.h>

#include <algorithm>
#include <atomic>
#include <cstdint>
#include <map>
#include <memory>
#include <random>
#include <set>
#include <string>
#include <thread>
#include <vector>

namespace {

using namespace nuncio::server;
using nuncio::test::seed_text;
using nuncio::test::test_seed;

struct plain_receiver : receiver {
  using receiver::receiver;
};

struct number {
  std::uint64_t key;
  std::uint64_t hash;
};
using numbers = std::vector<std::unique_ptr<number>>;

number* number_at(slot_table::payload p) {
  return reinterpret_cast<number*>(p);
}
std::uint64_t hash_of(slot_table::payload p) {
  return number_at(p)->hash;
}

// Nobody else reads what is retired.
struct lone_shard {
  epochs all{1, [](unsigned) {}};
  epoch_member epoch{all, 0};
};

// Few slots and few tags, so that chains are long and tags agree by chance.
std::uint64_t poor_hash(std::uint64_t key) {
  return (key % 5) << 32 | (key * 7 % 11);
}

}  // namespace

TEST_CASE("slot table: agrees with a map through insertions, replacements and removals") {
  const auto seed = test_seed();
  INFO(seed_text(seed));
  std::mt19937_64 random(seed);
  lone_shard alone;
  auto& epoch = alone.epoch;
  slot_table table;
  numbers owned;
  std::map<std::uint64_t, number*> expected;
  CHECK(table.empty());
  for (int step = 0; step < 20'000; ++step) {
    const std::uint64_t key = random() % 60;
    const auto hash = poor_hash(key);
    const auto same = [key](slot_table::payload p) { return number_at(p)->key == key; };
    const auto known = expected.find(key);
    auto* const cell = table.find_slot(hash, same);
    REQUIRE((cell != nullptr) == (known != expected.end()));
    if (cell == nullptr || random() % 4 == 0) {
      owned.push_back(std::make_unique<number>(number{key, hash}));
      const auto payload = reinterpret_cast<slot_table::payload>(owned.back().get());
      if (cell != nullptr) {
        slot_table::replace(*cell, payload);
      } else {
        table.insert(hash, payload, hash_of, epoch, 4);
      }
      expected[key] = owned.back().get();
    } else {
      table.erase(*cell);
      expected.erase(key);
    }
    REQUIRE(table.empty() == expected.empty());
    const std::uint64_t other = random() % 60;
    const auto found = table.find(
        poor_hash(other), [other](slot_table::payload p) { return number_at(p)->key == other; });
    const auto wanted = expected.find(other);
    REQUIRE(number_at(found) == (wanted == expected.end() ? nullptr : wanted->second));
  }
  std::set<std::uint64_t> left;
  table.for_each([&left](slot_table::payload p) { left.insert(number_at(p)->key); });
  CHECK(left.size() == expected.size());
}

TEST_CASE("slot table: entries that come and go don't make it grow for ever") {
  lone_shard alone;
  auto& epoch = alone.epoch;
  slot_table table;
  for (std::uint64_t i = 0; i < 100'000; ++i) {
    number passing{i, i * 0x9e3779b97f4a7c15U};
    const auto same = [i](slot_table::payload p) { return number_at(p)->key == i; };
    table.insert(passing.hash, reinterpret_cast<slot_table::payload>(&passing), hash_of, epoch, 4);
    table.erase(*table.find_slot(passing.hash, same));
    if (i % 100 == 0) epoch.leave();
  }
  CHECK(table.capacity() <= 16);
}

TEST_CASE("slot table: everything is found at every size, also where the tag places nothing") {
  const auto seed = test_seed();
  INFO(seed_text(seed));
  std::mt19937_64 random(seed);
  lone_shard alone;
  auto& epoch = alone.epoch;
  slot_table table;
  numbers owned;
  const auto find = [&table](const number& n) {
    const auto same = [&n](slot_table::payload p) { return number_at(p)->key == n.key; };
    return number_at(table.find(n.hash, same));
  };
  for (std::uint64_t key = 0; key < 50'000; ++key) {
    owned.push_back(std::make_unique<number>(number{key, random()}));
    const auto capacity = table.capacity();
    table.insert(owned.back()->hash, reinterpret_cast<slot_table::payload>(owned.back().get()),
                 hash_of, epoch, 4);
    if (table.capacity() == capacity) continue;
    for (const auto& each : owned) REQUIRE(find(*each) == each.get());
  }
  for (const auto& each : owned) REQUIRE(find(*each) == each.get());
  CHECK(table.capacity() > 1U << 15);
}

TEST_CASE("target list: nobody moves when another one leaves, and all others are still there") {
  const auto seed = test_seed();
  INFO(seed_text(seed));
  std::mt19937_64 random(seed);
  lone_shard alone;
  auto& epoch = alone.epoch;
  plain_receiver owner(1);
  std::set<subscription*> expected;
  target_list::ref word = 0;
  for (int step = 0; step < 20'000; ++step) {
    epoch.enter();
    // Grows to some hundreds, shrinks to none, and again.
    const bool shrinks = step / 700 % 2 == 1;
    if (expected.empty() || random() % 10 < (shrinks ? 3U : 7U)) {
      auto* const sub = subscription::create(owner, 7, "a.b", "", std::to_string(step));
      word = target_list::add(word, sub, epoch);
      expected.insert(sub);
    } else {
      auto it = expected.begin();
      std::advance(it, static_cast<long>(random() % expected.size()));
      word = target_list::remove(word, *it, epoch);
      CHECK_FALSE((*it)->is_linked());
      epoch.retire(*it, subscription::destroy);
      expected.erase(it);
    }
    REQUIRE((word == 0) == expected.empty());
    if (word != 0) {
      REQUIRE(target_list::is_for(word, 7, "a.b"));
      REQUIRE_FALSE(target_list::is_for(word, 8, "a.b"));
      REQUIRE_FALSE(target_list::is_for(word, 7, "a.c"));
    }
    std::set<subscription*> seen;
    std::size_t count = 0;
    target_list::for_each(word, [&](subscription* sub) {
      seen.insert(sub);
      ++count;
    });
    REQUIRE(count == expected.size());
    REQUIRE(seen == expected);
    epoch.leave();
  }
  target_list::destroy(word);
  for (auto* const sub : expected) subscription::destroy(sub);
}

TEST_CASE("sid map: agrees with a map, and knows a subscription without looking at it") {
  const auto seed = test_seed();
  INFO(seed_text(seed));
  std::mt19937_64 random(seed);
  plain_receiver owner(1);
  sid_map sids;
  std::map<std::string, subscription*> expected;
  for (int step = 0; step < 20'000; ++step) {
    const auto sid = std::to_string(random() % 100);
    const auto known = expected.find(sid);
    auto* const found = sids.find(sid);
    REQUIRE(found == (known == expected.end() ? nullptr : known->second));
    if (found == nullptr) {
      auto* const sub = subscription::create(owner, 1, "a", "", sid);
      sids.insert(sub);
      expected[sid] = sub;
      REQUIRE(sids.holds(sub, sid_map::hash(sid)));
    } else {
      sids.erase(found);
      expected.erase(known);
      REQUIRE_FALSE(sids.holds(found, sid_map::hash(sid)));
      subscription::destroy(found);
    }
    REQUIRE(sids.size() == expected.size());
  }
  std::size_t visited = 0;
  sids.for_each([&](subscription* sub) {
    ++visited;
    REQUIRE(expected.at(std::string(sub->sid())) == sub);
  });
  CHECK(visited == expected.size());
  for (const auto& [sid, sub] : expected) subscription::destroy(sub);
  sids.clear();
  CHECK(sids.find("1") == nullptr);
}

TEST_CASE("sid map: a walk in steps sees each that stays, while others come and go") {
  const auto seed = test_seed();
  INFO(seed_text(seed));
  std::mt19937_64 random(seed);
  plain_receiver owner(1);
  for (const bool is_emptied : {false, true}) {
    CAPTURE(is_emptied);
    for (std::uint32_t staying : {0U, 1U, 7U, 300U, 5000U}) {
      CAPTURE(staying);
      sid_map sids;
      std::map<std::string, subscription*> there;
      const auto add = [&](const std::string& sid) {
        if (there.contains(sid)) return;
        auto* const sub = subscription::create(owner, 1, "a", "", sid);
        sids.insert(sub);
        there[sid] = sub;
      };
      const auto remove = [&](const std::string& sid) {
        const auto found = there.find(sid);
        if (found == there.end()) return;
        sids.erase(found->second);
        subscription::destroy(found->second);
        there.erase(found);
      };
      for (std::uint32_t i = 0; i < staying; ++i) add("stays" + std::to_string(i));
      std::map<std::string, int> seen;
      std::uint32_t parts = 0;
      std::uint32_t next = 0;
      std::size_t steps = 0;
      bool is_more = true;
      while (is_more) {
        std::size_t at_once = 0;
        is_more = sids.for_some(parts, next, 16, [&](const subscription* sub) {
          ++at_once;
          ++seen[std::string(sub->sid())];
        });
        // A part has more than one place once the map has grown.
        if (staying == 5000) REQUIRE(at_once < 100);
        REQUIRE(++steps < 100'000);
        for (int i = 0; i < 40; ++i) {
          const auto sid = std::to_string(random() % 20'000);
          random() % 3 == 0 ? remove(sid) : add(sid);
        }
        if (is_emptied && steps == 20) {
          for (std::uint32_t i = 0; i < staying; ++i) remove("stays" + std::to_string(i));
          while (!there.empty()) remove(there.begin()->first);
          for (int i = 0; i < 5; ++i) add(std::to_string(i));
        }
      }
      for (const auto& [sid, times] : seen) {
        if (times != 1) FAIL(sid << " is seen " << times << " times");
      }
      for (std::uint32_t i = 0; i < staying && !is_emptied; ++i) {
        REQUIRE(seen.contains("stays" + std::to_string(i)));
      }
      for (const auto& [sid, sub] : there) subscription::destroy(sub);
    }
  }
}

TEST_CASE("sid map: a million sids, more than a tag tells apart, come and go") {
  plain_receiver owner(1);
  sid_map sids;
  std::vector<subscription*> all;
  for (std::uint32_t i = 0; i < 1'000'000; ++i) {
    all.push_back(subscription::create(owner, 1, "a", "", std::to_string(i)));
    sids.insert(all.back());
  }
  for (const auto* sub : all) REQUIRE(sids.find(sub->sid()) == sub);
  CHECK(sids.find("1000000") == nullptr);
  for (std::uint32_t i = 0; i < all.size(); ++i) {
    if (i % 7 == 0) continue;
    sids.erase(all[i]);
    subscription::destroy(all[i]);
  }
  for (std::uint32_t i = 0; i < all.size(); ++i) {
    REQUIRE(sids.find(std::to_string(i)) == (i % 7 == 0 ? all[i] : nullptr));
  }
  sids.for_each(subscription::destroy);
}

TEST_CASE("subscription: texts of any length come back, empty ones too") {
  plain_receiver owner(1);
  const std::string sizes[] = {"",
                               "x",
                               std::string(255, 's'),
                               std::string(256, 't'),
                               std::string(65'535, 'u'),
                               std::string(70'000, 'v')};
  for (const auto& subject : sizes) {
    for (const auto& sid : sizes) {
      for (const auto& queue : sizes) {
        auto* const sub = subscription::create(owner, 3, subject, queue, sid);
        const bool same = sub->subject() == subject && sub->sid() == sid && sub->queue() == queue;
        CHECK(same);
        CHECK(sub->owner == &owner);
        subscription::destroy(sub);
      }
    }
  }
}

TEST_CASE("subscription: two threads deliver exactly as many as the limit says, one says last") {
  plain_receiver owner(1);
  for (std::uint32_t limit = 1; limit <= 1000; limit += 37) {
    auto* const sub = subscription::create(owner, 1, "a", "", "1");
    sub->max = limit;
    std::atomic<std::uint32_t> delivered{0};
    std::atomic<std::uint32_t> lasts{0};
    const auto deliver = [&, limit] {
      for (std::uint32_t i = 0; i < limit; ++i) {
        bool last = false;
        if (sub->count_delivery(last)) ++delivered;
        if (last) ++lasts;
      }
    };
    std::thread other(deliver);
    deliver();
    other.join();
    CHECK(delivered == limit);
    CHECK(lasts == 1);
    CHECK(sub->exhausted());
    subscription::destroy(sub);
  }
}

TEST_CASE("subscription: a limit that comes late is noticed by a delivery or by who sets it") {
  plain_receiver owner(1);
  for (int round = 0; round < 300; ++round) {
    auto* const sub = subscription::create(owner, 1, "a", "", "1");
    constexpr std::uint32_t limit = 20;
    std::atomic<std::uint32_t> noticed{0};
    std::atomic<std::uint32_t> delivered{0};
    std::thread other([&] {
      for (int i = 0; i < 40; ++i) {
        bool last = false;
        if (sub->count_delivery(last)) ++delivered;
        if (last) ++noticed;
      }
    });
    sub->max = limit;
    if (sub->exhausted()) ++noticed;
    other.join();
    CHECK(noticed >= 1);
    CHECK(delivered >= limit);
    bool last = false;
    CHECK_FALSE(sub->count_delivery(last));
    subscription::destroy(sub);
  }
}

TEST_CASE("stamps: each kind of change moves the sum of those it concerns, and only upwards") {
  const auto s = std::make_unique<stamps>();
  const auto mine = stamps::place_of(0x123ULL << 20, 0x45ULL << 56);
  const auto sibling = stamps::place_of(0x124ULL << 20, 0x45ULL << 56);
  const auto stranger = stamps::place_of(0x125ULL << 20, 0x46ULL << 56);
  const auto sums = [&] {
    return std::vector<std::uint64_t>{s->read(mine), s->read(sibling), s->read(stranger)};
  };
  CHECK(sums() == std::vector<std::uint64_t>{0, 0, 0});
  s->bump_exact(0x123ULL << 20);
  CHECK(sums() == std::vector<std::uint64_t>{1, 0, 0});
  s->bump_first(0x45ULL << 56);
  CHECK(sums() == std::vector<std::uint64_t>{2, 1, 0});
  s->bump_all();
  CHECK(sums() == std::vector<std::uint64_t>{3, 2, 1});
}
