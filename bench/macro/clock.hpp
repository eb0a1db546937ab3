// Wall clock and own CPU time, both in nanoseconds.
#pragma once

#include <time.h>

#include <cstdint>

namespace nuncio::bench {

using nanoseconds = std::int64_t;

inline constexpr nanoseconds one_second = 1'000'000'000;

inline nanoseconds read_clock(clockid_t id) {
  timespec ts{};
  ::clock_gettime(id, &ts);
  return ts.tv_sec * one_second + ts.tv_nsec;
}

inline nanoseconds now_ns() {
  return read_clock(CLOCK_MONOTONIC);
}
inline nanoseconds own_cpu_ns() {
  return read_clock(CLOCK_PROCESS_CPUTIME_ID);
}

inline nanoseconds to_ns(double seconds) {
  return static_cast<nanoseconds>(seconds * static_cast<double>(one_second));
}
inline double to_seconds(nanoseconds ns) {
  return static_cast<double>(ns) / static_cast<double>(one_second);
}

}  // namespace nuncio::bench
