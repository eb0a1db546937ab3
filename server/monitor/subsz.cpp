#include "core/subscription.hpp"
#include "index_statistics.hpp"
#include "pages.hpp"
#include "roles/internal_role.hpp"
#include "times.hpp"

#include <nuncio/protocol/subject.hpp>

#include <boost/json/array.hpp>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <iterator>
#include <memory>
#include <unordered_map>
#include <utility>
#include <vector>

namespace nuncio::server::monitor {
namespace {

namespace json = boost::json;

constexpr std::int64_t default_limit = 1024;

struct wanted {
  std::uint32_t account_id = 0;  // 0: all
  std::string subject;           // a message to it; empty: all
};

// How many of those there are; the server's own are called connection 0.
struct count {
  std::uint64_t cid = 0;
  std::size_t matching = 0;
};

// Those of one connection that are shown.
struct listed {
  std::uint64_t cid = 0;
  std::vector<subscription_view> list;
};

// Which of them are on the page.
struct range {
  std::size_t skip = 0;
  std::size_t most = 0;
};

// Calls visit(const subscription&) for each of a role's that is wanted.
template <class Visit>
void each_wanted(const role& of, const wanted& what, Visit visit) {
  of.each_subscription([&](const subscription& each) {
    if (what.account_id != 0 && each.account != what.account_id) return;
    if (what.subject.empty() || protocol::matches(what.subject, each.subject())) visit(each);
  });
}

count count_of(std::uint64_t cid, const role& of, const wanted& what) {
  count out{cid, 0};
  each_wanted(of, what, [&out](const subscription&) { ++out.matching; });
  return out;
}

listed list_of(std::uint64_t cid, const role& of, accounts& all, const wanted& what, range which) {
  listed out{cid, {}};
  each_wanted(of, what, [&](const subscription& each) {
    if (which.skip != 0) {
      --which.skip;
    } else if (which.most != 0) {
      --which.most;
      out.list.push_back(view_of(each, all.name_of(each.account)));
    }
  });
  return out;
}

// By connection, and one that has moved meanwhile once.
template <class Item>
void put_in_order(std::vector<Item>& all) {
  std::sort(all.begin(), all.end(), [](const Item& a, const Item& b) { return a.cid < b.cid; });
  all.erase(std::unique(all.begin(), all.end(),
                        [](const Item& a, const Item& b) { return a.cid == b.cid; }),
            all.end());
}

boost::asio::awaitable<std::vector<count>> count_all(const sources& from, const wanted& what) {
  auto of_clients =
      from.shards.from_connections<count>([what](const connection& c, std::vector<count>& to) {
        // All of a client's are of one account; and without a subject their number is known.
        if (what.account_id != 0 && c.its_account().id != what.account_id) return;
        to.push_back(what.subject.empty() ? count{c.id, c.figures().subscriptions}
                                          : count_of(c.id, c.meaning(), what));
      });
  auto of_server =
      from.shards.from_shards<count>([what, &own = from.own](shard& on, std::vector<count>& to) {
        if (on.index() == 0) to.push_back(count_of(0, own, what));
      });
  auto out = co_await std::move(of_server);
  const auto clients = co_await std::move(of_clients);
  out.insert(out.end(), clients.begin(), clients.end());
  put_in_order(out);
  co_return out;
}

// Of the page only, so that a page costs no more than it shows: connections in their order.
boost::asio::awaitable<std::vector<listed>> views_of(const sources& from,
                                                     const wanted& what,
                                                     const std::vector<count>& all,
                                                     range shown) {
  std::vector<std::uint64_t> cids;
  auto by_cid = std::make_shared<std::unordered_map<std::uint64_t, range>>();
  for (const auto& each : all) {
    const auto skipped = std::min(shown.skip, each.matching);
    const auto taken = std::min(shown.most, each.matching - skipped);
    shown.skip -= skipped;
    shown.most -= taken;
    if (taken == 0) continue;
    cids.push_back(each.cid);
    by_cid->emplace(each.cid, range{skipped, taken});
  }
  auto of_clients = from.shards.from_connections<listed>(
      std::move(cids), [what, by_cid, &accounts = from.of.all_accounts](const connection& c,
                                                                        std::vector<listed>& to) {
        to.push_back(list_of(c.id, c.meaning(), accounts, what, by_cid->at(c.id)));
      });
  auto of_server = from.shards.from_shards<listed>(
      [what, by_cid, &own = from.own, &accounts = from.of.all_accounts](shard& on,
                                                                        std::vector<listed>& to) {
        const auto which = by_cid->find(0);
        if (on.index() != 0 || which == by_cid->end()) return;
        to.push_back(list_of(0, own, accounts, what, which->second));
      });
  auto out = co_await std::move(of_server);
  auto clients = co_await std::move(of_clients);
  std::move(clients.begin(), clients.end(), std::back_inserter(out));
  put_in_order(out);
  co_return out;
}

}  // namespace

page subsz(const sources& from, subsz_options what) {
  if (what.subscriptions && !what.test.empty() && !protocol::is_valid_publish(what.test)) {
    throw page_error(400, "invalid test subject, must be valid publish subject: " + what.test);
  }
  const auto limit = what.limit <= 0 ? default_limit : what.limit;
  const auto offset = std::max<std::int64_t>(what.offset, 0);
  json::object out{{"server_id", from.of.identity.info.server_id},
                   {"now", to_rfc3339(std::chrono::system_clock::now())}};
  // g++ 12 destroys arguments of what is awaited twice, hence the names.
  auto statistics = statistics_of_index(from, what.account);
  const auto all = co_await std::move(statistics);
  put(out, all);
  const wanted which{from.of.all_accounts.id_of(what.account), what.test};
  const bool is_for_nobody = !what.account.empty() && which.account_id == 0;
  std::vector<count> counts;
  if (what.subscriptions && !is_for_nobody) counts = co_await count_all(from, which);
  std::size_t total = 0;
  for (const auto& each : counts) total += each.matching;
  out["total"] = total;
  out["offset"] = what.offset;
  out["limit"] = limit;
  json::array list;
  if (total != 0) {
    const range shown{static_cast<std::size_t>(offset), static_cast<std::size_t>(limit)};
    const auto views = co_await views_of(from, which, counts, shown);
    for (const auto& of : views) {
      for (const auto& each : of.list) list.push_back(to_json(each, true));
    }
  }
  if (!list.empty()) out["subscriptions_list"] = std::move(list);
  co_return out;
}

}  // namespace nuncio::server::monitor
