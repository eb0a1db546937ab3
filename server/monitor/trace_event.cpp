#include "trace_event.hpp"

#include "core/account.hpp"
#include "net/message_trace.hpp"
#include "pages.hpp"
#include "times.hpp"

#include <nuncio/protocol/headers.hpp>

#include <boost/json/array.hpp>

#include <zlib.h>

#include <map>
#include <new>
#include <string>
#include <utility>

namespace nuncio::server::monitor {
namespace {

namespace json = boost::json;

std::string_view text_of(miss why) noexcept {
  switch (why) {
    case miss::echo:
      return "Not delivered because of no echo";
    case miss::denied:
      return "Not delivered because subscription denies this subject";
    case miss::closed:
      return "Not delivered because client is closed";
    case miss::spent:
      return "Not delivered because auto-unsubscribe exceeded";
    case miss::behind:
      return "Not delivered because fast producer not stalled and consumer is slow";
  }
  return {};
}

json::object begin(std::string_view type, wall_time at) {
  return {{"type", type}, {"ts", to_rfc3339(at)}};
}

json::object begin(std::string_view type, wall_time at, std::uint64_t cid, std::string_view name) {
  auto out = begin(type, at);
  out["kind"] = 0;  // a client
  out["cid"] = cid;
  put_if(out, "name", std::string(name));
  return out;
}

// In the order of their keys; what is empty isn't there.
json::object headers_of(std::string_view block) {
  protocol::header_view fields;
  std::map<std::string_view, json::array> by_key;
  if (protocol::parse_headers(block, fields)) {
    for (const auto& [key, value] : fields) {
      if (!value.empty()) by_key[key].emplace_back(value);
    }
  }
  json::object out;
  for (auto& [key, values] : by_key) out[key] = std::move(values);
  return out;
}

}  // namespace

json::object trace_event(json::object server, const message_trace& what) {
  json::array events;
  auto came_in = begin("in", what.at, what.cid, what.name);
  came_in["acc"] = what.in->name;
  came_in["subj"] = what.subject;
  put_if(came_in, "error", what.refusal);
  events.push_back(std::move(came_in));
  if (what.mapped) {
    auto mapped = begin("sm", what.mapped->at);
    mapped["to"] = what.mapped->to;
    events.push_back(std::move(mapped));
  }
  for (const auto& each : what.receivers) {
    auto went_out = begin("eg", each.at, each.cid, each.name);
    went_out["sub"] = each.subject;
    put_if(went_out, "queue", each.queue);
    if (each.missed) went_out["error"] = text_of(*each.missed);
    events.push_back(std::move(went_out));
  }
  return {{"server", std::move(server)},
          {"request", {{"header", headers_of(what.headers)}, {"msgsize", what.size}}},
          {"events", std::move(events)}};
}

std::string gzipped(std::string_view text) {
  constexpr int window = 15 + 16;  // the largest, in gzip's format
  constexpr int memory = 8;        // zlib's default
  z_stream_s state{};
  if (deflateInit2(&state, Z_DEFAULT_COMPRESSION, Z_DEFLATED, window, memory, Z_DEFAULT_STRATEGY) !=
      Z_OK) {
    throw std::bad_alloc();
  }
  const char* const data = text.data();
  std::string out(deflateBound(&state, static_cast<uLong>(text.size())), '\0');
  state.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(data));  // which zlib only reads
  state.avail_in = static_cast<uInt>(text.size());
  state.next_out = reinterpret_cast<Bytef*>(out.data());
  state.avail_out = static_cast<uInt>(out.size());
  deflate(&state, Z_FINISH);  // there is room for all
  out.resize(state.total_out);
  deflateEnd(&state);
  return out;
}

}  // namespace nuncio::server::monitor
