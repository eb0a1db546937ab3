#pragma once

#include <sys/resource.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <iostream>
#include <mutex>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

/// What the peers' clients share: the same load, checks, warm-up and JSON as examples/echo_client.
namespace nuncio::bench {

using steady_clock = std::chrono::steady_clock;

/// `--name value` pairs behind the first words.
struct flags {
  int connections = 1;
  int outstanding = 1;
  double seconds = 5;
  std::uint32_t stream = 0;

  flags(int argc, char** argv, int first) {
    for (int i = first; i + 1 < argc; i += 2) {
      const std::string_view name = argv[i];
      if (name == "--connections") connections = std::atoi(argv[i + 1]);
      if (name == "--outstanding") outstanding = std::atoi(argv[i + 1]);
      if (name == "--seconds") seconds = std::atof(argv[i + 1]);
      if (name == "--stream") stream = static_cast<std::uint32_t>(std::atoi(argv[i + 1]));
    }
  }
};

inline double cpu_seconds() {
  rusage used{};
  ::getrusage(RUSAGE_SELF, &used);
  const auto seconds = [](const timeval& t) {
    return static_cast<double>(t.tv_sec) + static_cast<double>(t.tv_usec) * 1e-6;
  };
  return seconds(used.ru_utime) + seconds(used.ru_stime);
}

[[noreturn]] inline void fail(const std::string& why) {
  std::cerr << why << '\n';
  std::_Exit(1);
}

/// What is counted. Any thread.
class tally {
 public:
  [[nodiscard]] bool is_over() const { return over_.load(std::memory_order_relaxed); }
  [[nodiscard]] bool measures() const { return measures_.load(std::memory_order_relaxed); }
  void note_call(steady_clock::time_point began) {
    if (!measures()) return;
    const auto took = static_cast<std::uint32_t>((steady_clock::now() - began).count());
    const std::scoped_lock held(lock_);
    nanoseconds_.push_back(took);
  }
  void note_message() {
    if (measures()) messages_.fetch_add(1, std::memory_order_relaxed);
  }
  /// Warms up, measures, and prints.
  void run(const flags& set) {
    std::this_thread::sleep_for(std::chrono::milliseconds(500));
    const auto used = cpu_seconds();
    const auto began = steady_clock::now();
    measures_ = true;
    std::this_thread::sleep_for(std::chrono::duration<double>(set.seconds));
    measures_ = false;
    const auto took = std::chrono::duration<double>(steady_clock::now() - began).count();
    const auto cpu = cpu_seconds() - used;
    over_ = true;
    const std::scoped_lock held(lock_);
    std::cout.precision(9);
    if (set.stream > 0) {
      const auto count = static_cast<double>(messages_.load());
      if (count == 0) fail("no messages came");
      std::cout << "{\"messages_per_s\": " << count / took
                << ", \"cpu_us_per_message\": " << cpu * 1e6 / count << "}" << std::endl;
      return;
    }
    const auto count = static_cast<double>(nanoseconds_.size());
    if (count == 0) fail("no calls were answered");
    std::cout << "{\"calls_per_s\": " << count / took << ", \"p50_us\": " << percentile(0.5)
              << ", \"p99_us\": " << percentile(0.99)
              << ", \"cpu_us_per_call\": " << cpu * 1e6 / count << "}" << std::endl;
  }

 private:
  double percentile(double part) {
    const auto at =
        static_cast<std::ptrdiff_t>(part * static_cast<double>(nanoseconds_.size() - 1));
    std::nth_element(nanoseconds_.begin(), nanoseconds_.begin() + at, nanoseconds_.end());
    return nanoseconds_[static_cast<std::size_t>(at)] * 1e-3;
  }

  std::atomic<bool> measures_{false};
  std::atomic<bool> over_{false};
  std::atomic<std::uint64_t> messages_{0};
  std::mutex lock_;
  std::vector<std::uint32_t> nanoseconds_;
};

/// Thirty-two bytes.
inline const std::string text(32, 'x');

inline void check_item(std::string_view item, std::uint64_t expected, std::uint32_t bytes) {
  std::uint64_t number = expected;
  if (item.size() >= sizeof number) std::memcpy(&number, item.data(), sizeof number);
  if (item.size() != bytes || number != expected) fail("an item is not the one expected");
}

}  // namespace nuncio::bench
