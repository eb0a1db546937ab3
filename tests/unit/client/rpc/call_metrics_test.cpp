#include <nuncio/rpc/call_metrics.hpp>

#include <doctest/doctest.h>

#include <chrono>
#include <cstdint>
#include <string>
#include <vector>

using namespace nuncio::rpc;
using namespace std::chrono_literals;

namespace {

call_facts facts_of(std::string_view service, std::string_view endpoint) {
  return {.service = service, .endpoint = endpoint, .attempts = 1};
}

void note(call_metrics& in, const call_facts& of, code how, std::chrono::nanoseconds took) {
  call_view call(of);
  in.on_start(call);
  in.on_end(call, status(how, ""), took);
}

// Without what is the same for all: the zeros.
std::string without_zeros(const std::string& text) {
  std::string out;
  std::size_t at = 0;
  while (at < text.size()) {
    const auto end = text.find('\n', at);
    const auto line = text.substr(at, end - at);
    at = end + 1;
    if (!line.ends_with("} 0")) out += line + '\n';
  }
  return out;
}

}  // namespace

TEST_CASE("latency_histogram: what it tells is at most a tenth too much, and never too little") {
  for (std::int64_t n = 1; n < 100'000'000'000; n = n * 13 / 10 + 1) {
    CAPTURE(n);
    latency_histogram it;
    it.record(std::chrono::nanoseconds(n));
    const auto told = it.quantile(0.5).count();
    CHECK(told >= n);
    CHECK(told <= std::max<std::int64_t>(n + n / 10 + 1, 1000));
    CHECK(it.sum() == std::chrono::nanoseconds(n));
    // And more calls don't take less time.
    CHECK(it.count_up_to(std::chrono::nanoseconds(told)) == 1);
    CHECK(it.count_up_to(std::chrono::nanoseconds(told - 1)) == 0);
  }
}

TEST_CASE("latency_histogram: its ends belong to what is below") {
  latency_histogram it;
  it.record(250us);
  it.record(250us + 1ns);
  CHECK(it.count_up_to(250us) == 1);
  CHECK(it.count_up_to(260us) == 2);
  CHECK(it.count_up_to(240us) == 0);
}

TEST_CASE("latency_histogram: quantiles count calls") {
  latency_histogram it;
  CHECK(it.quantile(0.5) == 0ns);
  for (int i = 1; i <= 100; ++i) it.record(std::chrono::milliseconds(i));
  CHECK(it.quantile(0) == 1ms);
  CHECK(it.quantile(0.5) == 50ms);
  CHECK(it.quantile(0.99) == 99ms);
  CHECK(it.quantile(1) == 100ms);
  CHECK(it.count() == 100);
}

TEST_CASE("latency_histogram: what is out of its range is at its ends") {
  latency_histogram it;
  it.record(-1s);
  it.record(0ns);
  CHECK(it.quantile(1) == 1us);
  CHECK(it.sum() == 0ns);
  it.record(1h);
  CHECK(it.quantile(1) == 100s);
  CHECK(it.count_up_to(100s) == 2);
  CHECK(it.count() == 3);
}

TEST_CASE("call_metrics: calls are counted by endpoint and how they ended") {
  call_metrics it;
  const auto add = facts_of("calc", "add");
  note(it, add, code::ok, 2ms);
  auto retried = add;
  retried.attempts = 3;
  note(it, retried, code::unavailable, 4ms);
  call_view running(facts_of("calc", "sub"));
  it.on_start(running);
  const auto all = it.snapshot();
  REQUIRE(all.size() == 2);
  CHECK(all[0].service == "calc");
  CHECK(all[0].name == "add");
  CHECK(all[0].ended[static_cast<std::size_t>(code::ok)] == 1);
  CHECK(all[0].ended[static_cast<std::size_t>(code::unavailable)] == 1);
  CHECK(all[0].in_flight == 0);
  CHECK(all[0].retries == 2);
  CHECK(all[0].latency.count() == 2);
  CHECK(all[1].name == "sub");
  CHECK(all[1].in_flight == 1);
}

TEST_CASE("call_metrics: a service counts each attempt of a call that it sees") {
  call_metrics it;
  auto second = facts_of("calc", "add");
  second.side = call_side::service;
  second.attempts = 2;
  note(it, second, code::ok, 1ms);
  second.attempts = 3;
  note(it, second, code::ok, 1ms);
  CHECK(it.snapshot().at(0).retries == 2);
}

TEST_CASE("call_metrics: endpoints beyond the maximum are one") {
  call_metrics it(2);
  note(it, facts_of("calc", "a"), code::ok, 1ms);
  note(it, facts_of("calc", "b"), code::ok, 1ms);
  for (int i = 0; i < 100; ++i) note(it, facts_of("calc", std::to_string(i)), code::ok, 1ms);
  note(it, facts_of("calc", "b"), code::ok, 1ms);
  const auto all = it.snapshot();
  REQUIRE(all.size() == 3);
  CHECK(all[0].service == "_other");
  CHECK(all[0].name == "_other");
  CHECK(all[0].latency.count() == 100);
  CHECK(all[2].latency.count() == 2);
}

TEST_CASE("call_metrics: Prometheus reads it") {
  call_metrics it;
  note(it, facts_of("calc", "a\"d\\d\n"), code::ok, 2ms);
  note(it, facts_of("calc", "a\"d\\d\n"), code::not_found, 1500ms);
  auto served = facts_of("lamp", "on");
  served.side = call_side::service;
  served.kind = call_kind::one_way;
  served.attempts = 2;
  note(it, served, code::ok, 300ns);
  call_view running(served);
  it.on_start(running);
  CHECK(
      without_zeros(to_prometheus(it.snapshot())) ==
      R"(# HELP nuncio_rpc_calls_total Calls that have ended, by status code.
# TYPE nuncio_rpc_calls_total counter
nuncio_rpc_calls_total{side="caller",service="calc",endpoint="a\"d\\d\n",kind="unary",code="OK"} 1
nuncio_rpc_calls_total{side="caller",service="calc",endpoint="a\"d\\d\n",kind="unary",code="NOT_FOUND"} 1
nuncio_rpc_calls_total{side="service",service="lamp",endpoint="on",kind="one_way",code="OK"} 1
# HELP nuncio_rpc_calls_in_flight Calls that haven't ended.
# TYPE nuncio_rpc_calls_in_flight gauge
nuncio_rpc_calls_in_flight{side="service",service="lamp",endpoint="on",kind="one_way"} 1
# HELP nuncio_rpc_retries_total Attempts beyond the first.
# TYPE nuncio_rpc_retries_total counter
nuncio_rpc_retries_total{side="service",service="lamp",endpoint="on",kind="one_way"} 1
# HELP nuncio_rpc_call_duration_seconds How long calls took that have ended.
# TYPE nuncio_rpc_call_duration_seconds histogram
nuncio_rpc_call_duration_seconds_bucket{side="caller",service="calc",endpoint="a\"d\\d\n",kind="unary",le="0.0025"} 1
nuncio_rpc_call_duration_seconds_bucket{side="caller",service="calc",endpoint="a\"d\\d\n",kind="unary",le="0.005"} 1
nuncio_rpc_call_duration_seconds_bucket{side="caller",service="calc",endpoint="a\"d\\d\n",kind="unary",le="0.01"} 1
nuncio_rpc_call_duration_seconds_bucket{side="caller",service="calc",endpoint="a\"d\\d\n",kind="unary",le="0.025"} 1
nuncio_rpc_call_duration_seconds_bucket{side="caller",service="calc",endpoint="a\"d\\d\n",kind="unary",le="0.05"} 1
nuncio_rpc_call_duration_seconds_bucket{side="caller",service="calc",endpoint="a\"d\\d\n",kind="unary",le="0.1"} 1
nuncio_rpc_call_duration_seconds_bucket{side="caller",service="calc",endpoint="a\"d\\d\n",kind="unary",le="0.25"} 1
nuncio_rpc_call_duration_seconds_bucket{side="caller",service="calc",endpoint="a\"d\\d\n",kind="unary",le="0.5"} 1
nuncio_rpc_call_duration_seconds_bucket{side="caller",service="calc",endpoint="a\"d\\d\n",kind="unary",le="1"} 1
nuncio_rpc_call_duration_seconds_bucket{side="caller",service="calc",endpoint="a\"d\\d\n",kind="unary",le="2.5"} 2
nuncio_rpc_call_duration_seconds_bucket{side="caller",service="calc",endpoint="a\"d\\d\n",kind="unary",le="5"} 2
nuncio_rpc_call_duration_seconds_bucket{side="caller",service="calc",endpoint="a\"d\\d\n",kind="unary",le="10"} 2
nuncio_rpc_call_duration_seconds_bucket{side="caller",service="calc",endpoint="a\"d\\d\n",kind="unary",le="+Inf"} 2
nuncio_rpc_call_duration_seconds_sum{side="caller",service="calc",endpoint="a\"d\\d\n",kind="unary"} 1.502000000
nuncio_rpc_call_duration_seconds_count{side="caller",service="calc",endpoint="a\"d\\d\n",kind="unary"} 2
nuncio_rpc_call_duration_seconds_bucket{side="service",service="lamp",endpoint="on",kind="one_way",le="0.00001"} 1
)" + [] {
        std::string rest;
        for (const char* const le :
             {"0.000025", "0.00005", "0.0001", "0.00025", "0.0005", "0.001", "0.0025", "0.005",
              "0.01", "0.025", "0.05", "0.1", "0.25", "0.5", "1", "2.5", "5", "10", "+Inf"}) {
          rest +=
              "nuncio_rpc_call_duration_seconds_bucket{side=\"service\",service=\"lamp\","
              "endpoint=\"on\",kind=\"one_way\",le=\"" +
              std::string(le) + "\"} 1\n";
        }
        return rest +
               R"(nuncio_rpc_call_duration_seconds_sum{side="service",service="lamp",endpoint="on",kind="one_way"} 0.000000300
nuncio_rpc_call_duration_seconds_count{side="service",service="lamp",endpoint="on",kind="one_way"} 1
)";
      }());
}
