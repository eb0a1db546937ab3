#include "index_statistics.hpp"
#include "pages.hpp"
#include "times.hpp"

#include <boost/json/array.hpp>

#include <algorithm>

namespace nuncio::server::monitor {
namespace {

namespace json = boost::json;

json::object traffic_json(const traffic& of) {
  const json::object none{{"msgs", 0}, {"bytes", 0}};
  return {{"msgs", of.messages.load(std::memory_order_relaxed)},
          {"bytes", of.bytes.load(std::memory_order_relaxed)},
          {"gateways", none},
          {"routes", none},
          {"leafs", none}};
}

std::int64_t subscriptions_of(const account& one) {
  return one.subscriptions.load(std::memory_order_relaxed) +
         one.own_subscriptions.load(std::memory_order_relaxed);
}

json::object mappings_of(const in_force& rules, const std::string& name) {
  json::object out;
  for (const auto& each : rules.opts.access.accounts) {
    if (each.name != name) continue;
    for (const auto& mapping : each.mappings) {
      json::array to;
      for (const auto& one : mapping.destinations) {
        json::object destination{{"subject", one.subject}, {"weight", one.weight}};
        put_if(destination, "cluster", one.cluster);
        to.push_back(std::move(destination));
      }
      out[mapping.source] = std::move(to);
    }
  }
  return out;
}

json::object envelope(const sources& from) {
  json::object out{{"server_id", from.of.identity.info.server_id},
                   {"now", to_rfc3339(std::chrono::system_clock::now())}};
  put_if(out, "system_account", from.of.opts.access.system_account);
  return out;
}

boost::asio::awaitable<json::value> detail_of(const sources& from, const account& one) {
  const auto rules = from.of.rules();
  json::object out{{"account_name", one.name}, {"update_time", to_rfc3339(rules->loaded)}};
  put_if(out, "is_system", one.is_system.load(std::memory_order_relaxed));
  out["expired"] = false;
  out["complete"] = true;
  out["jetstream_enabled"] = false;
  out["leafnode_connections"] = 0;
  out["client_connections"] = one.connections.load(std::memory_order_relaxed);
  out["subscriptions"] = subscriptions_of(one);
  auto mappings = mappings_of(*rules, one.name);
  if (!mappings.empty()) out["mappings"] = std::move(mappings);
  out["name_tag"] = one.name;
  json::object index;
  auto statistics = statistics_of_index(from, one.name);  // g++ 12: see subsz
  put(index, co_await std::move(statistics));
  out["sublist_stats"] = std::move(index);
  co_return out;
}

}  // namespace

json::object account_statistics(const account& of) {
  const auto connections = of.connections.load(std::memory_order_relaxed);
  return {{"acc", of.name},
          {"name", of.name},
          {"conns", connections},
          {"leafnodes", 0},
          {"total_conns", connections},
          {"num_subscriptions", subscriptions_of(of)},
          {"sent", traffic_json(of.sent)},
          {"received", traffic_json(of.received)},
          {"slow_consumers", of.slow_consumers.load(std::memory_order_relaxed)}};
}

page accountz(const sources& from, std::string name) {
  auto out = envelope(from);
  if (!name.empty()) {
    const auto* const found = from.of.all_accounts.find(name);
    if (found == nullptr) throw page_error(400, "Account " + name + " does not exist");
    out["account_detail"] = co_await detail_of(from, *found);
    co_return out;
  }
  std::vector<const account*> all;
  from.of.all_accounts.for_each([&all](const account& each) { all.push_back(&each); });
  std::sort(all.begin(), all.end(),
            [](const account* a, const account* b) { return a->name < b->name; });
  json::array names;
  for (const auto* each : all) names.emplace_back(each->name);
  out["accounts"] = std::move(names);
  co_return out;
}

page accstatz(const sources& from, accstatz_options what) {
  json::array all;
  const auto& names = what.accounts;
  from.of.all_accounts.for_each([&](const account& each) {
    const bool is_named =
        names.empty() || std::find(names.begin(), names.end(), each.name) != names.end();
    const bool is_used = each.connections.load(std::memory_order_relaxed) > 0;
    if (is_named && (is_used || what.with_unused)) all.push_back(account_statistics(each));
  });
  co_return json::object{{"server_id", from.of.identity.info.server_id},
                         {"now", to_rfc3339(std::chrono::system_clock::now())},
                         {"account_statz", std::move(all)}};
}

}  // namespace nuncio::server::monitor
