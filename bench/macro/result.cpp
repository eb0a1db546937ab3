#include "result.hpp"

#include "process_stats.hpp"

#include <algorithm>
#include <cmath>
#include <cstdio>

namespace nuncio::bench {
namespace {

std::string quoted(std::string_view text) {
  std::string out = "\"";
  for (const char c : text) {
    if (c == '"' || c == '\\') {
      out += '\\';
      out += c;
    } else if (static_cast<unsigned char>(c) < 0x20) {
      char escape[8];
      std::snprintf(escape, sizeof escape, "\\u%04x", static_cast<unsigned>(c));
      out += escape;
    } else {
      out += c;
    }
  }
  return out + '"';
}

}  // namespace

void result::add(std::string_view name, double value) {
  char text[32] = "null";
  if (std::isfinite(value)) std::snprintf(text, sizeof text, "%.10g", value);
  fields_.emplace_back(name, text);
}

void result::add(std::string_view name, std::string_view text) {
  fields_.emplace_back(name, quoted(text));
}

std::string result::to_json() const {
  std::string out = "{";
  for (const auto& [name, value] : fields_) {
    if (out.size() > 1) out += ", ";
    out += quoted(name) + ": " + value;
  }
  return out + "}";
}

void latencies::report(result& into, std::string_view prefix) {
  std::sort(values_.begin(), values_.end());
  const auto at = [this](double share) {
    if (values_.empty()) return std::nan("");
    const auto last = static_cast<double>(values_.size() - 1);
    return static_cast<double>(values_[static_cast<std::size_t>(std::ceil(share * last))]) / 1e3;
  };
  const std::string p(prefix);
  into.add(p + "p50_us", at(0.5));
  into.add(p + "p99_us", at(0.99));
  into.add(p + "p999_us", at(0.999));
  into.add(p + "max_us", at(1));
}

void measurement::start() {
  reset_peak_rss(server_);
  server_cpu_ = process_cpu_ns(server_);
  own_cpu_ = own_cpu_ns();
  wall_ = now_ns();
}

void measurement::stop() {
  wall_ = now_ns() - wall_;
  server_cpu_ = process_cpu_ns(server_) - server_cpu_;
  own_cpu_ = own_cpu_ns() - own_cpu_;
  peak_rss_ = peak_rss(server_);
}

double measurement::per_second(std::uint64_t events) const {
  return static_cast<double>(events) / seconds();
}

double measurement::server_cpu_per(std::uint64_t events) const {
  return static_cast<double>(server_cpu_) / static_cast<double>(events);
}

void measurement::report(result& into, std::uint64_t messages) const {
  into.add("seconds", seconds());
  into.add("messages", static_cast<double>(messages));
  into.add("messages_per_second", per_second(messages));
  into.add("server_cpu_ns_per_message", server_cpu_per(messages));
  into.add("server_cpu_cores", to_seconds(server_cpu_) / seconds());
  into.add("rss_peak_bytes", static_cast<double>(peak_rss_));
  into.add("generator_cpu_share", to_seconds(own_cpu_) / seconds());
}

}  // namespace nuncio::bench
