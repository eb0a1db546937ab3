#include "retry_budget.hpp"

namespace nuncio::rpc {

bool retry_budget::draw(time now) noexcept {
  auto& newest = recent_.at(now);
  const auto share = recent_.sum(&counts::calls) * set_.percent / 100;
  const auto constant = std::uint64_t{set_.per_second} * std::uint64_t{window.count()};
  if (recent_.sum(&counts::drawn) >= share + constant) return false;
  ++newest.drawn;
  return true;
}

}  // namespace nuncio::rpc
