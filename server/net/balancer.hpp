#pragma once

#include <chrono>
#include <cstdint>
#include <vector>

namespace nuncio::server {

/// When connections should move between shards: a shard that is saturated gives half of what it
/// reads to one that has time, and takes it back unless that raised the throughput, since a second
/// thread makes some loads dearer. Shards that have little to do are merged again.
///
/// Pure: it is shown a sample every 100 ms or so and says what to do. One thread only.
class balancer {
 public:
  using time = std::chrono::steady_clock::time_point;
  using milliseconds = std::chrono::milliseconds;

  static constexpr unsigned has_time_per_mille = 500;
  static constexpr unsigned little_per_mille = 300;  ///< of two shards together
  static constexpr milliseconds little_for{5000};
  static constexpr milliseconds measured_for{300};
  static constexpr milliseconds settles_in{100};
  static constexpr milliseconds between_moves{1000};
  static constexpr milliseconds after_failure{10'000};
  static constexpr double worth = 1.15;  ///< throughput after a split, of that before

  struct shard_sample {
    unsigned per_mille = 0;  ///< of a core, in the last window
    bool saturated = false;
    std::size_t connections = 0;
  };
  struct sample {
    time now;
    std::uint64_t bytes = 0;  ///< received and sent so far, by all
    std::vector<shard_sample> shards;
  };
  struct action {
    enum kind : std::uint8_t {
      none,
      census,  ///< count anew what the connections of `from` read
      split,   ///< move those that read half of it to `to`, and say by chosen() whether there are
               ///< any
      undo,    ///< move what the last split moved back to `to`
      merge,   ///< move all of `from` to `to`
    };
    kind what = none;
    unsigned from = 0;
    unsigned to = 0;
  };

  [[nodiscard]] action next(const sample& seen);
  /// What became of a split.
  void chosen(bool any) noexcept;

 private:
  enum class phase : std::uint8_t { resting, counting, settling, judging };

  [[nodiscard]] action consider_split(const sample& seen);
  [[nodiscard]] action consider_merge(const sample& seen);
  [[nodiscard]] action judge(const sample& seen);
  [[nodiscard]] static double rate(std::uint64_t bytes, time::duration span) noexcept;

  phase phase_ = phase::resting;
  unsigned from_ = 0;
  unsigned to_ = 0;
  time since_;                    // the phase's begin
  std::uint64_t bytes_then_ = 0;  // at that time
  double before_ = 0;             // bytes per second before the split
  bool any_chosen_ = true;
  time quiet_until_;
  std::vector<time> blocked_until_;  // by shard: its last split failed

  bool merging_ = false;
  unsigned merge_from_ = 0;
  unsigned merge_to_ = 0;
  time little_since_;
};

}  // namespace nuncio::server
