#include "world.hpp"

#include <benchmark/benchmark.h>

// ns per message for making a plan, which the match cache saves, and for following one.
namespace {

using namespace nuncio::server;
using nuncio::bench::world;

void subscribe(world& in, int plain, int members) {
  for (int i = 0; i < plain; ++i) in.subscribe("foo");
  for (int i = 0; i < members; ++i) in.subscribe("foo", "workers");
}

void router_plan(benchmark::State& state) {
  world all;
  subscribe(all, static_cast<int>(state.range(0)), static_cast<int>(state.range(1)));
  plan to;
  for (auto _ : state) {
    make_plan(all.index, all.who, "foo", all.index.key_of(all.who, "foo"), to);
    benchmark::DoNotOptimize(to.plain.data());
  }
}
BENCHMARK(router_plan)->Args({0, 0})->Args({1, 0})->Args({10, 0})->Args({0, 10});

void router_deliver(benchmark::State& state) {
  world all;
  subscribe(all, static_cast<int>(state.range(0)), static_cast<int>(state.range(1)));
  plan to;
  make_plan(all.index, all.who, "foo", all.index.key_of(all.who, "foo"), to);
  pick_random random(1);
  std::size_t sent = 0;
  for (auto _ : state) {
    deliver(to, nullptr, random, [&sent](const target&, bool) { ++sent; });
  }
  benchmark::DoNotOptimize(sent);
}
BENCHMARK(router_deliver)->Args({1, 0})->Args({10, 0})->Args({100, 0})->Args({0, 10});

}  // namespace
