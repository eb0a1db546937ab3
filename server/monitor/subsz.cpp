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
#include <list>
#include <memory>
#include <optional>
#include <unordered_map>
#include <utility>
#include <vector>

namespace nuncio::server::monitor {
namespace {

namespace json = boost::json;

struct wanted_subscriptions {
  std::uint32_t account_id = 0;  // 0: all
  std::string subject;           // a message to it; empty: all
};

// How many of those there are; the server's own are called connection 0.
struct count {
  std::uint64_t cid = 0;
  std::size_t matching = 0;
};

// Which of them are on the page.
struct range {
  std::size_t skip = 0;
  std::size_t most = 0;
};

// Those of one connection that are shown.
struct listed {
  std::uint64_t cid = 0;
  range left;
  std::list<subscription_view> list;
};

bool is_wanted(const subscription& one, const wanted_subscriptions& what) {
  if (what.account_id != 0 && one.account != what.account_id) return false;
  return what.subject.empty() || protocol::matches(what.subject, one.subject());
}

// What a walk does with each subscription.
struct counter {
  wanted_subscriptions what;

  bool operator()(const subscription& each, count& to) const {
    to.matching += is_wanted(each, what) ? 1 : 0;
    return true;
  }
};
struct lister {
  wanted_subscriptions what;
  accounts& all;

  // False: the rest isn't on the page.
  bool operator()(const subscription& each, listed& to) const {
    if (!is_wanted(each, what)) return true;
    if (to.left.skip != 0) {
      --to.left.skip;
    } else if (to.left.most != 0) {
      --to.left.most;
      to.list.push_back(view_of(each, all.name_of(each.account)));
    }
    return to.left.most != 0;
  }
};

template <class Item>
void put_in_order(std::vector<Item>& all) {
  std::sort(all.begin(), all.end(), [](const Item& a, const Item& b) { return a.cid < b.cid; });
}

boost::asio::awaitable<std::vector<count>> count_of_clients(const sources& from,
                                                            const wanted_subscriptions& what) {
  // All of a client's are of one account; and without a subject their number is known.
  if (what.subject.empty()) {
    auto search = from.shards.from_connections<count>(
        [id = what.account_id](const connection& c, std::vector<count>& to) {
          if (id != 0 && c.its_account().id != id) return;
          to.push_back(count{c.id, c.figures().subscriptions});
        });
    co_return co_await std::move(search);
  }
  auto search = from.shards.from_subscriptions<count>(
      [id = what.account_id](const connection& c) -> std::optional<count> {
        if (id != 0 && c.its_account().id != id) return std::nullopt;
        return count{c.id, 0};
      },
      counter{what});
  co_return co_await std::move(search);
}

boost::asio::awaitable<std::vector<count>> count_all(const sources& from,
                                                     const wanted_subscriptions& what) {
  auto of_server = from.shards.from_role(from.own, count{}, counter{what});
  auto out = co_await std::move(of_server);
  auto of_clients = count_of_clients(from, what);
  const auto clients = co_await std::move(of_clients);
  out.insert(out.end(), clients.begin(), clients.end());
  put_in_order(out);
  co_return out;
}

// Of the page only, so that a page costs little more than it shows: connections in their order.
boost::asio::awaitable<std::vector<listed>> views_of(const sources& from,
                                                     const wanted_subscriptions& what,
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
    if (each.cid != 0) cids.push_back(each.cid);
    by_cid->emplace(each.cid, range{skipped, taken});
  }
  const lister list{what, from.of.all_accounts};
  std::vector<listed> out;
  if (const auto own = by_cid->find(0); own != by_cid->end()) {
    auto of_server = from.shards.from_role(from.own, listed{0, own->second, {}}, list);
    out = co_await std::move(of_server);
  }
  auto of_clients = from.shards.from_subscriptions<listed>(
      std::move(cids), [by_cid](const connection& c) { return listed{c.id, by_cid->at(c.id), {}}; },
      list);
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
  const wanted_subscriptions which{from.of.all_accounts.id_of(what.account), what.test};
  const bool is_for_nobody = !what.account.empty() && which.account_id == 0;
  std::vector<count> counts;
  if (what.subscriptions && !is_for_nobody) {
    auto search = count_all(from, which);
    counts = co_await std::move(search);
  }
  std::size_t total = 0;
  for (const auto& each : counts) total += each.matching;
  out["total"] = total;
  out["offset"] = what.offset;
  out["limit"] = limit;
  json::array list;
  if (total != 0) {
    const range shown{static_cast<std::size_t>(offset), static_cast<std::size_t>(limit)};
    auto search = views_of(from, which, counts, shown);
    const auto views = co_await std::move(search);
    for (const auto& of : views) {
      for (const auto& each : of.list) list.push_back(to_json(each, true));
    }
  }
  if (!list.empty()) out["subscriptions_list"] = std::move(list);
  co_return out;
}

}  // namespace nuncio::server::monitor
