#include "auxiliary.hpp"

#include "give_way.hpp"

#include <utility>

namespace nuncio::server {

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
