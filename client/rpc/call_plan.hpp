#pragma once

#include "retry_budget.hpp"

#include <nuncio/rpc/policies.hpp>
#include <nuncio/rpc/status.hpp>

#include <chrono>
#include <cstdint>
#include <optional>

namespace nuncio::rpc {

/// What is to be done for a call: which attempts are made, when, and when it is given up.
///
/// Pure; one thread.
class call_plan {
 public:
  using time = std::chrono::steady_clock::time_point;

  struct settings {
    retry_options retries;
    std::optional<std::chrono::nanoseconds> hedge_after;  ///< of idempotent calls
    bool is_idempotent = false;
    time deadline;
  };
  explicit call_plan(const settings& set) : set_(set) {}

  /// An attempt begins. Its number, from 1 on.
  std::uint32_t begin() noexcept {
    ++in_flight_;
    return ++attempts_;
  }
  /// The attempt that has begun last reached nobody, and doesn't count.
  void take_back() noexcept {
    --in_flight_;
    --attempts_;
  }
  /// When an attempt that begins now is given up.
  [[nodiscard]] time attempt_deadline(time now) const noexcept;
  /// When a second attempt may be made beside the first, which begins now; nothing: never.
  [[nodiscard]] std::optional<time> hedge_at(time now) const noexcept;
  /// That time has come and there is no answer: whether it is made.
  [[nodiscard]] bool may_hedge(time now, retry_budget& budget) noexcept;

  enum class verdict : std::uint8_t {
    wait,     ///< another attempt is under way
    retry,    ///< begin another one at `at`
    give_up,  ///< that was the answer
  };
  struct next {
    verdict what = verdict::give_up;
    time at;
  };
  /// An attempt has failed; `timed_out`: because its own time was up. `random` is any number, for
  /// the length of the pause.
  [[nodiscard]] next on_failure(const status& why,
                                bool timed_out,
                                time now,
                                retry_budget& budget,
                                std::uint32_t random) noexcept;

  /// Some attempt that has failed may have run.
  [[nodiscard]] bool may_have_run() const noexcept { return may_have_run_; }
  [[nodiscard]] std::uint32_t attempts() const noexcept { return attempts_; }
  [[nodiscard]] time deadline() const noexcept { return set_.deadline; }
  [[nodiscard]] bool is_idempotent() const noexcept { return set_.is_idempotent; }

 private:
  [[nodiscard]] bool is_worth_another(const status& why, bool timed_out) const noexcept;
  [[nodiscard]] std::chrono::nanoseconds pause(const status& why,
                                               std::uint32_t random) const noexcept;

  settings set_;
  std::uint32_t attempts_ = 0;
  std::uint8_t in_flight_ = 0;
  bool has_hedged_ = false;
  bool may_have_run_ = false;
};

}  // namespace nuncio::rpc
