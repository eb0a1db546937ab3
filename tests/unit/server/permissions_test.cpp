#include "core/permissions.hpp"

#include <doctest/doctest.h>

#include <chrono>
#include <memory>
#include <random>
#include <string>
#include <string_view>
#include <vector>

using namespace nuncio::server;
using namespace std::chrono_literals;

namespace {

constexpr reply_grants::clock::time_point start{};

publisher_rules publishing(subject_rules rules) {
  return publisher_rules(rules);
}

subscriber_rules allowing(subject_patterns allow, subject_patterns deny = {}) {
  return subscriber_rules({.allow = std::move(allow), .deny = std::move(deny)});
}

subscriber_rules denying(subject_patterns deny) {
  return subscriber_rules({.deny = std::move(deny)});
}

reply_grants replying(response_rules rules, subject_rules publish = {}) {
  return reply_grants(make_grants({.publish = std::move(publish), .responses = rules}));
}

}  // namespace

TEST_CASE("permissions: without an allow list all may be published that isn't denied") {
  const auto rules = publishing({.deny = {"a.secret", "b.>"}});
  CHECK(rules.allows("a.open"));
  CHECK_FALSE(rules.allows("a.secret"));
  CHECK_FALSE(rules.allows("b.x.y"));
}

TEST_CASE("permissions: with an allow list only that may be published, and a deny beats it") {
  const auto rules = publishing({.allow = {{"a.*", "d.>"}}, .deny = {"a.secret"}});
  CHECK(rules.allows("a.open"));
  CHECK(rules.allows("d.e.f"));
  CHECK_FALSE(rules.allows("c"));
  CHECK_FALSE(rules.allows("a.secret"));
}

TEST_CASE("permissions: an empty allow list lets nothing be published") {
  const auto rules = publishing({.allow = subject_patterns{}});
  CHECK_FALSE(rules.allows("a"));
  CHECK_FALSE(rules.allows(""));
}

TEST_CASE("permissions: what is remembered of beginnings changes no answer") {
  // Words that begin alike and lists that overlap, so that most rules decide within a beginning.
  const std::vector<std::string> words = {"ab", "abcd", "abcdefgh", "x"};
  std::mt19937 random(1);
  const auto word = [&] { return words[random() % words.size()]; };
  const auto subject = [&] {
    auto text = word();
    for (auto more = random() % 4; more != 0; --more) text += "." + word();
    return text;
  };
  const auto patterns = [&](std::size_t count) {
    subject_patterns all;
    for (std::size_t i = 0; i < count; ++i) {
      auto pattern = random() % 3 == 0 ? "*." + subject() : subject();
      if (random() % 2 == 0) pattern += random() % 2 == 0 ? ".>" : ".*";
      all.push_back(std::move(pattern));
    }
    return all;
  };
  std::vector<publisher_rules> several;
  for (int i = 0; i < 50; ++i) {
    const auto most = i % 10 == 0 ? 3 * subject_set::max_scanned : 6;
    several.push_back(
        publishing({.allow = patterns(random() % most), .deny = patterns(random() % most)}));
    several.push_back(publishing({.deny = patterns(random() % 6)}));
  }
  allowed_beginnings memory;
  std::size_t allowed = 0;
  for (int i = 0; i < 200'000; ++i) {
    const auto text = subject();
    const auto& rules = several[random() % several.size()];
    const bool expected = rules.allows(text);
    allowed += expected ? 1 : 0;
    INFO(text);
    REQUIRE(memory.allow(rules, text) == expected);
  }
  CHECK(allowed > 20'000);
  CHECK(allowed < 180'000);
}

TEST_CASE("permissions: wildcards in a published subject are taken literally") {
  const auto rules = publishing({.allow = {{"a.b", "c.*"}}});
  CHECK_FALSE(rules.allows("a.*"));
  CHECK_FALSE(rules.allows(">"));
  CHECK(rules.allows("c.*"));
}

TEST_CASE("permissions: a queue in a publish list allows nothing, and denies its whole subject") {
  CHECK_FALSE(publishing({.allow = {{"a q"}}}).allows("a"));
  CHECK_FALSE(publishing({.deny = {"a q"}}).allows("a"));
}

TEST_CASE("permissions: a subscription needs an entry that is as wide or wider") {
  const auto rules = allowing({"s.>", "t.*", "u"});
  CHECK(rules.may_subscribe("s.>", ""));
  CHECK(rules.may_subscribe("s.*.x", ""));
  CHECK(rules.may_subscribe("t.*", ""));
  CHECK(rules.may_subscribe("u", "q"));
  CHECK_FALSE(rules.may_subscribe(">", ""));
  CHECK_FALSE(rules.may_subscribe("t.>", ""));
  CHECK_FALSE(rules.may_subscribe("*", ""));
}

TEST_CASE("permissions: an entry with a queue allows that queue alone") {
  const auto rules = allowing({"foo v1"});
  CHECK(rules.may_subscribe("foo", "v1"));
  CHECK_FALSE(rules.may_subscribe("foo", "v2"));
  CHECK_FALSE(rules.may_subscribe("foo", ""));
}

TEST_CASE("permissions: beside an entry with a queue a plain one counts for plain subscriptions") {
  const auto rules = allowing({"foo", "foo v1"});
  CHECK(rules.may_subscribe("foo", ""));
  CHECK(rules.may_subscribe("foo", "v1"));
  CHECK_FALSE(rules.may_subscribe("foo", "v2"));
}

TEST_CASE("permissions: an entry with a queue for another subject doesn't count") {
  const auto rules = allowing({"foo", "bar v1"});
  CHECK(rules.may_subscribe("foo", "v2"));
  CHECK_FALSE(rules.may_subscribe("bar", ""));
}

TEST_CASE("permissions: a queue in an entry is a name or a pattern over the tokens of names") {
  const auto rules = allowing({"q.b g.*", "q.c >", "q.d *"});
  CHECK(rules.may_subscribe("q.b", "g.x"));
  CHECK(rules.may_subscribe("q.b", "g.*"));
  CHECK_FALSE(rules.may_subscribe("q.b", "g"));
  CHECK_FALSE(rules.may_subscribe("q.b", "g.>"));
  CHECK_FALSE(rules.may_subscribe("q.b", "g.x.y"));
  CHECK(rules.may_subscribe("q.c", "any.x"));
  CHECK(rules.may_subscribe("q.d", "any"));
  CHECK_FALSE(rules.may_subscribe("q.d", "any.x"));
}

TEST_CASE("permissions: a deny refuses what it covers, with a queue or without") {
  const auto rules = allowing({"s.>"}, {"s.deny", "s.x.*"});
  CHECK(rules.may_subscribe("s.open", ""));
  CHECK_FALSE(rules.may_subscribe("s.deny", ""));
  CHECK_FALSE(rules.may_subscribe("s.deny", "q"));
  CHECK_FALSE(rules.may_subscribe("s.x.*", ""));
}

TEST_CASE("permissions: a deny of a queue refuses that queue, not a plain subscription") {
  const auto rules = denying({"foo q1", "bar g.*"});
  CHECK(rules.may_subscribe("foo", ""));
  CHECK(rules.may_subscribe("foo", "q2"));
  CHECK_FALSE(rules.may_subscribe("foo", "q1"));
  CHECK_FALSE(rules.may_subscribe("bar", "g.x"));
  CHECK(rules.may_subscribe("bar", "g"));
}

TEST_CASE("permissions: a subscription wider than a deny is accepted, and hears the rest") {
  const auto rules = denying({"s.deny"});
  CHECK(rules.may_subscribe("s.*", ""));
  CHECK(rules.filters_deliveries());
  CHECK(rules.allows_delivery("s.open", ""));
  CHECK_FALSE(rules.allows_delivery("s.deny", ""));
  CHECK_FALSE(rules.allows_delivery("s.deny", "q"));
}

TEST_CASE("permissions: a deny of a queue is heard around by all but that queue") {
  const auto rules = denying({"s.deny q1"});
  CHECK(rules.may_subscribe("s.*", "q1"));
  CHECK_FALSE(rules.allows_delivery("s.deny", "q1"));
  CHECK(rules.allows_delivery("s.deny", "q2"));
  CHECK(rules.allows_delivery("s.deny", ""));
  CHECK(rules.allows_delivery("s.open", "q1"));
}

TEST_CASE("permissions: without a deny list no delivery is filtered") {
  const auto rules = allowing({"s.*"});
  CHECK_FALSE(rules.filters_deliveries());
  CHECK(rules.allows_delivery("s.x", ""));
}

TEST_CASE("permissions: an empty allow list lets nothing be subscribed to") {
  CHECK_FALSE(allowing({}).may_subscribe("a", ""));
  CHECK_FALSE(allowing({}).may_subscribe("a", "q"));
}

TEST_CASE("permissions: entries that can't be read allow nothing and deny their subject") {
  CHECK_FALSE(allowing({"a b c", "", " "}).may_subscribe("a", "b"));
  const auto rules = denying({"a b c", ""});
  CHECK_FALSE(rules.may_subscribe("a", "x"));
  CHECK_FALSE(rules.allows_delivery("a", ""));
  CHECK(rules.may_subscribe("b", ""));
}

TEST_CASE("permissions: blanks around and between the words of an entry don't count") {
  const auto rules = allowing({" foo   v1 ", "\tbar"});
  CHECK(rules.may_subscribe("foo", "v1"));
  CHECK(rules.may_subscribe("bar", ""));
}

TEST_CASE("permissions: many entries with queues decide as few do") {
  subject_patterns entries;
  for (int i = 0; i < 500; ++i) entries.push_back("s." + std::to_string(i) + " g.*");
  entries.emplace_back("s.7");
  const auto rules = allowing(std::move(entries));
  CHECK(rules.may_subscribe("s.499", "g.x"));
  CHECK_FALSE(rules.may_subscribe("s.499", ""));
  CHECK_FALSE(rules.may_subscribe("s.7", "h"));
  CHECK(rules.may_subscribe("s.7", ""));
  CHECK_FALSE(rules.may_subscribe("s.500", "g.x"));
}

TEST_CASE("permissions: nothing said forbids nothing, and needs no grants") {
  CHECK(make_grants({}) == nullptr);
  CHECK(same_grants(nullptr, nullptr));
  const auto some = make_grants({.publish = {.deny = {"a"}}});
  CHECK_FALSE(same_grants(some.get(), nullptr));
  CHECK(same_grants(some.get(), make_grants({.publish = {.deny = {"a"}}}).get()));
  CHECK_FALSE(same_grants(some.get(), make_grants({.subscribe = {.deny = {"a"}}}).get()));
}

TEST_CASE("permissions: a side that isn't restricted has no rules") {
  const auto made = make_grants({.publish = {.deny = {"a"}}});
  CHECK(made->publish);
  CHECK_FALSE(made->subscribe);
  CHECK_FALSE(made->responses);
}

TEST_CASE("permissions: who may respond may publish nothing else, unless it is allowed") {
  const auto only = make_grants({.responses = response_rules{}});
  REQUIRE(only->publish);
  CHECK_FALSE(only->publish->allows("a"));
  CHECK_FALSE(only->subscribe);
  const auto more = make_grants({.publish = {.allow = {{"a"}}}, .responses = response_rules{}});
  CHECK(more->publish->allows("a"));
  CHECK_FALSE(more->publish->allows("b"));
}

TEST_CASE("permissions: one response within two minutes is what is meant by nothing and by zero") {
  CHECK(response_rules{}.max == 1);
  CHECK(response_rules{}.expires == 2min);
  const auto zero = make_grants({.responses = response_rules{.max = 0, .expires = 0ns}});
  CHECK(zero->responses == response_rules{});
}

TEST_CASE("permissions: a reply may be published to once it was delivered, as often as is said") {
  auto grants = replying({.max = 2});
  CHECK_FALSE(grants.take("r", start));
  grants.grant("r", start);
  CHECK_FALSE(grants.take("other", start));
  CHECK(grants.take("r", start));
  CHECK(grants.take("r", start));
  CHECK_FALSE(grants.take("r", start));
  CHECK(grants.size() == 0);
}

TEST_CASE("permissions: a reply that comes too late is refused, and its grant forgotten") {
  auto grants = replying({.max = 9, .expires = 1s});
  grants.grant("r", start);
  CHECK(grants.take("r", start + 1s));
  CHECK_FALSE(grants.take("r", start + 1001ms));
  CHECK(grants.size() == 0);
}

TEST_CASE("permissions: a reply that is delivered again may be used anew") {
  auto grants = replying({.max = 1, .expires = 1s});
  grants.grant("r", start);
  grants.grant("r", start + 800ms);
  CHECK(grants.size() == 1);
  CHECK(grants.take("r", start + 1500ms));
  CHECK_FALSE(grants.take("r", start + 1500ms));
}

TEST_CASE("permissions: negative limits of responses are none") {
  auto grants = replying({.max = -1, .expires = -1ns});
  grants.grant("r", start);
  for (int i = 0; i < 100; ++i) CHECK(grants.take("r", start + 1000h));
}

TEST_CASE("permissions: a reply that may be published to anyway is not recorded") {
  auto grants = replying({}, {.allow = {{"a.>"}}, .deny = {"a.no"}});
  grants.grant("a.b", start);
  CHECK(grants.size() == 0);
  grants.grant("a.no", start);
  CHECK(grants.size() == 1);
}

TEST_CASE("permissions: grants that nobody uses go once they are too old") {
  auto grants = replying({.max = 1, .expires = 1s});
  for (int second = 0; second < 20; ++second) {
    for (int i = 0; i < 1000; ++i) {
      grants.grant(std::to_string(second) + '.' + std::to_string(i), start + second * 1s);
    }
    CHECK(grants.size() <= 3000);
  }
}

TEST_CASE("permissions: beyond the most grants that are kept the oldest makes room") {
  auto grants = replying({.max = -1, .expires = -1ns});
  grants.grant("first", start);
  grants.grant("second", start);
  for (std::size_t i = 0; i < reply_grants::max_live - 2; ++i) {
    grants.grant("r." + std::to_string(i), start);
  }
  grants.grant("first", start);  // which makes it the newest
  grants.grant("one more", start);
  CHECK(grants.size() == reply_grants::max_live);
  CHECK(grants.take("first", start));
  CHECK(grants.take("one more", start));
  CHECK(grants.take("r.0", start));
  CHECK_FALSE(grants.take("second", start));
}
