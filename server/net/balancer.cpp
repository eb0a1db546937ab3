#include "balancer.hpp"

#include <algorithm>
#include <cstddef>

namespace nuncio::server {

double balancer::rate(std::uint64_t bytes, time::duration span) noexcept {
  return static_cast<double>(bytes) / std::chrono::duration<double>(span).count();
}

balancer::action balancer::next(const sample& seen) {
  blocked_until_.resize(seen.shards.size());
  const auto passed = seen.now - since_;
  switch (phase_) {
    case phase::resting:
      break;
    case phase::counting: {
      if (passed < measured_for) return {};
      phase_ = phase::resting;
      const auto& to = seen.shards[to_];
      if (!seen.shards[from_].saturated || to.per_mille >= has_time_per_mille) return {};
      before_ = rate(seen.bytes - bytes_then_, passed);
      phase_ = phase::settling;
      since_ = seen.now;
      any_chosen_ = true;
      return {action::split, from_, to_};
    }
    case phase::settling:
      if (!any_chosen_) return judge(seen);
      if (passed < settles_in) return {};
      phase_ = phase::judging;
      since_ = seen.now;
      bytes_then_ = seen.bytes;
      return {};
    case phase::judging:
      if (passed < measured_for) return {};
      return judge(seen);
  }
  if (seen.now < quiet_until_) return {};
  const auto found = consider_split(seen);
  return found.what != action::none ? found : consider_merge(seen);
}

balancer::action balancer::judge(const sample& seen) {
  phase_ = phase::resting;
  quiet_until_ = seen.now + between_moves;
  const bool good =
      any_chosen_ && rate(seen.bytes - bytes_then_, seen.now - since_) >= worth * before_;
  if (good) return {};
  blocked_until_[from_] = seen.now + after_failure;
  return any_chosen_ ? action{action::undo, to_, from_} : action{};
}

void balancer::chosen(bool any) noexcept {
  any_chosen_ = any;
}

balancer::action balancer::consider_split(const sample& seen) {
  const auto& all = seen.shards;
  const auto less = [](const shard_sample& a, const shard_sample& b) {
    return a.per_mille < b.per_mille;
  };
  std::size_t from = all.size();
  for (std::size_t i = 0; i < all.size(); ++i) {
    if (!all[i].saturated || all[i].connections < 2 || seen.now < blocked_until_[i]) continue;
    if (from == all.size() || less(all[from], all[i])) from = i;
  }
  if (from == all.size()) return {};
  const auto to =
      static_cast<std::size_t>(std::min_element(all.begin(), all.end(), less) - all.begin());
  if (to == from || all[to].per_mille >= has_time_per_mille) return {};
  from_ = static_cast<unsigned>(from);
  to_ = static_cast<unsigned>(to);
  phase_ = phase::counting;
  since_ = seen.now;
  bytes_then_ = seen.bytes;
  merging_ = false;
  return {action::census, from_, to_};
}

balancer::action balancer::consider_merge(const sample& seen) {
  // The two that have least to do among those that have connections at all; the later one goes.
  unsigned pair[2] = {0, 0};
  std::size_t found = 0;
  for (unsigned i = 0; i < seen.shards.size(); ++i) {
    if (seen.shards[i].connections == 0) continue;
    if (found < 2) {
      pair[found++] = i;
      continue;
    }
    unsigned& busier =
        seen.shards[pair[0]].per_mille > seen.shards[pair[1]].per_mille ? pair[0] : pair[1];
    if (seen.shards[i].per_mille < seen.shards[busier].per_mille) busier = i;
  }
  const auto [to, from] = std::minmax(pair[0], pair[1]);
  if (found < 2 || seen.shards[from].per_mille + seen.shards[to].per_mille >= little_per_mille) {
    merging_ = false;
    return {};
  }
  if (!merging_ || merge_from_ != from || merge_to_ != to) {
    merging_ = true;
    merge_from_ = from;
    merge_to_ = to;
    little_since_ = seen.now;
  }
  if (seen.now - little_since_ < little_for) return {};
  merging_ = false;
  quiet_until_ = seen.now + between_moves;
  return {action::merge, from, to};
}

}  // namespace nuncio::server
