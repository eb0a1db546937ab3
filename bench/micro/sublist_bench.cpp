#include "world.hpp"

#include <benchmark/benchmark.h>

#include <random>
#include <string>
#include <vector>

// ns per lookup, insertion and removal in an index of a given size.
namespace {

using namespace nuncio::server;
using nuncio::bench::device_subject;
using nuncio::bench::world;

std::size_t lookup(const world& in, std::string_view subject) {
  std::size_t found = 0;
  const auto key = in.index.key_of(in.who, subject);
  in.index.match(in.who, subject, key.hash, [&found](subscription*) { ++found; });
  return found;
}

// Subjects in a random order, each of which somebody has.
void sublist_literal(benchmark::State& state) {
  world all;
  const auto size = static_cast<std::size_t>(state.range(0));
  for (std::size_t i = 0; i < size; ++i) all.subscribe(device_subject(i));
  std::mt19937 random(1);
  std::vector<std::string> asked;
  for (int i = 0; i < 4096; ++i) asked.push_back(device_subject(random() % size));
  std::size_t at = 0;
  for (auto _ : state) {
    if (lookup(all, asked[at++ % asked.size()]) != 1) state.SkipWithError("not found");
  }
}
BENCHMARK(sublist_literal)->Arg(1)->Arg(1000)->Arg(1'000'000);

void sublist_nobody(benchmark::State& state) {
  world all;
  for (std::size_t i = 0; i < 1000; ++i) all.subscribe(device_subject(i));
  for (auto _ : state) {
    if (lookup(all, "foo") != 0) state.SkipWithError("found");
  }
}
BENCHMARK(sublist_nobody);

// Subjects of five tokens, found through `*` and `>` at several levels, three answers each.
void sublist_wildcards(benchmark::State& state) {
  world all;
  all.subscribe("foo.*.bar.>");
  for (int i = 0; i < 100; ++i) {
    all.subscribe("foo." + std::to_string(i) + ".bar.>");
    all.subscribe("foo.*.bar." + std::to_string(i) + ".*");
  }
  std::vector<std::string> asked;
  for (int i = 0; i < 100; ++i) {
    asked.push_back("foo." + std::to_string(i) + ".bar." + std::to_string(99 - i) + ".7");
  }
  std::size_t at = 0;
  for (auto _ : state) {
    if (lookup(all, asked[at++ % asked.size()]) != 3) state.SkipWithError("not three");
  }
}
BENCHMARK(sublist_wildcards);

// What one reply inbox costs: made, in the index, out of it, freed.
void sublist_inbox(benchmark::State& state) {
  world all;
  const auto size = static_cast<std::size_t>(state.range(0));
  for (std::size_t i = 0; i < size; ++i) all.subscribe(device_subject(i));
  std::vector<std::string> inboxes;
  for (int i = 0; i < 4096; ++i) inboxes.push_back("_INBOX.Qx7aPkT3." + std::to_string(i));
  std::size_t at = 0;
  for (auto _ : state) {
    auto* const sub =
        subscription::create(all.owner, all.who.id, inboxes[at++ % inboxes.size()], {}, "1");
    all.index.insert(all.who, sub, all.epoch);
    all.index.remove(all.who, sub, all.epoch);
    all.epoch.retire(sub, subscription::destroy);
    if (at % 256 == 0) all.epoch.reclaim();
  }
}
BENCHMARK(sublist_inbox)->Arg(0)->Arg(1'000'000);

}  // namespace
