#include "rpc/retry_budget.hpp"

#include <doctest/doctest.h>

#include <chrono>

using namespace nuncio::rpc;
using namespace std::chrono_literals;

namespace {

using clock_time = retry_budget::time;

int draw_all(retry_budget& from, clock_time now) {
  int count = 0;
  while (from.draw(now)) ++count;
  return count;
}

}  // namespace

TEST_CASE("retry_budget: a share of the calls, and a constant") {
  const clock_time now{1h};
  retry_budget budget({.percent = 20, .per_second = 10});
  CHECK(draw_all(budget, now) == 100);
  for (int i = 0; i < 1000; ++i) budget.note_call(now);
  CHECK(draw_all(budget, now) == 200);
}

TEST_CASE("retry_budget: what is older than ten seconds doesn't count") {
  clock_time now{1h};
  retry_budget budget({.percent = 50, .per_second = 0});
  for (int i = 0; i < 10; ++i) {
    for (int k = 0; k < 10; ++k) budget.note_call(now);
    now += 1s;
  }
  // The first second's calls are gone.
  CHECK(draw_all(budget, now) == 45);
  CHECK(draw_all(budget, now + 1s) == 0);
  for (int i = 0; i < 10; ++i) budget.note_call(now + 30s);
  CHECK(draw_all(budget, now + 30s) == 5);
  CHECK(draw_all(budget, now + 35s) == 0);
}

TEST_CASE("retry_budget: nothing is drawn from an empty one, and an old time does no harm") {
  retry_budget budget({.percent = 20, .per_second = 0});
  CHECK_FALSE(budget.draw(clock_time{1h}));
  budget = retry_budget({.percent = 100, .per_second = 0});
  budget.note_call(clock_time{1h});
  CHECK(budget.draw(clock_time{59min}));
  CHECK_FALSE(budget.draw(clock_time{1h}));
}
