#include "server_info.hpp"

#include "pages.hpp"
#include "times.hpp"

#include <boost/json/array.hpp>

#include <chrono>
#include <thread>

namespace nuncio::server::monitor {

namespace json = boost::json;

json::object server_info(const node& of, std::uint64_t sequence) {
  const auto rules = of.rules();
  const auto& identity = of.identity.info;
  json::object out{{"name", identity.server_name},
                   {"host", rules->standard.info.host},
                   {"id", identity.server_id},
                   {"ver", identity.version}};
  put_tags(out, rules->opts);
  out["jetstream"] = false;
  out["flags"] = 0;
  out["seq"] = sequence;
  out["time"] = to_rfc3339(std::chrono::system_clock::now());
  return out;
}

json::object statsz(const sources& from) {
  const auto now = from.of.statistics();
  std::int64_t active_accounts = 0;
  from.of.all_accounts.for_each([&](const account& each) {
    active_accounts += each.connections.load(std::memory_order_relaxed) > 0 ? 1 : 0;
  });
  const json::object sent{{"msgs", now.out_messages}, {"bytes", now.out_bytes}};
  const json::object received{{"msgs", now.in_messages}, {"bytes", now.in_bytes}};
  json::object out{{"start", to_rfc3339(from.of.start)},
                   {"mem", process_usage::resident_bytes()},
                   {"cores", std::thread::hardware_concurrency()},
                   {"cpu", from.process.cpu_percent()},
                   {"connections", now.connections},
                   {"total_connections", now.total_connections},
                   {"active_accounts", active_accounts},
                   {"subscriptions", now.subscriptions + now.own_subscriptions},
                   {"sent", sent},
                   {"sent_to_clients", sent},
                   {"received", received},
                   {"received_from_clients", received},
                   {"slow_consumers", now.slow_consumers}};
  if (now.slow_consumers != 0) out["slow_consumer_stats"] = by_kind(now.slow_consumers);
  put_if(out, "stale_connections", now.stale_connections);
  if (now.stale_connections != 0) out["stale_connection_stats"] = by_kind(now.stale_connections);
  put_if(out, "stalled_clients", now.stalled_producers);
  out["active_servers"] = 1;
  out["gomaxprocs"] = from.of.shards.size();
  return out;
}

}  // namespace nuncio::server::monitor
