#pragma once

#include <cstdint>

namespace nuncio::server {

/// A cheap random source for picking queue members and destinations; one per shard.
class pick_random {
 public:
  explicit pick_random(std::uint64_t seed) noexcept : state_(seed | 1) {}
  /// Uniform enough below `bound`, which is small; no division.
  std::uint32_t below(std::uint32_t bound) noexcept {
    state_ ^= state_ << 13;
    state_ ^= state_ >> 7;
    state_ ^= state_ << 17;
    return static_cast<std::uint32_t>(((state_ >> 32) * bound) >> 32);
  }

 private:
  std::uint64_t state_;
};

}  // namespace nuncio::server
