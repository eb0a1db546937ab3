#include "core/sublist.hpp"

#include "core/receiver.hpp"
#include "seed.hpp"

#include <nuncio/protocol/subject.hpp>

#include <doctest/doctest.h>

#include <algorithm>
#include <atomic>
#include <random>
#include <set>
#include <string>
#include <thread>
#include <vector>

namespace {

using namespace nuncio::server;
namespace protocol = nuncio::protocol;

struct plain_receiver : receiver {
  using receiver::receiver;
};

constexpr std::uint64_t hash_seed = 42;

// One shard, one account, one owner.
struct one_account {
  epochs all{1, [](unsigned) {}};
  epoch_member epoch{all, 0};
  sublist index{hash_seed};
  account who{1, "one", hash_seed};
  plain_receiver owner{1};

  one_account() { epoch.enter(); }
};

// Short alphabets, so that patterns and subjects meet often.
std::string random_subject(std::mt19937& random, bool pattern) {
  std::string out;
  const auto tokens = 1 + random() % 4;
  for (unsigned i = 0; i < tokens; ++i) {
    if (i != 0) out += '.';
    const auto pick = random() % 10;
    if (pattern && pick == 0 && i + 1 == tokens) {
      out += '>';
    } else if (pattern && pick <= 2) {
      out += '*';
    } else {
      out += static_cast<char>('a' + random() % 4);
    }
  }
  return out;
}

std::multiset<const subscription*> found(const sublist& index,
                                         const account& who,
                                         std::string_view subject) {
  std::multiset<const subscription*> out;
  index.match(who, subject, index.key_of(who, subject).hash,
              [&out](const subscription* sub) { out.insert(sub); });
  return out;
}

}  // namespace

TEST_CASE("sublist: agrees with a naive matcher through insertions and removals, in two accounts") {
  const auto seed = nuncio::test::test_seed();
  INFO(nuncio::test::seed_text(seed));
  std::mt19937 random(static_cast<std::uint32_t>(seed));
  epochs all(1, [](unsigned) {});
  epoch_member epoch(all, 0);
  sublist index(hash_seed);
  account accounts[2] = {{1, "one", hash_seed}, {2, "two", hash_seed}};
  plain_receiver owner(1);
  std::vector<subscription*> live[2];

  for (int step = 0; step < 20'000; ++step) {
    epoch.enter();
    const auto which = random() % 2;
    auto& who = accounts[which];
    auto& subs = live[which];
    if (subs.size() < 200 && random() % 100 < 55) {
      auto* const sub = subscription::create(owner, who.id, random_subject(random, true), "", "1");
      const bool first = index.insert(who, sub, epoch);
      bool known = false;
      for (const auto* other : subs) known = known || other->subject() == sub->subject();
      CHECK(first == !known);
      subs.push_back(sub);
    } else if (!subs.empty()) {
      const auto at = random() % subs.size();
      auto* const sub = subs[at];
      subs.erase(subs.begin() + static_cast<long>(at));
      bool left = false;
      for (const auto* other : subs) left = left || other->subject() == sub->subject();
      CHECK(index.remove(who, sub, epoch) == !left);
      CHECK_FALSE(sub->is_linked());
      epoch.retire(sub, subscription::destroy);
    }
    const auto subject = random_subject(random, false);
    std::multiset<const subscription*> expected;
    for (const auto* sub : subs) {
      if (protocol::matches(subject, sub->subject())) expected.insert(sub);
    }
    CAPTURE(subject);
    REQUIRE(found(index, who, subject) == expected);
    if (step % 64 == 0) epoch.leave();
  }
  for (auto& subs : live) {
    for (auto* sub : subs) epoch.retire(sub, subscription::destroy);
  }
}

TEST_CASE("sublist: a subject with an empty token matches nobody, a wildcard-like one is literal") {
  one_account f;
  auto& [all, epoch, index, who, owner] = f;
  std::vector<subscription*> subs;
  for (const auto* pattern : {">", "a.*", "a.b"}) {
    subs.push_back(subscription::create(owner, 1, pattern, "", "1"));
    index.insert(who, subs.back(), epoch);
  }
  CHECK(found(index, who, "a..b").empty());
  CHECK(found(index, who, ".a").empty());
  CHECK(found(index, who, "a.").empty());
  CHECK(found(index, who, "a.*").size() == 2);
  CHECK(found(index, who, "a.b").size() == 3);
  for (auto* sub : subs) epoch.retire(sub, subscription::destroy);
}

TEST_CASE("sublist: an inbox that comes and goes leaves the stamps of other subjects alone") {
  one_account f;
  auto& [all, epoch, index, who, owner] = f;
  const auto stamp = [&](std::string_view subject) {
    return index.stamp(index.key_of(who, subject).place);
  };
  const auto change = [&](std::string_view pattern) {
    auto* const sub = subscription::create(owner, 1, pattern, "", "1");
    index.insert(who, sub, epoch);
    index.remove(who, sub, epoch);
    epoch.retire(sub, subscription::destroy);
  };
  const auto before = stamp("orders.new");
  change("_INBOX.x1");
  CHECK(stamp("orders.new") == before);
  change("other.*");
  CHECK(stamp("orders.new") == before);
  change("orders.new");
  CHECK(stamp("orders.new") == before + 2);
  change("orders.*");
  CHECK(stamp("orders.new") == before + 4);
  change(">");
  CHECK(stamp("orders.new") == before + 6);
}

TEST_CASE("sublist: readers without a lock never miss who stays, nor touch what is freed") {
  epochs all(3, [](unsigned) {});
  sublist index(hash_seed);
  account who(1, "one", hash_seed);
  plain_receiver owner(1);
  epoch_member writer(all, 0);
  writer.enter();
  std::vector<subscription*> staying;
  for (const auto* pattern : {"s.1", "s.*", "s.>", "s.1"}) {
    staying.push_back(subscription::create(owner, 1, pattern, "", "1"));
    index.insert(who, staying.back(), writer);
  }
  std::atomic<bool> stop{false};
  std::atomic<unsigned> missed{0};
  std::vector<std::thread> readers;
  for (unsigned i = 1; i < 3; ++i) {
    readers.emplace_back([&, i] {
      epoch_member reader(all, i);
      while (!stop) {
        reader.enter();
        std::size_t seen = 0;
        index.match(who, "s.1", index.key_of(who, "s.1").hash, [&](const subscription* sub) {
          seen += sub->sid() == "1" ? 1U : 0U;  // reads the memory of those that pass, too
        });
        if (seen < 4) ++missed;
        reader.leave();
      }
    });
  }
  for (int round = 0; round < 3'000; ++round) {
    writer.enter();
    std::vector<subscription*> passing;
    for (int i = 0; i < 20; ++i) {
      const auto* const pattern = i % 3 == 0 ? "s.1" : i % 3 == 1 ? "s.*" : "*.1";
      passing.push_back(subscription::create(owner, 1, pattern, "", "2"));
      index.insert(who, passing.back(), writer);
    }
    for (auto* sub : passing) {
      index.remove(who, sub, writer);
      writer.retire(sub, subscription::destroy);
    }
    writer.leave();
  }
  stop = true;
  for (auto& reader : readers) reader.join();
  CHECK(missed == 0);
  for (auto* sub : staying) writer.retire(sub, subscription::destroy);
}

TEST_CASE("sublist: readers don't miss one that stays while those around it leave") {
  const auto seed = nuncio::test::test_seed();
  INFO(nuncio::test::seed_text(seed));
  std::mt19937 random(static_cast<std::uint32_t>(seed));
  epochs all(3, [](unsigned) {});
  sublist index(hash_seed);
  account who(1, "one", hash_seed);
  plain_receiver owner(1);
  epoch_member writer(all, 0);
  std::atomic<bool> stop{false};
  std::atomic<unsigned> present{0};  // the sid of who stays, while it does
  std::atomic<unsigned> missed{0};
  std::vector<std::thread> readers;
  for (unsigned i = 1; i < 3; ++i) {
    readers.emplace_back([&, i] {
      epoch_member reader(all, i);
      while (!stop) {
        reader.enter();
        const auto expected = present.load();
        const auto sid = std::to_string(expected);
        bool seen = false;
        index.match(who, "s.1", index.key_of(who, "s.1").hash,
                    [&](const subscription* sub) { seen = seen || sub->sid() == sid; });
        if (expected != 0 && !seen && present.load() == expected) ++missed;
        reader.leave();
      }
    });
  }
  for (unsigned round = 1; round <= 6'000; ++round) {
    writer.enter();
    const auto* const pattern = round % 2 == 0 ? "s.1" : "s.*";
    std::vector<subscription*> around;
    const auto add = [&](std::string_view sid) {
      auto* const sub = subscription::create(owner, 1, pattern, "", sid);
      index.insert(who, sub, writer);
      return sub;
    };
    const auto remove = [&](subscription* sub) {
      index.remove(who, sub, writer);
      writer.retire(sub, subscription::destroy);
    };
    for (auto i = random() % 40; i != 0; --i) around.push_back(add("x"));
    auto* const staying = add(std::to_string(round));
    for (auto i = random() % 4; i != 0; --i) around.push_back(add("x"));
    present = round;
    std::shuffle(around.begin(), around.end(), random);
    for (auto* const sub : around) remove(sub);
    present = 0;
    remove(staying);
    writer.leave();
  }
  stop = true;
  for (auto& reader : readers) reader.join();
  CHECK(missed == 0);
}
