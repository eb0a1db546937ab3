#pragma once

#include <array>
#include <cstdint>

namespace nuncio::server {

/// One timer of many that may be late by a tick. Link it into a wheel; unlink before it dies.
struct wheel_timer {
  wheel_timer* next = nullptr;
  wheel_timer** link = nullptr;  // who points to this; null: not scheduled
  std::uint64_t due = 0;         // tick

  [[nodiscard]] bool scheduled() const noexcept { return link != nullptr; }
  void unlink() noexcept {
    if (link == nullptr) return;
    *link = next;
    if (next != nullptr) next->link = link;
    link = nullptr;
    next = nullptr;
  }
};

/// Timers in slots by their tick: scheduling, cancelling and an idle tick cost a few instructions,
/// however many there are. Pure: who owns it says when a tick has passed. One thread only.
class timer_wheel {
 public:
  /// Fires at the `ticks`-th advance() from now, at the next one if 0.
  void schedule(wheel_timer& timer, std::uint64_t ticks) noexcept {
    timer.unlink();
    timer.due = now_ + (ticks == 0 ? 1 : ticks);
    push(slots_[timer.due % slots_.size()], timer);
  }

  /// Ticks until it fires; 0 if it is due, or isn't scheduled.
  [[nodiscard]] std::uint64_t remaining(const wheel_timer& timer) const noexcept {
    return timer.scheduled() && timer.due > now_ ? timer.due - now_ : 0;
  }

  /// One tick has passed: the timers of it are due.
  void advance() noexcept {
    ++now_;
    wheel_timer* next = nullptr;
    for (wheel_timer* at = slots_[now_ % slots_.size()]; at != nullptr; at = next) {
      next = at->next;
      if (at->due > now_) continue;  // another round
      at->unlink();
      push(due_, *at);
    }
  }

  [[nodiscard]] bool has_due() const noexcept { return due_ != nullptr; }
  /// Calls fire(wheel_timer&) for timers that are due, at most so many, unlinked before. It may
  /// schedule and unlink any timer. True if more are due.
  template <class Fire>
  bool fire_due(unsigned most, Fire fire) {
    for (; due_ != nullptr && most != 0; --most) {
      wheel_timer& timer = *due_;
      timer.unlink();
      fire(timer);
    }
    return due_ != nullptr;
  }

 private:
  static void push(wheel_timer*& head, wheel_timer& timer) noexcept {
    timer.next = head;
    timer.link = &head;
    if (head != nullptr) head->link = &timer.next;
    head = &timer;
  }

  std::array<wheel_timer*, 256> slots_{};
  wheel_timer* due_ = nullptr;
  std::uint64_t now_ = 0;
};

}  // namespace nuncio::server
