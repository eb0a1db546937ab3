// Preloaded into a program: its wall clock jumps a day ahead and back, by turns, whenever it is
// looked at. Whatever measures time by it goes wrong.
#include <sys/syscall.h>
#include <sys/time.h>
#include <unistd.h>

#include <atomic>
#include <ctime>

extern "C" {

int clock_gettime(clockid_t which, timespec* out) noexcept {
  static std::atomic<unsigned> looks = 0;
  constexpr time_t day = 24L * 3600;
  const auto failed = static_cast<int>(::syscall(SYS_clock_gettime, which, out));
  const bool is_wall = which == CLOCK_REALTIME || which == CLOCK_REALTIME_COARSE;
  if (failed == 0 && is_wall && looks++ % 2 == 1) out->tv_sec += day;
  return failed;
}

int gettimeofday(timeval* out, void*) noexcept {
  timespec now{};
  const int failed = clock_gettime(CLOCK_REALTIME, &now);
  *out = {now.tv_sec, now.tv_nsec / 1000};
  return failed;
}

time_t time(time_t* out) noexcept {
  timespec now{};
  clock_gettime(CLOCK_REALTIME, &now);
  if (out != nullptr) *out = now.tv_sec;
  return now.tv_sec;
}
}
