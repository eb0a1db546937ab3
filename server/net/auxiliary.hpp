#pragma once

#include <atomic>
#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <functional>
#include <mutex>
#include <thread>

namespace nuncio::server {

/// One thread for what takes too long for a shard, such as a bcrypt password. It starts with the
/// first job. Jobs get values and give values back by posting to a shard; what waits is bounded,
/// and what is too much is refused and counted.
///
/// Thread safety: post() from any thread, stop() from one that runs no job.
class auxiliary {
 public:
  /// `niceness`: by how much its thread gives way to others, so that long jobs delay no shard where
  /// there are fewer cores than threads that have work.
  explicit auxiliary(std::size_t most_waiting, int niceness = 0)
      : most_waiting_(most_waiting), niceness_(niceness) {}
  auxiliary(const auxiliary&) = delete;
  auxiliary& operator=(const auxiliary&) = delete;
  ~auxiliary() { stop(); }

  /// False if too much waits already, or it has stopped: the job will not run.
  bool post(std::function<void()> job);
  /// Waits for the job that runs; drops the others.
  void stop();

  /// A job waits or runs. Of the moment: to be used as a hint.
  [[nodiscard]] bool is_busy() const noexcept { return busy_.load(std::memory_order_relaxed); }
  /// Jobs that were too much.
  [[nodiscard]] std::uint64_t refused() const;

 private:
  void run();

  const std::size_t most_waiting_;
  const int niceness_;
  std::atomic<bool> busy_{false};
  mutable std::mutex lock_;  // guards all that follows
  std::condition_variable changed_;
  std::deque<std::function<void()>> waiting_;
  std::uint64_t refused_ = 0;
  bool stopped_ = false;
  std::thread thread_;
};

}  // namespace nuncio::server
