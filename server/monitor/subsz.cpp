#include "core/subscription.hpp"
#include "index_statistics.hpp"
#include "pages.hpp"
#include "roles/internal_role.hpp"
#include "times.hpp"

#include <nuncio/protocol/subject.hpp>

#include <boost/json/array.hpp>

#include <algorithm>

namespace nuncio::server::monitor {
namespace {

namespace json = boost::json;

constexpr std::int64_t default_limit = 1024;

// Some of the subscriptions that are asked for, and how many there are.
struct part {
  std::vector<subscription_view> list;
  std::size_t total = 0;
};

struct wanted {
  std::string account;  // empty: all
  std::string subject;  // a message to it; empty: all
  std::size_t most = 0;

  void look(const subscription& at, const std::string& of_account, part& to) const {
    if (!subject.empty() && !protocol::matches(subject, at.subject())) return;
    if (++to.total <= most) to.list.push_back(view_of(at, of_account));
  }
};

boost::asio::awaitable<part> find(const sources& from, wanted what) {
  auto of_clients =
      from.shards.from_connections<part>([what](const connection& c, std::vector<part>& to) {
        const auto& account = c.its_account().name;
        if (!what.account.empty() && account != what.account) return;
        if (to.empty()) to.emplace_back();
        c.meaning().each_subscription(
            [&](const subscription& each) { what.look(each, account, to.back()); });
      });
  auto of_server =
      from.shards.from_shards<part>([what, &role = from.own](shard& on, std::vector<part>& to) {
        if (on.index() != 0) return;
        to.emplace_back();
        role.each_subscription([&](const subscription& each) {
          const auto account = on.of().all_accounts.name_of(each.account);
          if (what.account.empty() || account == what.account) what.look(each, account, to.back());
        });
      });
  auto parts = co_await std::move(of_clients);
  const auto own = co_await std::move(of_server);
  part all;
  parts.insert(parts.end(), own.begin(), own.end());
  for (auto& each : parts) {
    all.total += each.total;
    std::move(each.list.begin(), each.list.end(), std::back_inserter(all.list));
  }
  std::sort(all.list.begin(), all.list.end(),
            [](const subscription_view& a, const subscription_view& b) {
              return std::tie(a.account, a.subject, a.cid, a.sid) <
                     std::tie(b.account, b.subject, b.cid, b.sid);
            });
  co_return all;
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
  part found;
  if (what.subscriptions) {
    const wanted which{what.account, what.test,
                       static_cast<std::size_t>(offset) + static_cast<std::size_t>(limit)};
    auto search = find(from, which);
    found = co_await std::move(search);
  }
  out["total"] = found.total;
  out["offset"] = what.offset;
  out["limit"] = limit;
  json::array list;
  for (auto i = static_cast<std::size_t>(offset);
       i < found.list.size() && list.size() < static_cast<std::size_t>(limit); ++i) {
    list.push_back(to_json(found.list[i], true));
  }
  if (!list.empty()) out["subscriptions_list"] = std::move(list);
  co_return out;
}

}  // namespace nuncio::server::monitor
