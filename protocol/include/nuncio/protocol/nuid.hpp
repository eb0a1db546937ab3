#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <span>
#include <string>

namespace nuncio::protocol {

/// Unique ids: 12 unguessable base-62 characters and a sequence of 10 that grows in random steps.
/// When the sequence is used up, a new prefix is drawn.
///
/// Thread:  one at a time.
/// Source:  github.com/nats-io/nuid, nuid.go.
class nuid {
 public:
  static constexpr std::size_t prefix_size = 12;                    ///< characters
  static constexpr std::size_t sequence_size = 10;                  ///< characters
  static constexpr std::size_t size = prefix_size + sequence_size;  ///< characters of an id

  /// Fills all bytes of the span with random ones.
  using random_source = std::function<void(std::span<std::byte>)>;

  /// Draws the first prefix.
  /// Pre:     `random` is not empty. For ids that nobody may guess it is cryptographically strong.
  explicit nuid(random_source random);

  /// The next id, 22 characters of 0–9, A–Z and a–z.
  /// Cost:    one allocation.
  [[nodiscard]] std::string next();

 private:
  void draw_prefix();
  void draw_sequence();
  std::uint64_t draw_below(std::uint64_t limit);

  random_source random_;
  std::array<char, prefix_size> prefix_{};
  std::uint64_t sequence_ = 0;
  std::uint64_t step_ = 0;
};

}  // namespace nuncio::protocol
