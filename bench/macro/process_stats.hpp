// What the kernel knows about the server's process.
#pragma once

#include "clock.hpp"

#include <sys/types.h>

#include <cstdint>

namespace nuncio::bench {

// User and system time of all threads, those that ended included.
nanoseconds process_cpu_ns(pid_t pid);

struct memory_use {
  std::uint64_t rss = 0;  // bytes
  std::uint64_t pss = 0;
};
memory_use process_memory(pid_t pid);

// The kernel keeps the peak; resetting it makes it the peak of one measurement.
void reset_peak_rss(pid_t pid);
std::uint64_t peak_rss(pid_t pid);

}  // namespace nuncio::bench
