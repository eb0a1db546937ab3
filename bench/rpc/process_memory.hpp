#pragma once

#include <unistd.h>

#include <cstddef>
#include <fstream>

namespace nuncio::bench {

/// Of this process.
inline std::size_t resident_bytes() {
  std::ifstream file("/proc/self/statm");
  std::size_t all = 0;
  std::size_t resident = 0;
  file >> all >> resident;
  return resident * static_cast<std::size_t>(::sysconf(_SC_PAGESIZE));
}

}  // namespace nuncio::bench
