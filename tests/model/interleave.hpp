#pragma once

#include <coroutine>
#include <cstdint>
#include <cstdlib>
#include <functional>
#include <random>
#include <utility>
#include <vector>

/// Plays several threads' programs on one thread, in an order drawn from a seed. A program is a
/// coroutine that says where another one may come in between:
///
///   actor reader(world& w) {
///     const auto before = w.counter;
///     co_await step{};
///     w.counter = before + 1;
///   }
///   interleave play(seed);
///   play.add(reader(w));
///   play.add(reader(w));
///   const bool ended = play.run();
namespace nuncio::test {

/// Others may run here.
struct step {};
/// Not to be resumed before it holds. (Not an aggregate: g++ 12 destroys those twice in co_await.)
class until {
 public:
  explicit until(std::function<bool()> condition) : holds(std::move(condition)) {}
  std::function<bool()> holds;
};

class actor {
 public:
  struct promise_type {
    std::function<bool()> ready;  // empty: at any time

    actor get_return_object() {
      return actor(std::coroutine_handle<promise_type>::from_promise(*this));
    }
    std::suspend_always initial_suspend() noexcept { return {}; }
    std::suspend_always final_suspend() noexcept { return {}; }
    std::suspend_always await_transform(step) {
      ready = nullptr;
      return {};
    }
    std::suspend_always await_transform(const until& condition) {
      ready = condition.holds;
      return {};
    }
    void return_void() {}
    void unhandled_exception() { std::abort(); }
  };

  actor(actor&& other) noexcept : handle_(std::exchange(other.handle_, nullptr)) {}
  actor(const actor&) = delete;
  actor& operator=(const actor&) = delete;
  actor& operator=(actor&&) = delete;
  ~actor() {
    if (handle_) handle_.destroy();
  }

  [[nodiscard]] bool done() const { return handle_.done(); }
  [[nodiscard]] bool ready() const {
    const auto& condition = handle_.promise().ready;
    return !done() && (!condition || condition());
  }
  void resume() const { handle_.resume(); }

 private:
  explicit actor(std::coroutine_handle<promise_type> handle) : handle_(handle) {}

  std::coroutine_handle<promise_type> handle_;
};

class interleave {
 public:
  explicit interleave(std::uint64_t seed) : random_(seed) {}

  void add(actor a) { actors_.push_back(std::move(a)); }

  /// Runs until all have ended; false if some wait for ever for each other.
  bool run() {
    for (;;) {
      ready_.clear();
      bool all_done = true;
      for (const auto& a : actors_) {
        all_done = all_done && a.done();
        if (a.ready()) ready_.push_back(&a);
      }
      if (ready_.empty()) return all_done;
      // Bursts, since an even mix seldom lets one overtake another by far.
      const auto* const chosen = ready_[random_() % ready_.size()];
      for (auto left = 1 + random_() % 4; left != 0 && chosen->ready(); --left) chosen->resume();
    }
  }

 private:
  std::mt19937_64 random_;
  std::vector<actor> actors_;
  std::vector<const actor*> ready_;
};

}  // namespace nuncio::test
