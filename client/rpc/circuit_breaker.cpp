#include "circuit_breaker.hpp"

#include <algorithm>

namespace nuncio::rpc {

bool is_breaking(const status& how) noexcept {
  switch (how.code) {
    case code::unavailable:
    case code::internal:
    case code::deadline_exceeded:
      return true;
    case code::resource_exhausted:
      // Of our own side.
      return how.reason != "max-payload" && how.reason != "buffer-full";
    default:
      return false;
  }
}

circuit_breaker::ticket circuit_breaker::admit(time now) noexcept {
  if (state_ == state::closed) return {admission::normal, round_};
  if (state_ == state::open) {
    if (now < until_) return {};
    state_ = state::half_open;
    probes_running_ = probes_succeeded_ = 0;
  }
  if (probes_running_ + probes_succeeded_ >= std::max(set_.probes, 1U)) return {};
  ++probes_running_;
  return {admission::probe, round_};
}

void circuit_breaker::note(ticket of, const status& ended, time now) noexcept {
  if (of.how == admission::refused || of.round != round_) return;
  const bool is_unknown = ended.code == code::cancelled;
  if (of.how == admission::normal) {
    if (!is_unknown) count(is_breaking(ended), now);
    return;
  }
  --probes_running_;
  if (is_unknown) return;  // another one may try
  if (is_breaking(ended)) return open(now);
  if (++probes_succeeded_ >= std::max(set_.probes, 1U)) close();
}

void circuit_breaker::count(bool failed, time now) noexcept {
  auto& newest = window_.at(now);
  ++newest.calls;
  if (!failed) return;
  ++newest.failures;
  const auto calls = window_.sum(&counts::calls);
  const auto failures = window_.sum(&counts::failures);
  if (calls >= set_.min_calls && failures * 100 >= calls * set_.percent) open(now);
}

void circuit_breaker::open(time now) noexcept {
  state_ = state::open;
  ++round_;
  until_ = now + set_.open_for;
  window_.clear();
}

void circuit_breaker::close() noexcept {
  state_ = state::closed;
  window_.clear();
}

}  // namespace nuncio::rpc
