#include "pages.hpp"
#include "times.hpp"

#include <boost/json/array.hpp>

// Clusters and JetStream: of what there isn't, readers still want to see that.
namespace nuncio::server::monitor {
namespace {

namespace json = boost::json;

json::object envelope(const node& of) {
  return {{"server_id", of.identity.info.server_id},
          {"now", to_rfc3339(std::chrono::system_clock::now())}};
}

}  // namespace

page ready(json::value made) {
  co_return made;
}

json::value routez(const node& of) {
  return json::object{{"server_id", of.identity.info.server_id},
                      {"server_name", of.identity.info.server_name},
                      {"now", to_rfc3339(std::chrono::system_clock::now())},
                      {"num_routes", 0},
                      {"routes", json::array()}};
}

json::value leafz(const node& of) {
  auto out = envelope(of);
  out["leafnodes"] = 0;
  out["leafs"] = json::array();
  return out;
}

json::value gatewayz(const node& of) {
  auto out = envelope(of);
  out["outbound_gateways"] = json::object();
  out["inbound_gateways"] = json::object();
  return out;
}

json::value jsz(const node& of) {
  json::object out;
  for (const auto* each :
       {"memory", "storage", "reserved_memory", "reserved_storage", "accounts", "ha_assets"}) {
    out[each] = 0;
  }
  out["api"] = json::object{{"level", 0}, {"total", 0}, {"errors", 0}};
  for (const auto& member : envelope(of)) out.insert(member);
  out["disabled"] = true;
  out["config"] = json::object{{"max_memory", 0}, {"max_storage", 0}};
  for (const auto* each : {"streams", "consumers", "messages", "bytes", "total"}) out[each] = 0;
  return out;
}

}  // namespace nuncio::server::monitor
