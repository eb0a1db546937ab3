#include "core/router.hpp"

#include "core/permissions.hpp"

#include <doctest/doctest.h>

#include <map>
#include <string>
#include <vector>

namespace {

using namespace nuncio::server;

struct plain_receiver : receiver {
  using receiver::receiver;
};

// One shard's world: an index, two accounts, subscriptions that are freed at the end.
struct fixture {
  epochs all{1, [](unsigned) {}};
  epoch_member epoch{all, 0};
  sublist index{7};
  account one{1, "one", 7};
  account two{2, "two", 7};
  pick_random random{1};
  std::vector<subscription*> made;

  fixture() { epoch.enter(); }
  ~fixture() {
    for (auto* sub : made) epoch.retire(sub, subscription::destroy);
  }

  subscription* subscribe(account& who,
                          receiver& owner,
                          std::string_view subject,
                          std::string_view queue = {}) {
    made.push_back(subscription::create(owner, who.id, subject, queue, "1"));
    index.insert(who, made.back(), epoch);
    return made.back();
  }
  plan plan_for(const account& who, std::string_view subject) {
    plan out;
    make_plan(index, who, subject, index.key_of(who, subject), out);
    return out;
  }
  // How often each receiver got one of `count` messages.
  std::map<std::uint64_t, int> publish(const account& who,
                                       std::string_view subject,
                                       int count = 1,
                                       const receiver* publisher = nullptr) {
    std::map<std::uint64_t, int> got;
    const auto to = plan_for(who, subject);
    for (int i = 0; i < count; ++i) {
      last = deliver(to, publisher, random,
                     [&got](const target& t, bool) { ++got[t.sub->owner->id]; });
    }
    return got;
  }
  outcome last = outcome::nobody;
};

using counts = std::map<std::uint64_t, int>;

}  // namespace

TEST_CASE("router: two accounts in one index don't hear each other") {
  fixture f;
  plain_receiver a(1);
  plain_receiver b(2);
  f.subscribe(f.one, a, "orders.new");
  f.subscribe(f.two, b, "orders.new");
  f.subscribe(f.two, b, "orders.*");
  CHECK(f.publish(f.one, "orders.new") == counts{{1, 1}});
  CHECK(f.publish(f.two, "orders.new") == counts{{2, 2}});
}

TEST_CASE("router: one queue name on overlapping subjects is one group, with one copy") {
  fixture f;
  plain_receiver a(1);
  plain_receiver b(2);
  f.subscribe(f.one, a, "a", "g");
  f.subscribe(f.one, b, "*", "g");
  const auto got = f.publish(f.one, "a", 1000);
  CHECK(got.at(1) + got.at(2) == 1000);
  CHECK(got.at(1) > 350);
  CHECK(got.at(2) > 350);
}

TEST_CASE("router: a member that can't take the message is passed over") {
  fixture f;
  plain_receiver a(1);
  plain_receiver b(2);
  auto* const limited = f.subscribe(f.one, a, "a", "g");
  f.subscribe(f.one, b, "a", "g");
  SUBCASE("closed") {
    a.closed = true;
  }
  SUBCASE("its limit is reached") {
    limited->max = 1;
    limited->delivered = 1;
  }
  CHECK(f.publish(f.one, "a", 100) == counts{{2, 100}});
}

TEST_CASE("router: who wants no echo doesn't hear itself, and that counts as nobody's delivery") {
  fixture f;
  plain_receiver a(1);
  a.flags = receiver::no_echo;
  f.subscribe(f.one, a, "a");
  f.subscribe(f.one, a, "a", "g");
  CHECK(f.publish(f.one, "a", 1, &a).empty());
  CHECK(f.last == outcome::suppressed);
  plain_receiver b(2);
  CHECK(f.publish(f.one, "a", 1, &b) == counts{{1, 2}});
  CHECK(f.last == outcome::delivered);
}

TEST_CASE("router: a limit lets exactly that many through, and says which one is the last") {
  fixture f;
  plain_receiver a(1);
  f.subscribe(f.one, a, "a")->max = 3;
  const auto to = f.plan_for(f.one, "a");
  std::vector<bool> lasts;
  for (int i = 0; i < 5; ++i) {
    deliver(to, nullptr, f.random, [&lasts](const target&, bool last) { lasts.push_back(last); });
  }
  CHECK(lasts == std::vector<bool>{false, false, true});
}

TEST_CASE("router: a subscriber's deny list is left out of the plan, plain and in a group") {
  fixture f;
  plain_receiver denied(1);
  plain_receiver other(2);
  const subscriber_rules rules({.deny = {"s.secret"}});
  denied.rules = &rules;
  f.subscribe(f.one, denied, "s.*");
  f.subscribe(f.one, denied, "s.*", "g");
  f.subscribe(f.one, other, "s.*", "g");
  CHECK(f.publish(f.one, "s.secret", 10) == counts{{2, 10}});
  CHECK(f.publish(f.one, "s.open").at(1) >= 1);
}

TEST_CASE("router: a deny of one queue leaves the subscriber's other subscriptions alone") {
  fixture f;
  plain_receiver denied(1);
  plain_receiver other(2);
  const subscriber_rules rules({.deny = {"s.secret g"}});
  denied.rules = &rules;
  f.subscribe(f.one, denied, "s.*", "g");
  f.subscribe(f.one, other, "s.*", "g");
  CHECK(f.publish(f.one, "s.secret", 10) == counts{{2, 10}});
  f.subscribe(f.one, denied, "s.*");
  f.subscribe(f.one, denied, "s.*", "h");
  CHECK(f.publish(f.one, "s.secret", 10) == counts{{1, 20}, {2, 10}});
}

TEST_CASE("router: a receiver that takes messages itself is marked so in the plan") {
  fixture f;
  plain_receiver tap(1);
  tap.flags = receiver::takes_itself;
  f.subscribe(f.one, tap, ">");
  const auto to = f.plan_for(f.one, "a.b");
  REQUIRE(to.plain.size() == 1);
  CHECK((to.plain.front().flags & receiver::takes_itself) != 0);
}
