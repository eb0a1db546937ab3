#include "auxiliary.hpp"

#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <cstdint>
#include <utility>

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

// Of the calling thread alone, as Linux has it. Nothing depends on whether it succeeds. A thread
// that has just been given the core keeps it for a slice, whoever else wakes up and whatever its
// priority: so that is made short, too (by Linux 6.12 and later).
void give_way(int by) {
  scheduling has;
  if (::syscall(SYS_sched_getattr, 0, &has, sizeof(has), 0U) != 0) return;
  has.nice = std::min(has.nice + by, lowest_priority);
  has.runtime = shortest_slice;
  ::syscall(SYS_sched_setattr, 0, &has, 0U);
}

}  // namespace

bool auxiliary::post(std::function<void()> job) {
  const std::scoped_lock held(lock_);
  if (stopped_ || waiting_.size() >= most_waiting_) {
    ++refused_;
    return false;
  }
  waiting_.push_back(std::move(job));
  busy_ = true;
  if (!thread_.joinable()) {
    thread_ = std::thread([this] {
      if (niceness_ != 0) give_way(niceness_);
      run();
    });
  }
  changed_.notify_one();
  return true;
}

void auxiliary::stop() {
  std::deque<std::function<void()>> dropped;
  {
    const std::scoped_lock held(lock_);
    stopped_ = true;
    dropped.swap(waiting_);
  }
  changed_.notify_one();
  if (thread_.joinable()) thread_.join();
}

std::uint64_t auxiliary::refused() const {
  const std::scoped_lock held(lock_);
  return refused_;
}

void auxiliary::run() {
  std::unique_lock held(lock_);
  for (;;) {
    busy_ = !waiting_.empty();
    changed_.wait(held, [this] { return stopped_ || !waiting_.empty(); });
    if (stopped_) return;
    {
      const auto job = std::move(waiting_.front());
      waiting_.pop_front();
      held.unlock();
      job();
    }
    held.lock();
  }
}

}  // namespace nuncio::server
