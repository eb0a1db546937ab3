#include "pages.hpp"
#include "times.hpp"

#include <nuncio/server/server.hpp>

#include <boost/json/array.hpp>

#include <chrono>
#include <thread>

namespace nuncio::server::monitor {
namespace {

namespace json = boost::json;
using std::chrono::nanoseconds;

double seconds_of(std::chrono::milliseconds time) {
  return std::chrono::duration<double>(time).count();
}

json::array listed(const std::vector<std::string>& texts) {
  json::array out;
  for (const auto& each : texts) out.emplace_back(each);
  return out;
}

json::object websocket_of(const in_force& rules) {
  const auto& opts = rules.opts.websocket;
  json::object out;
  if (opts.port == 0) return out;
  put_if(out, "host", opts.host);
  out["port"] = rules.websocket.info.port;
  put_if(out, "no_auth_user", opts.no_auth_user);
  if (opts.handshake_timeout != websocket_options{}.handshake_timeout) {
    out["handshake_timeout"] = nanoseconds(opts.handshake_timeout).count();
  }
  if (opts.auth_timeout.count() != 0) out["auth_timeout"] = seconds_of(opts.auth_timeout);
  put_if(out, "no_tls", opts.no_tls);
  if (opts.tls && opts.tls->verify_and_map) out["tls_map"] = true;
  put_if(out, "same_origin", opts.same_origin);
  if (!opts.allowed_origins.empty()) out["allowed_origins"] = listed(opts.allowed_origins);
  put_if(out, "compression", opts.compression);
  return out;
}

void put_settings(json::object& to, const sources& from, const in_force& rules) {
  const auto& opts = rules.opts;
  const auto& info = rules.standard.info;
  put_if(to, "auth_required", rules.standard.access->auth_required());
  put_if(to, "tls_required", opts.tls && !opts.allow_non_tls);
  put_if(to, "tls_verify", info.tls_verify);
  to["max_connections"] = opts.max_connections;
  if (opts.max_subscriptions > 0) to["max_subscriptions"] = opts.max_subscriptions;
  to["ping_interval"] = nanoseconds(opts.ping_interval).count();
  to["ping_max"] = opts.ping_max;
  to["http_host"] = monitor_host(opts);
  to["http_port"] = from.http_port;
  to["http_base_path"] = opts.monitor.base_path;
  to["https_port"] = from.https_port;
  to["auth_timeout"] = seconds_of(rules.standard.login_timeout);
  to["max_control_line"] = opts.max_control_line;
  to["max_payload"] = opts.max_payload;
  to["max_pending"] = opts.max_pending;
  for (const auto* absent : {"cluster", "gateway", "leaf", "mqtt"}) to[absent] = json::object();
  to["websocket"] = websocket_of(rules);
  to["jetstream"] = json::object();
  to["tls_timeout"] = opts.tls ? seconds_of(opts.tls->timeout) : seconds_of(tls_options{}.timeout);
  to["write_deadline"] = nanoseconds(opts.write_deadline).count();
}

void put_process(json::object& to, const sources& from) {
  const auto now = std::chrono::system_clock::now();
  to["start"] = to_rfc3339(from.of.start);
  to["now"] = to_rfc3339(now);
  to["uptime"] = to_uptime(now - from.of.start);
  to["mem"] = process_usage::resident_bytes();
  to["cores"] = std::thread::hardware_concurrency();
  to["gomaxprocs"] = from.of.shards.size();
  to["cpu"] = from.process.cpu_percent();
}

void put_counters(json::object& to, const stats& now) {
  to["connections"] = now.connections;
  to["total_connections"] = now.total_connections;
  for (const auto* absent : {"routes", "remotes", "leafnodes"}) to[absent] = 0;
  to["in_msgs"] = now.in_messages;
  to["in_bytes"] = now.in_bytes;
  to["in_client_msgs"] = now.in_messages;
  to["in_client_bytes"] = now.in_bytes;
  to["out_msgs"] = now.out_messages;
  to["out_bytes"] = now.out_bytes;
  to["out_client_msgs"] = now.out_messages;
  to["out_client_bytes"] = now.out_bytes;
  to["slow_consumers"] = now.slow_consumers;
  to["stale_connections"] = now.stale_connections;
  to["stalled_clients"] = now.stalled_producers;
}

}  // namespace

json::object by_kind(std::uint64_t of_clients) {
  return {{"clients", of_clients}, {"routes", 0}, {"gateways", 0}, {"leafs", 0}};
}

void put_tags(json::object& to, const options& said) {
  if (!said.tags.empty()) to["tags"] = listed(said.tags);
  json::object metadata;
  for (const auto& [name, value] : said.metadata) metadata[name] = value;
  if (!metadata.empty()) to["metadata"] = std::move(metadata);
}

page varz(const sources& from) {
  const auto rules = from.of.rules();
  const auto now = from.of.statistics();
  const auto& identity = from.of.identity.info;
  json::object out{{"server_id", identity.server_id},
                   {"server_name", identity.server_name},
                   {"version", identity.version},
                   {"proto", identity.proto},
                   {"go", identity.go},
                   {"host", rules->standard.info.host},
                   {"port", rules->standard.info.port}};
  put_settings(out, from, *rules);
  put_process(out, from);
  put_counters(out, now);
  out["subscriptions"] = now.subscriptions + now.own_subscriptions;
  json::object requests;
  for (const auto& [name, count] : from.requests) requests[name] = count;
  out["http_req_stats"] = std::move(requests);
  out["config_load_time"] = to_rfc3339(rules->loaded);
  out["config_digest"] = rules->opts.config_digest;
  put_tags(out, rules->opts);
  out["system_account"] = rules->opts.access.system_account;
  out["slow_consumer_stats"] = by_kind(now.slow_consumers);
  out["stale_connection_stats"] = by_kind(now.stale_connections);
  out["disk_io_wait_stats"] = nullptr;
  if (const auto& tls = rules->standard.tls; tls != nullptr) {
    out["tls_cert_not_after"] = to_rfc3339(std::chrono::system_clock::from_time_t(tls->end()));
  }
  co_return out;
}

}  // namespace nuncio::server::monitor
