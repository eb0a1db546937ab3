// The figures of one run and how they get out: one JSON object.
#pragma once

#include "clock.hpp"

#include <sys/types.h>

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace nuncio::bench {

class result {
 public:
  void add(std::string_view name, double value);
  void add(std::string_view name, std::string_view text);
  std::string to_json() const;

 private:
  std::vector<std::pair<std::string, std::string>> fields_;  // the values are JSON already
};

// Latencies in nanoseconds. They are kept one by one: a run has at most a few million.
class latencies {
 public:
  void record(nanoseconds value) { values_.push_back(value); }
  void append(const latencies& others) {
    values_.insert(values_.end(), others.values_.begin(), others.values_.end());
  }
  void clear() { values_.clear(); }
  std::size_t size() const { return values_.size(); }
  // Adds <prefix>p50_us, p99_us, p999_us and max_us.
  void report(result& into, std::string_view prefix = {});

 private:
  std::vector<nanoseconds> values_;
};

// What a stretch of work cost: wall time, the server's CPU and memory, the generator's own CPU.
class measurement {
 public:
  explicit measurement(pid_t server) : server_(server) {}
  void start();
  void stop();
  double seconds() const { return to_seconds(wall_); }
  nanoseconds server_cpu() const { return server_cpu_; }
  double per_second(std::uint64_t events) const;
  double server_cpu_per(std::uint64_t events) const;
  // Adds the figures every case has.
  void report(result& into, std::uint64_t messages) const;

 private:
  pid_t server_;
  nanoseconds wall_ = 0;
  nanoseconds server_cpu_ = 0;
  nanoseconds own_cpu_ = 0;
  std::uint64_t peak_rss_ = 0;
};

}  // namespace nuncio::bench
