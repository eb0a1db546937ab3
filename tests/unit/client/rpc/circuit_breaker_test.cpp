#include "rpc/circuit_breaker.hpp"

#include <doctest/doctest.h>

#include <chrono>

using namespace nuncio::rpc;
using namespace std::chrono_literals;

namespace {

using admission = circuit_breaker::admission;
using state = circuit_breaker::state;

struct breaker_fixture {
  circuit_breaker::time now{1h};
  circuit_breaker it{
      {.percent = 50, .min_calls = 4, .window = 10s, .open_for = 5000ms, .probes = 2}};

  bool call(code how) {
    const auto in = it.admit(now);
    if (in.how == admission::refused) return false;
    it.note(in, status(how, ""), now);
    return true;
  }
  void break_it() {
    for (int i = 0; i < 4; ++i) CHECK(call(code::unavailable));
    REQUIRE(it.current() == state::open);
  }
};

}  // namespace

TEST_CASE_FIXTURE(breaker_fixture, "circuit_breaker: it opens at a share of failures, not before") {
  for (const auto each : {code::ok, code::ok, code::unavailable}) CHECK(call(each));
  CHECK(it.current() == state::closed);
  CHECK(call(code::internal));
  CHECK(it.current() == state::open);
  CHECK_FALSE(call(code::ok));
}

TEST_CASE_FIXTURE(breaker_fixture, "circuit_breaker: few calls never open it") {
  for (int i = 0; i < 3; ++i) CHECK(call(code::deadline_exceeded));
  CHECK(it.current() == state::closed);
}

TEST_CASE_FIXTURE(breaker_fixture, "circuit_breaker: what is older than the window doesn't count") {
  for (int i = 0; i < 3; ++i) CHECK(call(code::unavailable));
  now += 11s;
  for (int i = 0; i < 3; ++i) CHECK(call(code::unavailable));
  CHECK(it.current() == state::closed);
  now += 5s;
  CHECK(call(code::unavailable));
  CHECK(it.current() == state::open);
}

TEST_CASE_FIXTURE(breaker_fixture, "circuit_breaker: a caller's mistakes don't count as failures") {
  for (int i = 0; i < 20; ++i) {
    CHECK(call(code::invalid_argument));
    CHECK(call(code::not_found));
    CHECK(call(code::cancelled));
  }
  CHECK(it.current() == state::closed);
  CHECK(is_breaking(status(code::resource_exhausted, "", "overloaded")));
  CHECK_FALSE(is_breaking(status(code::resource_exhausted, "", "max-payload")));
  CHECK_FALSE(is_breaking(status()));
}

TEST_CASE_FIXTURE(breaker_fixture,
                  "circuit_breaker: after a while probes are let through, and close it") {
  break_it();
  now += 4999ms;
  CHECK(it.admit(now).how == admission::refused);
  now += 1ms;
  const auto one = it.admit(now);
  CHECK(one.how == admission::probe);
  CHECK(it.current() == state::half_open);
  const auto other = it.admit(now);
  CHECK(other.how == admission::probe);
  CHECK(it.admit(now).how == admission::refused);
  it.note(one, status(), now);
  CHECK(it.current() == state::half_open);
  CHECK(it.admit(now).how == admission::refused);
  it.note(other, status(code::not_found, ""), now);
  CHECK(it.current() == state::closed);
  // What had failed is forgotten.
  CHECK(call(code::unavailable));
  CHECK(it.current() == state::closed);
}

TEST_CASE_FIXTURE(breaker_fixture, "circuit_breaker: a probe that fails opens it again") {
  break_it();
  now += 5s;
  const auto one = it.admit(now);
  const auto other = it.admit(now);
  CHECK(other.how == admission::probe);
  it.note(one, status(code::unavailable, ""), now);
  CHECK(it.current() == state::open);
  CHECK(it.open_until() == now + 5s);
  // The other one has nothing to say any more, not even of the next probes.
  it.note(other, status(), now);
  CHECK(it.current() == state::open);
  now += 5s;
  const auto next = it.admit(now);
  it.note(other, status(), now);
  it.note(next, status(), now);
  CHECK(it.current() == state::half_open);
}

TEST_CASE_FIXTURE(breaker_fixture,
                  "circuit_breaker: a probe that is cancelled makes room for another") {
  break_it();
  now += 5s;
  for (int i = 0; i < 5; ++i) {
    const auto in = it.admit(now);
    CHECK(in.how == admission::probe);
    it.note(in, status(code::cancelled, ""), now);
  }
  CHECK(it.current() == state::half_open);
}

TEST_CASE_FIXTURE(breaker_fixture, "circuit_breaker: calls from before it opened don't matter") {
  const auto old = it.admit(now);
  break_it();
  now += 5s;
  CHECK(it.admit(now).how == admission::probe);
  it.note(old, status(code::unavailable, ""), now);
  CHECK(it.current() == state::half_open);
}
