#include "core/subject_set.hpp"

#include <nuncio/protocol/subject.hpp>

#include <benchmark/benchmark.h>

#include <algorithm>
#include <string>
#include <vector>

// ns per question to a list of permissions, against the plain loop. Half of the subjects are in the
// list.
namespace {

using nuncio::server::subject_set;

std::vector<std::string> patterns(std::size_t count) {
  std::vector<std::string> list;
  for (std::size_t i = 0; i < count; ++i) {
    const auto name = "service" + std::to_string(i) + ".orders";
    list.push_back(i % 2 == 0 ? name + ".*" : name + ".created");
  }
  return list;
}

std::vector<std::string> subjects(std::size_t count) {
  std::vector<std::string> list;
  for (std::size_t i = 0; i < 64; ++i) {
    list.push_back("service" + std::to_string(i * 37 % (2 * count)) + ".orders.created");
  }
  return list;
}

void subject_set_matches(benchmark::State& state) {
  const auto count = static_cast<std::size_t>(state.range(0));
  const subject_set set(patterns(count));
  const auto asked = subjects(count);
  std::size_t i = 0;
  for (auto _ : state) benchmark::DoNotOptimize(set.matches(asked[i++ % asked.size()]));
}
BENCHMARK(subject_set_matches)
    ->Arg(1)
    ->Arg(5)
    ->Arg(20)
    ->Arg(24)
    ->Arg(32)
    ->Arg(64)
    ->Arg(1000)
    ->Arg(10000);

void subject_loop_matches(benchmark::State& state) {
  const auto count = static_cast<std::size_t>(state.range(0));
  const auto list = patterns(count);
  const auto asked = subjects(count);
  std::size_t i = 0;
  for (auto _ : state) {
    const auto& subject = asked[i++ % asked.size()];
    benchmark::DoNotOptimize(std::any_of(list.begin(), list.end(), [&subject](const auto& pattern) {
      return nuncio::protocol::matches(subject, pattern);
    }));
  }
}
BENCHMARK(subject_loop_matches)->Arg(1)->Arg(5)->Arg(20)->Arg(1000);

}  // namespace
