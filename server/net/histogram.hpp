#pragma once

#include <array>
#include <atomic>
#include <bit>
#include <cstddef>
#include <cstdint>

namespace nuncio::server {

/// How many values there were up to 2^First, up to four times that, and so on; the last bucket has
/// all above. One thread adds, anyone reads.
template <unsigned First, std::size_t Buckets>
class histogram {
 public:
  static constexpr std::size_t size = Buckets;

  void add(std::uint64_t value, std::uint64_t times = 1) noexcept {
    auto& count = counts_[bucket_of(value)];
    count.store(count.load(std::memory_order_relaxed) + times, std::memory_order_relaxed);
  }
  [[nodiscard]] std::uint64_t count(std::size_t bucket) const noexcept {
    return counts_[bucket].load(std::memory_order_relaxed);
  }
  /// The largest value of a bucket. Pre: it isn't the last.
  [[nodiscard]] static constexpr std::uint64_t bound(std::size_t bucket) noexcept {
    return std::uint64_t{1} << (First + 2 * bucket);
  }
  [[nodiscard]] static constexpr std::size_t bucket_of(std::uint64_t value) noexcept {
    const auto bits = static_cast<unsigned>(std::bit_width(value - (value != 0 ? 1 : 0)));
    const std::size_t found = bits <= First ? 0 : (bits - First + 1) / 2;
    return found < Buckets ? found : Buckets - 1;
  }

 private:
  std::array<std::atomic<std::uint64_t>, Buckets> counts_{};
};

}  // namespace nuncio::server
