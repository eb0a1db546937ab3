#pragma once

#include <nuncio/rpc/policies.hpp>

#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>

namespace nuncio::rpc {

/// Counts calls and further attempts of the last ten seconds.
///
/// Pure; one thread. Source: the project's RPC specification, section 8.
class retry_budget {
 public:
  using time = std::chrono::steady_clock::time_point;

  explicit retry_budget(const retry_budget_options& set) noexcept : set_(set) {}

  void note_call(time now) noexcept {
    advance(now);
    ++seconds_[position()].calls;
  }
  /// Takes a further attempt from the budget; false if there is none left.
  [[nodiscard]] bool draw(time now) noexcept;

 private:
  struct second {
    std::uint32_t calls = 0;
    std::uint32_t drawn = 0;
  };
  static constexpr std::size_t window = 10;

  void advance(time now) noexcept;
  [[nodiscard]] std::size_t position() const noexcept {
    return static_cast<std::size_t>(newest_) % window;
  }

  retry_budget_options set_;
  std::array<second, window> seconds_{};
  std::int64_t newest_ = 0;  // of the clock
};

}  // namespace nuncio::rpc
