#pragma once

#include <array>
#include <atomic>
#include <cstdint>

namespace nuncio::server {

/// When is a remembered match still true? Three counters that only grow; their sum is equal if and
/// only if all three are. A change of a literal subject bumps one of 4096, of `a.*` the one of `a`,
/// of `*.x`, `>` and of everything else that a match depends on (rules, mappings, flags) the last.
/// One global counter would throw every entry away with each inbox that comes or goes.
///
/// Who changes the index changes it first and bumps then. Who reads takes the stamp, matches, and
/// takes it again: if it differs, matches again, since a walk is no snapshot (a client that
/// subscribes to `foo` and then drops `>` could otherwise miss a message).
class stamps {
 public:
  /// Where the counters of one subject are.
  struct place {
    std::uint16_t exact;
    std::uint8_t first;
  };

  static place place_of(std::uint64_t subject_hash, std::uint64_t first_token_hash) noexcept {
    return {static_cast<std::uint16_t>((subject_hash >> 20) & 0xfff),
            static_cast<std::uint8_t>(first_token_hash >> 56)};
  }

  [[nodiscard]] std::uint64_t read(place at) const noexcept {
    return exact_[at.exact].load(std::memory_order_acquire) +
           first_[at.first].load(std::memory_order_acquire) + any_.load(std::memory_order_acquire);
  }

  void bump_exact(std::uint64_t subject_hash) noexcept {
    add(exact_[(subject_hash >> 20) & 0xfff]);
  }
  void bump_first(std::uint64_t token_hash) noexcept { add(first_[token_hash >> 56]); }
  void bump_all() noexcept { add(any_); }

 private:
  using counter = std::atomic<std::uint64_t>;
  static void add(counter& c) noexcept { c.fetch_add(1, std::memory_order_seq_cst); }

  std::array<counter, 4096> exact_{};
  std::array<counter, 256> first_{};
  alignas(64) counter any_{0};
};

}  // namespace nuncio::server
