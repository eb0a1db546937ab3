#include "index_statistics.hpp"

#include <algorithm>
#include <utility>

namespace nuncio::server::monitor {
namespace {

// Of the matches that one shard remembers.
struct fanout {
  std::uint64_t count = 0;
  std::uint64_t sum = 0;
  std::uint64_t most = 0;
};

}  // namespace

boost::asio::awaitable<index_statistics> statistics_of_index(const sources& from,
                                                             std::string account) {
  index_statistics out;
  std::uint64_t look_ups = 0;
  from.of.all_accounts.for_each([&](const server::account& each) {
    if (!account.empty() && each.name != account) return;
    const auto now = each.subscriptions.load(std::memory_order_relaxed) +
                     each.own_subscriptions.load(std::memory_order_relaxed);
    const auto inserts = each.insertions.load(std::memory_order_relaxed);
    out.subscriptions += now;
    out.inserts += inserts;
    out.removes +=
        inserts - std::min(inserts, static_cast<std::uint64_t>(std::max<std::int64_t>(now, 0)));
    out.matches += each.received.messages.load(std::memory_order_relaxed);
    look_ups += each.look_ups.load(std::memory_order_relaxed);
  });
  auto search = from.shards.from_shards<fanout>([account](shard& on, std::vector<fanout>& to) {
    fanout found;
    on.each_match([&](const match_entry& each) {
      if (!account.empty() && each.who->name != account) return;
      const auto wide = each.to.plain.size() + each.to.members.size();
      ++found.count;
      found.sum += wide;
      found.most = std::max<std::uint64_t>(found.most, wide);
    });
    to.push_back(found);
  });
  const auto parts = co_await std::move(search);
  std::uint64_t sum = 0;
  for (const auto& each : parts) {
    out.remembered += each.count;
    sum += each.sum;
    out.max_fanout = std::max(out.max_fanout, each.most);
  }
  if (out.matches > look_ups) {
    out.hit_rate = static_cast<double>(out.matches - look_ups) / static_cast<double>(out.matches);
  }
  if (out.remembered != 0) {
    out.average_fanout = static_cast<double>(sum) / static_cast<double>(out.remembered);
  }
  co_return out;
}

void put(boost::json::object& to, const index_statistics& what) {
  to["num_subscriptions"] = what.subscriptions;
  to["num_cache"] = what.remembered;
  to["num_inserts"] = what.inserts;
  to["num_removes"] = what.removes;
  to["num_matches"] = what.matches;
  to["cache_hit_rate"] = what.hit_rate;
  to["max_fanout"] = what.max_fanout;
  to["avg_fanout"] = what.average_fanout;
}

}  // namespace nuncio::server::monitor
