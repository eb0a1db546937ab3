#pragma once

#include <algorithm>
#include <cstdint>

namespace nuncio::rpc {

/// Bytes that the streams of one connection may be sent before they take something, so that all
/// together can't make a server take the connection for a slow consumer.
///
/// Pure. Each gets at most a share of what is left, and never nothing: one item always passes.
/// Source: docs/rpc-wire.md, section 6.
class window_budget {
 public:
  static constexpr std::uint64_t all = 12UL * 1024 * 1024;
  static constexpr std::uint64_t least = 256;

  /// What of `wanted` is granted, on top of `held` that was granted before.
  [[nodiscard]] std::uint64_t take(std::uint64_t wanted, std::uint64_t held = 0) noexcept {
    if (wanted <= held) return 0;
    const auto left = all - std::min(used_, all);
    const auto floor = held == 0 ? std::min(least, wanted) : 0;
    const auto granted = std::max(std::min(wanted - held, left / share), floor);
    used_ += granted;
    return granted;
  }
  void give_back(std::uint64_t held) noexcept { used_ -= held; }
  [[nodiscard]] std::uint64_t used() const noexcept { return used_; }

 private:
  static constexpr std::uint64_t share = 16;

  std::uint64_t used_ = 0;
};

}  // namespace nuncio::rpc
