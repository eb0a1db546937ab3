#include "balancing.hpp"

#include "shard.hpp"

#include <boost/asio/post.hpp>

#include <algorithm>
#include <chrono>
#include <utility>

namespace nuncio::server {
namespace {

constexpr std::chrono::milliseconds look_every{100};

}  // namespace

balancing::balancing(node& owner) : node_(owner), timer_(owner.shards.front()->io()) {}

void balancing::wake() {
  if (running_.exchange(true, std::memory_order_acq_rel)) return;
  boost::asio::post(timer_.get_executor(), [this] { wait(); });
}

void balancing::stop() {
  node_.run_on_first([this] {
    stopped_ = true;
    timer_.cancel();
  });
}

void balancing::wait() {
  if (stopped_) return;
  const auto shuffled = node_.opts.shuffle_interval;
  timer_.expires_after(shuffled.count() > 0 ? shuffled : look_every);
  timer_.async_wait([this](const boost::system::error_code& failure) {
    if (!failure) look();
  });
}

void balancing::look() {
  if (node_.lame_duck.load(std::memory_order_relaxed)) return;
  if (node_.opts.shuffle_interval.count() > 0) {
    shuffle();
    return wait();
  }
  const auto seen = take_sample();
  const auto what = rules_.next(seen);
  carry_out(what);
  const auto used = std::count_if(seen.shards.begin(), seen.shards.end(),
                                  [](const auto& s) { return s.connections != 0; });
  const bool busy = std::any_of(seen.shards.begin(), seen.shards.end(),
                                [](const auto& s) { return s.saturated; });
  if (used > 1 || busy || what.what != balancer::action::none) return wait();
  running_.store(false, std::memory_order_release);
}

balancer::sample balancing::take_sample() const {
  balancer::sample out;
  out.now = std::chrono::steady_clock::now();
  for (const auto& each : node_.shards) {
    const auto& load = each->load();
    out.shards.push_back({load.per_mille(out.now), load.saturated(out.now), each->size()});
    const auto& counted = each->counters();
    out.bytes += counted.in_bytes.load(std::memory_order_relaxed) +
                 counted.out_bytes.load(std::memory_order_relaxed);
  }
  return out;
}

void balancing::carry_out(const balancer::action& what) {
  using kind = balancer::action::kind;
  shard& from = *node_.shards[what.from];
  shard& to = *node_.shards[what.to];
  switch (what.what) {
    case kind::census:
      from.begin_census();
      break;
    case kind::split:
      moved_.clear();
      from.request_split(to, [this](std::vector<std::uint64_t> cids) {
        boost::asio::post(timer_.get_executor(), [this, cids = std::move(cids)]() mutable {
          rules_.chosen(!cids.empty());
          moved_ = std::move(cids);
        });
      });
      break;
    case kind::undo:
      from.request_move(std::exchange(moved_, {}), to);
      break;
    case kind::merge:
      from.request_move_all(to);
      break;
    case kind::none:
      break;
  }
}

void balancing::shuffle() {
  const auto count = node_.shards.size();
  shard& from = *node_.shards[random_() % count];
  shard& to = *node_.shards[random_() % count];
  if (random_() % 4 == 0) from.begin_census();
  from.request_split(to, [](const std::vector<std::uint64_t>&) {});
}

}  // namespace nuncio::server
