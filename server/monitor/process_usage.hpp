#pragma once

#include <chrono>
#include <cstdint>

namespace nuncio::server::monitor {

/// What this process takes of the machine. One thread.
class process_usage {
 public:
  /// Bytes that are in memory.
  [[nodiscard]] static std::uint64_t resident_bytes();
  /// User and system time since it began.
  [[nodiscard]] static std::chrono::microseconds cpu_time();

  /// File descriptors.
  [[nodiscard]] static std::uint64_t open_files();
  /// Per cent of one core, since at least a second ago and the last call before that; of its whole
  /// life at first.
  [[nodiscard]] double cpu_percent();

 private:
  std::chrono::steady_clock::time_point since_;
  std::chrono::microseconds used_{0};
  double percent_ = 0;
};

}  // namespace nuncio::server::monitor
