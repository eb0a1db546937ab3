#pragma once

#include "sliding_window.hpp"

#include <nuncio/rpc/policies.hpp>
#include <nuncio/rpc/status.hpp>

#include <algorithm>
#include <chrono>
#include <cstdint>

namespace nuncio::rpc {

/// Whether calls of one endpoint are made.
///
///   closed ── too many fail ──> open ── after a while ──> half open ── all probes succeed ──>
///   closed
///                                ^──────────── a probe fails ──────────┘
///
/// Pure; one thread.
class circuit_breaker {
 public:
  using time = std::chrono::steady_clock::time_point;

  explicit circuit_breaker(const circuit_breaker_options& set) noexcept
      : set_(set), window_(std::max(set.window, std::chrono::seconds(1))) {}

  enum class admission : std::uint8_t {
    refused,
    normal,
    probe,
  };
  struct ticket {
    admission how = admission::refused;
    std::uint32_t round = 0;
  };
  /// A call is about to be made. Unless it is refused, note() must follow.
  [[nodiscard]] ticket admit(time now) noexcept;
  /// It has ended. Of those that were admitted before the circuit last opened nothing is learnt.
  void note(ticket of, const status& ended, time now) noexcept;

  enum class state : std::uint8_t {
    closed,
    open,
    half_open,
  };
  [[nodiscard]] state current() const noexcept { return state_; }
  /// When an open circuit lets calls through again.
  [[nodiscard]] time open_until() const noexcept { return until_; }

 private:
  struct counts {
    std::uint32_t calls = 0;
    std::uint32_t failures = 0;
  };
  void count(bool failed, time now) noexcept;
  void open(time now) noexcept;
  void close() noexcept;

  circuit_breaker_options set_;
  sliding_window<counts> window_;
  time until_;
  std::uint32_t round_ = 0;  // how often it has opened
  std::uint32_t probes_running_ = 0;
  std::uint32_t probes_succeeded_ = 0;
  state state_ = state::closed;
};

/// Of how calls end, what a circuit breaker counts as failure.
[[nodiscard]] bool is_breaking(const status& how) noexcept;

}  // namespace nuncio::rpc
