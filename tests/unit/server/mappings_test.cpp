#include "core/mappings.hpp"

#include "core/accounts.hpp"
#include "net/in_force.hpp"
#include "seed.hpp"

#include <nuncio/protocol/subject.hpp>

#include <doctest/doctest.h>

#include <algorithm>
#include <map>
#include <random>
#include <string>
#include <string_view>
#include <vector>

using namespace nuncio::server;

namespace {

using list = std::vector<mapping_options>;

constexpr std::string_view lost = "(lost)";

std::string map(const subject_mapping& all, std::string_view subject, pick_random& random) {
  std::string scratch;
  const auto got = all.map(subject, scratch, random);
  return got.empty() ? std::string(lost) : std::string(got);
}

std::string map(const list& all, std::string_view subject) {
  pick_random random(1);
  return map(mappings(all), subject, random);
}

// How many of 10,000 messages to `subject` go where.
std::map<std::string, int> spread(const list& all, std::string_view subject) {
  constexpr std::uint64_t seed = 42;
  const mappings made(all);
  pick_random random(seed);
  std::map<std::string, int> out;
  for (int i = 0; i < 10'000; ++i) ++out[map(made, subject, random)];
  return out;
}

bool is_about(int got, int percent) {
  return std::abs(got - percent * 100) < 200;  // four standard deviations, at most
}

}  // namespace

TEST_CASE("mappings: the first source that matches counts, once") {
  const list all{{"a", {{"b"}}},       {"b", {{"c"}}},        {"x.*", {{"one.$1"}}},
                 {"x.y", {{"never"}}}, {"x.>", {{"more.>"}}}, {"*.z", {{"z.$1"}}}};
  CHECK(map(all, "a") == "b");
  CHECK(map(all, "b") == "c");
  CHECK(map(all, "x.y") == "one.y");
  CHECK(map(all, "x.y.z") == "more.y.z");
  CHECK(map(all, "q.z") == "z.q");
  CHECK(map(all, "x") == "x");
  CHECK(map(all, "q") == "q");
  CHECK(map({}, "q") == "q");
}

TEST_CASE("mappings: wildcards and empty tokens in a published subject") {
  const list all{{"a.*", {{"b.$1"}}}, {"a.*.*", {{"b.$2.$1"}}}, {"c.>", {{"d.>"}}}};
  CHECK(map(all, "a.*") == "b.*");
  CHECK(map(all, "a.>") == "a.>");
  CHECK(map(all, "a.>.>") == "a.>.>");
  CHECK(map(all, "c.>") == "d.>");
  CHECK(map(all, "c.*") == "d.*");
  CHECK(map(all, "a.") == "a.");
  CHECK(map(all, "a..b") == "a..b");
  CHECK(map(all, "c..x") == "c..x");
}

TEST_CASE("mappings: weights are percent, and the rest goes to the subject itself") {
  auto got = spread({{"z", {{"x", 30}, {"y", 20}}}}, "z");
  CHECK(got.size() == 3);
  CHECK(is_about(got["x"], 30));
  CHECK(is_about(got["y"], 20));
  CHECK(is_about(got["z"], 50));
  got = spread({{"z", {{"x", 25}, {"y", 75}}}}, "z");
  CHECK(got.size() == 2);
  CHECK(is_about(got["x"], 25));
  CHECK(spread({{"z", {{"x", 0}}}}, "z") == std::map<std::string, int>{{"z", 10'000}});
  CHECK(spread({{"z", {{"x", 100}}}}, "z") == std::map<std::string, int>{{"x", 10'000}});
  CHECK(spread({{"z", {}}}, "z") == std::map<std::string, int>{{"z", 10'000}});
}

TEST_CASE("mappings: where the source is a destination too, the rest is lost") {
  auto got = spread({{"z", {{"z", 60}, {"y", 30}}}}, "z");
  CHECK(got.size() == 3);
  CHECK(is_about(got["z"], 60));
  CHECK(is_about(got["y"], 30));
  CHECK(is_about(got[std::string(lost)], 10));
  CHECK(spread({{"z", {{"z", 0}}}}, "z") ==
        std::map<std::string, int>{{std::string(lost), 10'000}});
  got = spread({{"z.>", {{"z.>", 50}}}}, "z.a");
  CHECK(is_about(got["z.a"], 50));
  CHECK(is_about(got[std::string(lost)], 50));
  // By its text: this is another one, though it comes to the same.
  CHECK(spread({{"z.*", {{"z.$1", 50}}}}, "z.a") == std::map<std::string, int>{{"z.a", 10'000}});
}

TEST_CASE("mappings: what is for a cluster does not count outside of one") {
  CHECK(map({{"z", {{"y", 100, "c"}}}}, "z") == "z");
  CHECK(map({{"z", {{"y", 100, "c"}, {"x", 100}}}}, "z") == "x");
  // But for the source: whoever names it wants no rest.
  CHECK(map({{"z", {{"z", 50, "c"}}}}, "z") == lost);
}

TEST_CASE("mappings: a hundred sources are looked through like two") {
  const auto seed = nuncio::test::test_seed();
  CAPTURE(nuncio::test::seed_text(seed));
  std::mt19937_64 random(seed);
  pick_random pick(seed);
  for (int round = 0; round < 50; ++round) {
    list all;
    for (auto left = random() % 100 + 1; left > 0; --left) {
      std::string source;
      for (auto tokens = random() % 3 + 1; tokens > 0; --tokens) {
        const auto kind = random() % 5;
        if (!source.empty()) source += '.';
        source += kind == 0 ? "*" : std::string(1, "abcdef"[random() % 6]);
      }
      bool is_new = true;
      for (const auto& each : all) is_new = is_new && each.source != source;
      if (is_new) all.push_back({source, {{"to." + std::to_string(all.size())}}});
    }
    REQUIRE(check_mappings(all).empty());
    const mappings made(all);
    for (int i = 0; i < 200; ++i) {
      std::string subject;
      for (auto tokens = random() % 4 + 1; tokens > 0; --tokens) {
        subject += (subject.empty() ? "" : ".") + std::string(1, "abcdef"[random() % 6]);
      }
      std::string expected = subject;
      const auto first = std::find_if(all.begin(), all.end(), [&](const mapping_options& each) {
        return nuncio::protocol::matches(subject, each.source);
      });
      if (first != all.end()) expected = first->destinations.front().subject;
      CAPTURE(subject);
      REQUIRE(map(made, subject, pick) == expected);
    }
  }
}

TEST_CASE("mappings: what can't be used is named") {
  const auto said = [](const list& all) {
    std::string out;
    for (const auto& each : check_mappings(all)) out += each + '\n';
    return out;
  };
  CHECK(said({{"a", {{"b", 50}, {"c", 50}, {"d", 100, "x"}}}}).empty());
  CHECK(said({{"a..b", {{"c"}}}}) == "mapping of \"a..b\": that is not a valid subject.\n");
  CHECK(said({{"a", {{"b"}}}, {"a", {{"c"}}}}) == "mapping of \"a\" is defined twice.\n");
  CHECK(
      said({{"a", {{"$1"}}}}) ==
      "mapping of \"a\": found wildcard 1 in \"$1\", expected none, because \"a\" has no \"*\".\n");
  CHECK(said({{"a", {{"b", 101}, {"c", -1}}}}) ==
        "mapping of \"a\": the weight of \"b\" is 101, not 0 to 100 percent.\n"
        "mapping of \"a\": the weight of \"c\" is -1, not 0 to 100 percent.\n");
  CHECK(said({{"a", {{"b", 60}, {"c", 60}}}}) ==
        "mapping of \"a\": the weights add up to 120, more than 100 percent.\n");
  CHECK(said({{"a", {{"b", 60, "x"}, {"c", 60, "x"}}}}) ==
        "mapping of \"a\": the weights for cluster \"x\" add up to 120, more than 100 percent.\n");
  CHECK(said({{"a", {{"b", 10}, {"b", 10, "x"}}}}) ==
        "mapping of \"a\": \"b\" is a destination twice.\n");
  access_options access;
  access.mappings = {{"a", {{"$1"}}}};
  access.accounts.push_back({});
  access.accounts.back().name = "A";
  access.accounts.back().mappings = {{"..", {}}};
  const auto all = check(access);
  REQUIRE(all.size() == 2);
  CHECK(all[0].starts_with("account \"$G\": mapping of \"a\": "));
  CHECK(all[1] == "account \"A\": mapping of \"..\": that is not a valid subject.");
}

TEST_CASE("mappings: options give accounts theirs, and later options take them away") {
  accounts registry(1);
  options opts;
  opts.access.mappings = {{"a", {{"g"}}}};
  opts.access.accounts.resize(2);
  opts.access.accounts[0].name = "A";
  opts.access.accounts[0].mappings = {{"a", {{"of_a"}}}};
  opts.access.accounts[1].name = "B";
  const auto of = [&](std::string_view name) {
    pick_random random(1);
    const auto* const has = registry.make(name).mapping.load();
    return has == nullptr ? "none" : map(*has, "a", random);
  };
  const in_force first(opts, {}, registry, {});
  CHECK(of("$G") == "g");
  CHECK(of("A") == "of_a");
  CHECK(of("B") == "none");
  CHECK(of("$SYS") == "none");
  opts.access.mappings.clear();
  opts.access.accounts.erase(opts.access.accounts.begin());
  opts.access.accounts[0].mappings = {{"a", {{"of_b"}}}};
  const in_force second(opts, {}, registry, {});
  CHECK(of("$G") == "none");
  CHECK(of("A") == "none");
  CHECK(of("B") == "of_b");
}
