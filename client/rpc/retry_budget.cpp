#include "retry_budget.hpp"

namespace nuncio::rpc {

void retry_budget::advance(time now) noexcept {
  const auto at = std::chrono::duration_cast<std::chrono::seconds>(now.time_since_epoch()).count();
  if (at <= newest_) return;
  if (at - newest_ >= static_cast<std::int64_t>(window)) {
    seconds_ = {};
    newest_ = at;
  }
  while (newest_ < at) {
    ++newest_;
    seconds_[position()] = {};
  }
}

bool retry_budget::draw(time now) noexcept {
  advance(now);
  std::uint64_t calls = 0;
  std::uint64_t drawn = 0;
  for (const auto& each : seconds_) {
    calls += each.calls;
    drawn += each.drawn;
  }
  if (drawn >= calls * set_.percent / 100 + std::uint64_t{set_.per_second} * window) return false;
  ++seconds_[position()].drawn;
  return true;
}

}  // namespace nuncio::rpc
