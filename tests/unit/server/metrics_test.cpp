#include "monitor/exposition.hpp"
#include "net/histogram.hpp"
#include "net/small_mutex.hpp"

#include <doctest/doctest.h>

#include <array>
#include <cstdint>
#include <limits>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

using namespace nuncio::server;
using monitor::exposition;

namespace {

std::string written(exposition::form as) {
  exposition out(as);
  out.family("nuncio_things", exposition::kind::gauge, "What \"there\" is,\nand \\ more.");
  out.sample({}, std::int64_t{-3});
  out.sample({{"name", "a\"b\\c\nd"}, {"other", ""}}, 0.25);
  out.family("nuncio_seen", exposition::kind::counter, "Ever.");
  out.sample({{"shard", "0"}}, std::uint64_t{18'446'744'073'709'551'615U});
  out.family("nuncio_size_bytes", exposition::kind::histogram, "Sizes.");
  constexpr std::array bounds{64.0, 0.000065536};
  constexpr std::array<std::uint64_t, 3> counts{2, 0, 5};
  out.buckets(bounds, counts, std::numeric_limits<double>::infinity());
  return out.finish();
}

}  // namespace

TEST_CASE("exposition: text") {
  CHECK(written(exposition::form::text) ==
        "# HELP nuncio_things What \"there\" is,\\nand \\\\ more.\n"
        "# TYPE nuncio_things gauge\n"
        "nuncio_things -3\n"
        "nuncio_things{name=\"a\\\"b\\\\c\\nd\",other=\"\"} 0.25\n"
        "# HELP nuncio_seen_total Ever.\n"
        "# TYPE nuncio_seen_total counter\n"
        "nuncio_seen_total{shard=\"0\"} 18446744073709551615\n"
        "# HELP nuncio_size_bytes Sizes.\n"
        "# TYPE nuncio_size_bytes histogram\n"
        "nuncio_size_bytes_bucket{le=\"64\"} 2\n"
        "nuncio_size_bytes_bucket{le=\"6.5536e-05\"} 2\n"
        "nuncio_size_bytes_bucket{le=\"+Inf\"} 7\n"
        "nuncio_size_bytes_count 7\n"
        "nuncio_size_bytes_sum +Inf\n");
}

TEST_CASE("exposition: OpenMetrics") {
  CHECK(written(exposition::form::open_metrics) ==
        "# HELP nuncio_things What \\\"there\\\" is,\\nand \\\\ more.\n"
        "# TYPE nuncio_things gauge\n"
        "nuncio_things -3\n"
        "nuncio_things{name=\"a\\\"b\\\\c\\nd\",other=\"\"} 0.25\n"
        "# HELP nuncio_seen Ever.\n"
        "# TYPE nuncio_seen counter\n"
        "nuncio_seen_total{shard=\"0\"} 18446744073709551615\n"
        "# HELP nuncio_size_bytes Sizes.\n"
        "# TYPE nuncio_size_bytes histogram\n"
        "nuncio_size_bytes_bucket{le=\"64\"} 2\n"
        "nuncio_size_bytes_bucket{le=\"6.5536e-05\"} 2\n"
        "nuncio_size_bytes_bucket{le=\"+Inf\"} 7\n"
        "nuncio_size_bytes_count 7\n"
        "nuncio_size_bytes_sum +Inf\n"
        "# EOF\n");
}

TEST_CASE("exposition: the form is what the scraper takes") {
  using form = exposition::form;
  CHECK(exposition::form_for("") == form::text);
  CHECK(exposition::form_for("*/*") == form::text);
  CHECK(exposition::form_for("text/plain;version=0.0.4") == form::text);
  CHECK(exposition::form_for("application/openmetrics-text;version=1.0.0;q=0.5,*/*;q=0.1") ==
        form::open_metrics);
}

TEST_CASE("histogram: a bucket has what is no larger than its bound, and all else is in the last") {
  using sizes = histogram<6, 4>;
  CHECK(sizes::bound(0) == 64);
  CHECK(sizes::bound(1) == 256);
  CHECK(sizes::bound(2) == 1024);
  for (std::size_t bucket = 0; bucket < 3; ++bucket) {
    CHECK(sizes::bucket_of(sizes::bound(bucket)) == bucket);
    CHECK(sizes::bucket_of(sizes::bound(bucket) + 1) == bucket + 1);
  }
  CHECK(sizes::bucket_of(0) == 0);
  CHECK(sizes::bucket_of(1) == 0);
  CHECK(sizes::bucket_of(std::numeric_limits<std::uint64_t>::max()) == 3);
  sizes some;
  some.add(65);
  some.add(256, 10);
  CHECK(some.count(0) == 0);
  CHECK(some.count(1) == 11);
}

TEST_CASE("small_mutex: one at a time, and nobody waits for ever") {
  small_mutex lock;
  std::uint64_t shared = 0;
  constexpr int threads = 4;
  constexpr int rounds = 20'000;
  std::vector<std::thread> all;
  for (int i = 0; i < threads; ++i) {
    all.emplace_back([&] {
      for (int round = 0; round < rounds; ++round) {
        const std::scoped_lock held(lock);
        ++shared;
      }
    });
  }
  for (auto& each : all) each.join();
  CHECK(shared == std::uint64_t{threads} * rounds);
  CHECK(lock.try_lock());
  CHECK_FALSE(lock.try_lock());
  lock.unlock();
}
