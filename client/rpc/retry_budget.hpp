#pragma once

#include "sliding_window.hpp"

#include <nuncio/rpc/policies.hpp>

#include <chrono>
#include <cstdint>

namespace nuncio::rpc {

/// Counts calls and further attempts of the last ten seconds.
///
/// Pure; one thread. Source: the project's RPC specification, section 8.
class retry_budget {
 public:
  using time = std::chrono::steady_clock::time_point;

  explicit retry_budget(const retry_budget_options& set) noexcept : set_(set) {}

  void note_call(time now) noexcept { ++recent_.at(now).calls; }
  /// Takes a further attempt from the budget; false if there is none left.
  [[nodiscard]] bool draw(time now) noexcept;

 private:
  struct counts {
    std::uint32_t calls = 0;
    std::uint32_t drawn = 0;
  };
  static constexpr std::chrono::seconds window{10};

  retry_budget_options set_;
  sliding_window<counts> recent_{window};
};

}  // namespace nuncio::rpc
