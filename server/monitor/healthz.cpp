#include "pages.hpp"

#include <boost/json/array.hpp>

namespace nuncio::server::monitor {
namespace {

namespace json = boost::json;

json::object unhealthy(unsigned status, const char* type, const char* text, bool with_details) {
  json::object out{{"status", "error"}, {"status_code", status}};
  if (with_details) {
    out["errors"] = json::array{json::object{{"type", type}, {"error", text}}};
  } else {
    out["error"] = text;
  }
  return out;
}

}  // namespace

// Streams and consumers that can't be there are as healthy as with JetStream off.
page healthz(health_options what) {
  const auto wrong = [&what](const char* text) {
    return unhealthy(400, "BAD_REQUEST", text, what.details);
  };
  if (what.stream.empty() && !what.consumer.empty()) {
    co_return wrong("\"stream\" must not be empty when checking consumer health");
  }
  if (what.account.empty() && !what.stream.empty()) {
    co_return wrong("\"account\" must not be empty when checking stream health");
  }
  co_return json::object{{"status", "ok"}, {"status_code", 200}};
}

}  // namespace nuncio::server::monitor
