#include "give_way.hpp"

#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <cstdint>

namespace nuncio::server {
namespace {

constexpr int lowest_priority = 19;
constexpr std::uint64_t shortest_slice = 100'000;  // ns, of what Linux takes

// What sched_setattr(2) takes, which libc has no words for.
struct scheduling {
  std::uint32_t size = sizeof(scheduling);
  std::uint32_t policy = 0;
  std::uint64_t flags = 0;
  std::int32_t nice = 0;
  std::uint32_t priority = 0;
  std::uint64_t runtime = 0;
  std::uint64_t deadline = 0;
  std::uint64_t period = 0;
};

}  // namespace

// Of the calling thread alone, as Linux has it; the slice by 6.12 and later.
void give_way(int niceness) {
  scheduling has;
  if (::syscall(SYS_sched_getattr, 0, &has, sizeof(has), 0U) != 0) return;
  has.nice = std::min(has.nice + niceness, lowest_priority);
  has.runtime = shortest_slice;
  ::syscall(SYS_sched_setattr, 0, &has, 0U);
}

}  // namespace nuncio::server
