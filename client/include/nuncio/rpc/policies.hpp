#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <type_traits>

/// What a stub does beyond making one attempt. Plain values; stub_options and call_options hold
/// them.
namespace nuncio::rpc {

/// When a call that has failed is attempted again.
///
/// That is where its handler surely hasn't run and another attempt may do better: UNAVAILABLE,
/// RESOURCE_EXHAUSTED, ABORTED and the like, never where the caller is mistaken. An idempotent call
/// is attempted again after every UNAVAILABLE, too. What the service says of when to try again
/// (status::retry_after) is heeded. Nothing is attempted that couldn't begin before the deadline.
struct retry_options {
  std::uint8_t attempts = 3;  ///< at most, with the first; 1: it is never attempted again
  /// The pause before the second attempt is anything up to this, and doubles for each further one.
  std::chrono::milliseconds first_pause{20};
  std::chrono::milliseconds longest_pause{1000};  ///< it doubles up to this
  /// Also if nobody serves the endpoint, which otherwise ends the call at once.
  bool when_nobody_serves = false;
  /// How long one attempt at an idempotent call may take before another is made.
  std::optional<std::chrono::nanoseconds> attempt_timeout;
};
static_assert(std::is_trivially_copyable_v<retry_options>);

/// How many further attempts all calls of a stub and its copies may make together, by hedging or
/// because of failures: a share of the calls of the last ten seconds, and a constant besides. What
/// would be too many isn't made, so that a service in trouble isn't drowned.
struct retry_budget_options {
  std::uint32_t percent = 20;     ///< of the calls
  std::uint32_t per_second = 10;  ///< averaged over ten seconds
};

/// When calls of an endpoint aren't made any more because too many have failed. Failures are
/// UNAVAILABLE, INTERNAL, DEADLINE_EXCEEDED and RESOURCE_EXHAUSTED, as the user sees the call:
/// after all attempts. What is a caller's mistake, or cancelled, isn't.
///
/// An open circuit fails calls at once: UNAVAILABLE, surely not run, reason `circuit-open`. After a
/// while it lets a few through, and closes when all of them succeed.
struct circuit_breaker_options {
  std::uint32_t percent = 50;                ///< of the calls in the window that fail open it
  std::uint32_t min_calls = 20;              ///< in the window; fewer never open it
  std::chrono::seconds window{10};           ///< at least 1
  std::chrono::milliseconds open_for{5000};  ///< before the first probe
  std::uint32_t probes = 1;                  ///< that are let through then, at least 1
};

}  // namespace nuncio::rpc
