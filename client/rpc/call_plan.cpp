#include "call_plan.hpp"

#include <algorithm>

namespace nuncio::rpc {
namespace {

// Of what failed without having run: may another attempt do better? Not where the caller is
// mistaken, or the call was ended on purpose.
bool is_passing(code what) noexcept {
  switch (what) {
    case code::unavailable:
    case code::resource_exhausted:
    case code::aborted:
    case code::internal:
    case code::unknown:
    case code::deadline_exceeded:  // in a queue on the way
      return true;
    default:
      return false;
  }
}

}  // namespace

call_plan::time call_plan::attempt_deadline(time now) const noexcept {
  if (!set_.is_idempotent || !set_.retries.attempt_timeout) return set_.deadline;
  // Without a sum, which could overflow.
  if (set_.deadline - now <= *set_.retries.attempt_timeout) return set_.deadline;
  return now + std::chrono::duration_cast<time::duration>(*set_.retries.attempt_timeout);
}

std::optional<call_plan::time> call_plan::hedge_at(time now) const noexcept {
  if (!set_.is_idempotent || !set_.hedge_after) return std::nullopt;
  if (set_.deadline - now <= *set_.hedge_after) return std::nullopt;
  return now + std::chrono::duration_cast<time::duration>(*set_.hedge_after);
}

bool call_plan::may_hedge(time now, retry_budget& budget) noexcept {
  // After a failure the next attempt is in another's hands.
  if (has_hedged_ || attempts_ != 1 || in_flight_ != 1) return false;
  if (!budget.draw(now)) return false;
  has_hedged_ = true;
  return true;
}

call_plan::next call_plan::on_failure(const status& why,
                                      bool timed_out,
                                      time now,
                                      retry_budget& budget,
                                      std::uint32_t random) noexcept {
  --in_flight_;
  may_have_run_ = may_have_run_ || !why.surely_not_run;
  if (!is_worth_another(why, timed_out)) return {verdict::give_up, now};
  if (in_flight_ > 0) return {verdict::wait, now};
  const std::uint32_t limit = set_.retries.attempts + (has_hedged_ ? 1U : 0U);
  if (attempts_ >= limit) return {verdict::give_up, now};
  const auto wait = pause(why, random);
  if (set_.deadline - now <= wait || !budget.draw(now)) return {verdict::give_up, now};
  return {verdict::retry, now + std::chrono::duration_cast<time::duration>(wait)};
}

bool call_plan::is_worth_another(const status& why, bool timed_out) const noexcept {
  if (why.retry_after && why.retry_after->count() < 0) return false;
  if (why.surely_not_run) {
    if (why.reason == "no-responders") return set_.retries.when_nobody_serves;
    return is_passing(why.code);
  }
  return set_.is_idempotent && (timed_out || why.code == code::unavailable);
}

// Full jitter: callers that failed together don't come back together.
std::chrono::nanoseconds call_plan::pause(const status& why, std::uint32_t random) const noexcept {
  std::chrono::nanoseconds longest = set_.retries.first_pause;
  const std::chrono::nanoseconds limit = set_.retries.longest_pause;
  for (std::uint32_t i = 1; i < attempts_ && longest < limit; ++i) longest *= 2;
  longest = std::min(longest, limit);
  const auto share = static_cast<double>(random) / 4294967296.0;
  const std::chrono::nanoseconds jitter(
      static_cast<std::int64_t>(static_cast<double>(longest.count()) * share));
  // The sum of a year and a bit doesn't overflow.
  const std::chrono::nanoseconds asked = std::min<std::chrono::milliseconds>(
      why.retry_after.value_or(std::chrono::milliseconds(0)), std::chrono::hours(24 * 365));
  return asked + jitter;
}

}  // namespace nuncio::rpc
