#include "rpc/call_plan.hpp"

#include <doctest/doctest.h>

#include <chrono>
#include <cstdint>
#include <utility>
#include <vector>

using namespace nuncio::rpc;
using namespace std::chrono_literals;

namespace {

using verdict = call_plan::verdict;
constexpr std::uint32_t longest = UINT32_MAX;

struct plan_fixture {
  call_plan::time now{1h};
  retry_budget budget{{}};
  call_plan::settings set{.deadline = now + 5s};

  // The verdict on `why`, of the only attempt that is under way.
  call_plan::next judge(call_plan& plan, const status& why, bool timed_out = false) {
    return plan.on_failure(why, timed_out, now, budget, longest);
  }
  verdict first_verdict(const status& why, bool timed_out = false) {
    call_plan plan(set);
    plan.begin();
    return judge(plan, why, timed_out).what;
  }
};

status not_run(code what, std::string_view reason = {}) {
  return status::not_run(what, "", reason);
}

}  // namespace

TEST_CASE_FIXTURE(plan_fixture, "call_plan: what surely hasn't run is attempted three times") {
  call_plan plan(set);
  CHECK(plan.begin() == 1);
  auto next = judge(plan, not_run(code::unavailable));
  CHECK(next.what == verdict::retry);
  CHECK(next.at > now);
  CHECK(plan.begin() == 2);
  CHECK(judge(plan, not_run(code::resource_exhausted)).what == verdict::retry);
  CHECK(plan.begin() == 3);
  CHECK(judge(plan, not_run(code::unavailable)).what == verdict::give_up);
  CHECK_FALSE(plan.may_have_run());
}

TEST_CASE_FIXTURE(plan_fixture, "call_plan: what may have run is not attempted again") {
  CHECK(first_verdict({code::unavailable, ""}) == verdict::give_up);
  CHECK(first_verdict({code::internal, ""}) == verdict::give_up);
}

TEST_CASE_FIXTURE(plan_fixture, "call_plan: idempotent calls survive UNAVAILABLE, and no more") {
  set.is_idempotent = true;
  CHECK(first_verdict({code::unavailable, ""}) == verdict::retry);
  CHECK(first_verdict({code::internal, ""}) == verdict::give_up);
  CHECK(first_verdict({code::resource_exhausted, ""}) == verdict::give_up);
  CHECK(first_verdict({code::cancelled, ""}) == verdict::give_up);
}

TEST_CASE_FIXTURE(plan_fixture, "call_plan: a caller's mistake is not repeated") {
  for (const auto each :
       {code::cancelled, code::invalid_argument, code::not_found, code::already_exists,
        code::permission_denied, code::failed_precondition, code::out_of_range, code::unimplemented,
        code::data_loss, code::unauthenticated}) {
    CAPTURE(to_string(each));
    CHECK(first_verdict(not_run(each)) == verdict::give_up);
  }
}

TEST_CASE_FIXTURE(plan_fixture, "call_plan: that nobody serves it is told at once unless asked") {
  set.is_idempotent = true;
  const auto nobody = not_run(code::unavailable, "no-responders");
  CHECK(first_verdict(nobody) == verdict::give_up);
  set.retries.when_nobody_serves = true;
  CHECK(first_verdict(nobody) == verdict::retry);
}

TEST_CASE_FIXTURE(plan_fixture, "call_plan: the service says when, or never") {
  auto why = not_run(code::unavailable);
  why.retry_after = 700ms;
  call_plan plan(set);
  plan.begin();
  const auto next = judge(plan, why);
  CHECK(next.what == verdict::retry);
  CHECK(next.at >= now + 700ms);
  CHECK(next.at <= now + 720ms);
  why.retry_after = -1ms;
  CHECK(first_verdict(why) == verdict::give_up);
  why.retry_after = std::chrono::milliseconds::max();
  CHECK(first_verdict(why) == verdict::give_up);
}

TEST_CASE_FIXTURE(plan_fixture, "call_plan: pauses have full jitter, double and are bounded") {
  set.retries = {.attempts = 6, .first_pause = 20ms, .longest_pause = 100ms};
  for (const std::uint32_t random : {std::uint32_t{0}, std::uint32_t{1} << 31, longest}) {
    CAPTURE(random);
    call_plan plan(set);
    for (const auto most : {20ms, 40ms, 80ms, 100ms, 100ms}) {
      plan.begin();
      const auto next = plan.on_failure(not_run(code::unavailable), false, now, budget, random);
      REQUIRE(next.what == verdict::retry);
      const auto share = static_cast<double>(random) / 4294967296.0;
      const auto expected = std::chrono::duration<double>(most) * share;
      CHECK(std::chrono::duration<double>(next.at - now).count() ==
            doctest::Approx(expected.count()).epsilon(0.001));
    }
  }
}

TEST_CASE_FIXTURE(plan_fixture, "call_plan: nothing begins at or behind the deadline") {
  auto why = not_run(code::unavailable);
  why.retry_after = 5s;
  CHECK(first_verdict(why) == verdict::give_up);
  set.deadline = now;
  CHECK(first_verdict(not_run(code::unavailable)) == verdict::give_up);
}

TEST_CASE_FIXTURE(plan_fixture, "call_plan: the budget bounds what is attempted again") {
  budget = retry_budget({.percent = 0, .per_second = 0});
  CHECK(first_verdict(not_run(code::unavailable)) == verdict::give_up);
}

TEST_CASE_FIXTURE(plan_fixture,
                  "call_plan: one attempt alone has its own time if it's idempotent") {
  set.retries.attempt_timeout = 1s;
  CHECK(call_plan(set).attempt_deadline(now) == set.deadline);
  set.is_idempotent = true;
  CHECK(call_plan(set).attempt_deadline(now) == now + 1s);
  CHECK(call_plan(set).attempt_deadline(set.deadline - 500ms) == set.deadline);
  CHECK(first_verdict({code::deadline_exceeded, ""}, true) == verdict::retry);
  CHECK(first_verdict({code::deadline_exceeded, ""}) == verdict::give_up);  // the service says so
  set.retries.attempt_timeout = std::chrono::nanoseconds::max();
  CHECK(call_plan(set).attempt_deadline(now) == set.deadline);
}

TEST_CASE_FIXTURE(plan_fixture, "call_plan: only idempotent calls are hedged, in time") {
  set.hedge_after = 30ms;
  CHECK_FALSE(call_plan(set).hedge_at(now).has_value());
  set.is_idempotent = true;
  CHECK(call_plan(set).hedge_at(now) == now + 30ms);
  CHECK_FALSE(call_plan(set).hedge_at(set.deadline - 30ms).has_value());
}

TEST_CASE_FIXTURE(plan_fixture, "call_plan: a hedge is made once, beside the first attempt") {
  set.is_idempotent = true;
  call_plan plan(set);
  CHECK_FALSE(plan.may_hedge(now, budget));
  plan.begin();
  CHECK(plan.may_hedge(now, budget));
  CHECK(plan.begin() == 2);
  CHECK_FALSE(plan.may_hedge(now, budget));

  // Of two, the last one decides, and the hedge doesn't use up an attempt.
  CHECK(judge(plan, not_run(code::unavailable)).what == verdict::wait);
  CHECK(judge(plan, not_run(code::unavailable)).what == verdict::retry);
  CHECK(plan.begin() == 3);
  CHECK(judge(plan, not_run(code::unavailable)).what == verdict::retry);
  CHECK(plan.begin() == 4);
  CHECK(judge(plan, not_run(code::unavailable)).what == verdict::give_up);
}

TEST_CASE_FIXTURE(plan_fixture,
                  "call_plan: an answer that is final ends it beside another attempt") {
  set.is_idempotent = true;
  call_plan plan(set);
  plan.begin();
  CHECK(plan.may_hedge(now, budget));
  plan.begin();
  CHECK(judge(plan, {code::not_found, ""}).what == verdict::give_up);
}

TEST_CASE_FIXTURE(plan_fixture, "call_plan: no hedge after a failure, nor beyond the budget") {
  set.is_idempotent = true;
  call_plan plan(set);
  plan.begin();
  CHECK(judge(plan, {code::unavailable, ""}).what == verdict::retry);
  CHECK_FALSE(plan.may_hedge(now, budget));
  plan.begin();
  CHECK_FALSE(plan.may_hedge(now, budget));
  budget = retry_budget({.percent = 0, .per_second = 0});
  call_plan poor(set);
  poor.begin();
  CHECK_FALSE(poor.may_hedge(now, budget));
}

TEST_CASE_FIXTURE(plan_fixture, "call_plan: it knows if any failed attempt may have run") {
  set.is_idempotent = true;
  call_plan plan(set);
  plan.begin();
  CHECK(judge(plan, {code::unavailable, ""}).what == verdict::retry);
  plan.begin();
  CHECK(judge(plan, not_run(code::unavailable)).what == verdict::retry);
  CHECK(plan.may_have_run());
}
