#include "process_usage.hpp"

#include <sys/resource.h>
#include <unistd.h>

#include <cmath>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <system_error>

namespace nuncio::server::monitor {
namespace {

const auto started = std::chrono::steady_clock::now();

}  // namespace

std::uint64_t process_usage::resident_bytes() {
  std::ifstream from("/proc/self/statm");
  std::uint64_t all = 0;
  std::uint64_t resident = 0;
  from >> all >> resident;
  return resident * static_cast<std::uint64_t>(::sysconf(_SC_PAGESIZE));
}

std::chrono::microseconds process_usage::cpu_time() {
  rusage used{};
  ::getrusage(RUSAGE_SELF, &used);
  const auto of = [](const timeval& t) {
    return std::chrono::seconds(t.tv_sec) + std::chrono::microseconds(t.tv_usec);
  };
  return of(used.ru_utime) + of(used.ru_stime);
}

std::uint64_t process_usage::open_files() {
  std::error_code failure;
  const std::filesystem::directory_iterator all("/proc/self/fd", failure);
  if (failure) return 0;
  return static_cast<std::uint64_t>(std::distance(begin(all), end(all))) - 1;  // its own
}

double process_usage::cpu_percent() {
  const auto now = std::chrono::steady_clock::now();
  const auto since = since_ == decltype(since_){} ? started : since_;
  const std::chrono::duration<double> passed = now - since;
  if (passed < std::chrono::seconds(1)) return percent_;
  const auto used = cpu_time();
  const std::chrono::duration<double> spent = used - used_;
  percent_ = std::round(spent / passed * 1000) / 10;
  since_ = now;
  used_ = used;
  return percent_;
}

}  // namespace nuncio::server::monitor
