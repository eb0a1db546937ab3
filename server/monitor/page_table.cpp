#include "page_table.hpp"

#include <boost/json/array.hpp>

#include <algorithm>
#include <array>

// What the pages take from a query, in the order in which the reference looks at it: the first
// thing that is wrong is the answer.
namespace nuncio::server::monitor {
namespace {

namespace json = boost::json;

void check(const query& asked) {
  if (!asked.error().empty()) throw page_error(400, asked.error());
}

page varz_for(const sources& from, query&) {
  return varz(from);
}

page connz_for(const sources& from, query& asked) {
  connz_options what;
  what.sort = asked.text("sort");
  what.auth = asked.boolean("auth");
  what.subscriptions = asked.subscriptions("subs");
  what.offset = asked.integer("offset");
  what.limit = asked.integer("limit");
  what.cid = asked.unsigned_integer("cid");
  what.state = asked.state("state");
  what.user = asked.text("user");
  what.account = asked.text("acc");
  what.has_mqtt_client = !asked.text("mqtt_client").empty();
  check(asked);
  return connz(from, std::move(what));
}

page subsz_for(const sources& from, query& asked) {
  subsz_options what;
  what.subscriptions = asked.boolean("subs");
  what.offset = asked.integer("offset");
  what.limit = asked.integer("limit");
  what.test = asked.text("test");
  what.account = asked.text("acc");
  check(asked);
  return subsz(from, std::move(what));
}

page accountz_for(const sources& from, query& asked) {
  return accountz(from, std::string(asked.text("acc")));
}

page accstatz_for(const sources& from, query& asked) {
  accstatz_options what;
  what.with_unused = asked.boolean("unused");
  check(asked);
  return accstatz(from, std::move(what));
}

page healthz_for(const sources&, query& asked) {
  const auto what = health_options_of(asked);
  check(asked);
  return healthz(what);
}

page routez_for(const sources& from, query& asked) {
  static_cast<void>(asked.subscriptions("subs"));
  check(asked);
  return ready(routez(from.of));
}

page leafz_for(const sources& from, query& asked) {
  static_cast<void>(asked.boolean("subs"));
  check(asked);
  return ready(leafz(from.of));
}

page gatewayz_for(const sources& from, query& asked) {
  static_cast<void>(asked.boolean("accs"));
  static_cast<void>(asked.subscriptions("subs"));
  check(asked);
  return ready(gatewayz(from.of));
}

page jsz_for(const sources& from, query& asked) {
  for (const auto* name : {"accounts", "streams", "consumers", "config"}) {
    static_cast<void>(asked.boolean(name));
  }
  for (const auto* name : {"offset", "limit"}) static_cast<void>(asked.integer(name));
  check(asked);
  return ready(jsz(from.of));
}

page ipqueuesz_for(const sources&, query& asked) {
  static_cast<void>(asked.boolean("all"));
  check(asked);
  return ready(json::object());
}

page raftz_for(const sources&, query&) {
  throw page_error(404, "No Raft nodes registered");
}

constexpr std::string_view two = "  ";
constexpr std::string_view three = "   ";

constexpr std::array pages{
    page_row{"/varz", "General", "/varz", two, false, varz_for},
    page_row{"/jsz", "JetStream", "/jsz", two, false, jsz_for},
    page_row{"/connz", "Connections", "/connz", two, true, connz_for},
    page_row{"/accountz", "Accounts", "/accountz", two, true, accountz_for},
    page_row{"/accstatz", "Account Stats", "/accstatz", two, true, accstatz_for},
    page_row{"/subsz", "Subscriptions", "/subsz", two, true, subsz_for},
    page_row{"/subscriptionsz", "", "/subsz", two, true, subsz_for},
    page_row{"/routez", "Routes", "/routez", two, false, routez_for},
    page_row{"/leafz", "LeafNodes", "/leafz", two, false, leafz_for},
    page_row{"/gatewayz", "Gateways", "/gatewayz", two, false, gatewayz_for},
    page_row{"/raftz", "Raft Groups", "", three, false, raftz_for},
    page_row{"/ipqueuesz", "", "", three, false, ipqueuesz_for},
    page_row{"/healthz", "Health Probe", "/healthz", "", false, healthz_for},
};

}  // namespace

const page_row* find_page(std::string_view path) noexcept {
  const auto* const found = std::find_if(pages.begin(), pages.end(),
                                         [path](const page_row& r) { return r.path == path; });
  return found == pages.end() ? nullptr : found;
}

std::string index_page() {
  std::string out =
      "<!doctype html>\n<html lang=\"en\"><head><meta charset=\"utf-8\"><title>nuncio</title>\n"
      "<style>body{font-family:system-ui,sans-serif;margin:2rem} a{display:block;padding:.2rem 0}"
      "</style></head>\n<body><h1>nuncio</h1>\n";
  for (const auto& each : pages) {
    if (each.title.empty()) continue;
    out.append("<a href=\".").append(each.path).append("\">").append(each.title).append("</a>\n");
  }
  return out.append("<a href=\"./metrics\">Metrics</a>\n</body></html>\n");
}

}  // namespace nuncio::server::monitor
