#include <nuncio/rpc/call_metrics.hpp>

#include <cinttypes>
#include <cstdio>
#include <utility>

namespace nuncio::rpc {
namespace {

using endpoint = call_metrics::endpoint;

constexpr std::string_view others = "_other";

struct edge {
  std::chrono::nanoseconds limit;
  std::string_view seconds;
};
constexpr std::array<edge, 19> edges{{
    {std::chrono::microseconds(10), "0.00001"},
    {std::chrono::microseconds(25), "0.000025"},
    {std::chrono::microseconds(50), "0.00005"},
    {std::chrono::microseconds(100), "0.0001"},
    {std::chrono::microseconds(250), "0.00025"},
    {std::chrono::microseconds(500), "0.0005"},
    {std::chrono::milliseconds(1), "0.001"},
    {std::chrono::microseconds(2500), "0.0025"},
    {std::chrono::milliseconds(5), "0.005"},
    {std::chrono::milliseconds(10), "0.01"},
    {std::chrono::milliseconds(25), "0.025"},
    {std::chrono::milliseconds(50), "0.05"},
    {std::chrono::milliseconds(100), "0.1"},
    {std::chrono::milliseconds(250), "0.25"},
    {std::chrono::milliseconds(500), "0.5"},
    {std::chrono::seconds(1), "1"},
    {std::chrono::milliseconds(2500), "2.5"},
    {std::chrono::seconds(5), "5"},
    {std::chrono::seconds(10), "10"},
}};

void append_escaped(std::string& out, std::string_view text) {
  for (const char c : text) {
    if (c == '\n') {
      out += "\\n";
      continue;
    }
    if (c == '\\' || c == '"') out += '\\';
    out += c;
  }
}

/// Writes the lines of one family.
class family {
 public:
  family(std::string& out, std::string_view name, std::string_view type, std::string_view help)
      : out_(out), name_(name) {
    out_.append("# HELP ").append(name).append(" ").append(help).append("\n# TYPE ");
    out_.append(name).append(" ").append(type).append("\n");
  }

  void add(const endpoint& of,
           std::string_view value,
           std::string_view suffix = {},
           std::string_view label = {},
           std::string_view label_value = {}) {
    out_.append(name_).append(suffix).append("{side=\"").append(to_string(of.side));
    out_ += "\",service=\"";
    append_escaped(out_, of.service);
    out_ += "\",endpoint=\"";
    append_escaped(out_, of.name);
    out_.append("\",kind=\"").append(to_string(of.kind));
    if (!label.empty()) out_.append("\",").append(label).append("=\"").append(label_value);
    out_.append("\"} ").append(value).append("\n");
  }
  void add(const endpoint& of,
           std::uint64_t value,
           std::string_view suffix = {},
           std::string_view label = {},
           std::string_view label_value = {}) {
    add(of, std::to_string(value), suffix, label, label_value);
  }

 private:
  std::string& out_;
  std::string_view name_;
};

std::string to_seconds(std::chrono::nanoseconds time) {
  constexpr std::int64_t second = 1'000'000'000;
  std::array<char, 48> out{};
  std::snprintf(out.data(), out.size(), "%" PRId64 ".%09" PRId64, time.count() / second,
                time.count() % second);
  return out.data();
}

}  // namespace

// In the books as `_other` if there are too many; they only grow, so a call that started there ends
// there.
call_metrics::endpoint& call_metrics::find(const call_view& call) {
  key which{call.side(), call.service(), call.endpoint(), call.kind()};
  auto at = endpoints_.find(which);
  if (at == endpoints_.end() && endpoints_.size() >= max_endpoints_) {
    which.service = which.name = others;
    at = endpoints_.find(which);
  }
  if (at != endpoints_.end()) return at->second;
  // The texts that the key points to must stay where they are.
  std::map<key, endpoint> made;
  auto& first = made[key{}];
  first.side = which.side;
  first.kind = which.kind;
  first.service = which.service;
  first.name = which.name;
  auto node = made.extract(made.begin());
  node.key() = {first.side, first.service, first.name, first.kind};
  return endpoints_.insert(std::move(node)).position->second;
}

void call_metrics::on_start(call_view& call) {
  const std::scoped_lock held(lock_);
  ++find(call).in_flight;
}

void call_metrics::on_end(const call_view& call,
                          const status& how,
                          std::chrono::nanoseconds took) noexcept {
  const std::scoped_lock held(lock_);
  auto& it = find(call);
  --it.in_flight;
  ++it.ended.at(static_cast<std::size_t>(how.code));
  if (call.side() == call_side::caller) {
    it.retries += call.attempts() > 1 ? call.attempts() - 1 : 0;
  } else {
    it.retries += call.attempts() > 1 ? 1 : 0;
  }
  it.latency.record(took);
}

std::vector<call_metrics::endpoint> call_metrics::snapshot() const {
  const std::scoped_lock held(lock_);
  std::vector<endpoint> out;
  out.reserve(endpoints_.size());
  for (const auto& [which, each] : endpoints_) out.push_back(each);
  return out;
}

std::string to_prometheus(const std::vector<endpoint>& of) {
  std::string out;
  family calls(out, "nuncio_rpc_calls_total", "counter", "Calls that have ended, by status code.");
  for (const auto& each : of) {
    for (std::size_t i = 0; i < each.ended.size(); ++i) {
      if (each.ended[i] == 0) continue;
      calls.add(each, each.ended[i], {}, "code", protocol::to_string(static_cast<code>(i)));
    }
  }
  family running(out, "nuncio_rpc_calls_in_flight", "gauge", "Calls that haven't ended.");
  for (const auto& each : of) running.add(each, each.in_flight);
  family retries(out, "nuncio_rpc_retries_total", "counter", "Attempts beyond the first.");
  for (const auto& each : of) retries.add(each, each.retries);
  family latency(out, "nuncio_rpc_call_duration_seconds", "histogram",
                 "How long calls took that have ended.");
  for (const auto& each : of) {
    for (const auto& [limit, seconds] : edges) {
      latency.add(each, each.latency.count_up_to(limit), "_bucket", "le", seconds);
    }
    latency.add(each, each.latency.count(), "_bucket", "le", "+Inf");
    latency.add(each, to_seconds(each.latency.sum()), "_sum");
    latency.add(each, each.latency.count(), "_count");
  }
  return out;
}

}  // namespace nuncio::rpc
