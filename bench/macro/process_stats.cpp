#include "process_stats.hpp"

#include "failure.hpp"

#include <fstream>
#include <sstream>
#include <string>

namespace nuncio::bench {
namespace {

std::string proc_path(pid_t pid, const char* file) {
  return "/proc/" + std::to_string(pid) + "/" + file;
}

// The number of kB behind `key` in a file of "Key:   123 kB" lines, in bytes.
std::uint64_t read_kb(const std::string& path, const std::string& key) {
  std::ifstream in(path);
  std::string line;
  while (std::getline(in, line)) {
    if (line.starts_with(key)) {
      std::istringstream value(line.substr(key.size()));
      std::uint64_t kb = 0;
      value >> kb;
      return kb * 1024;
    }
  }
  fail(path + ": no " + key + " (has the server ended?)");
}

}  // namespace

nanoseconds process_cpu_ns(pid_t pid) {
  // The process's CPU clock counts nanoseconds; /proc/PID/stat only ticks of 10 ms, and the sum
  // over /proc/PID/task/*/schedstat forgets threads that ended.
  clockid_t id{};
  if (::clock_getcpuclockid(pid, &id) != 0) {
    fail("no CPU clock of process " + std::to_string(pid) + " (has the server ended?)");
  }
  return read_clock(id);
}

memory_use process_memory(pid_t pid) {
  // Exact, unlike statm, which on a machine of many cores lags by pages per core.
  const std::string path = proc_path(pid, "smaps_rollup");
  return {read_kb(path, "Rss:"), read_kb(path, "Pss:")};
}

void reset_peak_rss(pid_t pid) {
  std::ofstream(proc_path(pid, "clear_refs"))
      << "5";  // where it isn't allowed: the peak since exec
}

std::uint64_t peak_rss(pid_t pid) {
  return read_kb(proc_path(pid, "status"), "VmHWM:");
}

}  // namespace nuncio::bench
