#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace nuncio::protocol {

/// Makes another subject out of one that a pattern matches, as a destination says. What the tokens
/// of a destination stand for:
///
/// ```
/// $N, {{wildcard(N)}}          the N-th * of the pattern, from 1
/// >                            what > of the pattern matched
/// {{partition(n,i,j)}}         0 to n-1, by a hash of these wildcards; without any, of the subject
/// {{split(i,separator)}}       the pieces of a wildcard, a token each; empty ones are left out
/// {{splitfromleft(i,n)}}, {{splitfromright(i,n)}}   two tokens, cut n bytes from that end
/// {{slicefromleft(i,n)}}, {{slicefromright(i,n)}}   tokens of n bytes, an odd one at the other end
/// {{left(i,n)}}, {{right(i,n)}}                     the first or last n bytes
/// {{random(n)}}                0 to n-1
/// ```
///
/// A function is a whole token. The first letter of each word of its name may be a capital. With
/// n = 0 partition and random yield 0, and the others the wildcard as it is.
///
/// A value. Thread:  any, as long as nobody assigns to it.
/// Source:  NATS documentation, Subject Mapping and Partitioning; nats-server 2.15.2 as observed.
class subject_transform {
 public:
  /// Reads a pattern and a destination.
  ///
  /// Errors:  nothing is returned, and `error` is `found …, expected …`.
  [[nodiscard]] static std::optional<subject_transform> parse(std::string_view source,
                                                              std::string_view destination,
                                                              std::string& error);

  /// The destination, if it is always the same.
  [[nodiscard]] std::optional<std::string_view> constant() const noexcept;

  /// Replaces `out` by what `subject` becomes. That may be no valid subject: of a token that holds
  /// separators only, split makes an empty one.
  ///
  /// Pre:     the pattern matches `subject`. `below(std::uint32_t bound)` yields a number below
  ///          `bound`, which is above 0.
  /// Cost:    no allocation but for `out`, if it is too small.
  template <class Below>
  void apply(std::string_view subject, std::string& out, Below below) const {
    const draw_function draw = [](void* with, std::uint32_t bound) -> std::uint32_t {
      return (*static_cast<Below*>(with))(bound);
    };
    write(subject, out, draw, static_cast<void*>(&below));
  }

 private:
  enum class from : std::uint8_t {
    text,
    token,
    rest,  // of the subject, from a token on
    partition,
    split,
    split_from_left,
    split_from_right,
    slice_from_left,
    slice_from_right,
    left,
    right,
    random,
  };
  struct part {
    from what = from::text;
    std::uint32_t begin = 0;  // of its text in text_, or of the tokens in hashed_
    std::uint32_t size = 0;
    std::uint32_t token = 0;  // of the subject, from 0
    std::uint32_t number = 0;
  };
  class reader;
  using draw_function = std::uint32_t (*)(void* with, std::uint32_t bound);

  [[nodiscard]] std::string_view text_of(const part& p) const noexcept {
    return std::string_view(text_).substr(p.begin, p.size);
  }
  void write(std::string_view subject, std::string& out, draw_function draw, void* with) const;
  void write_partition(const part& p, std::string_view subject, std::string& out) const;

  std::string text_;                   // all plain texts and separators
  std::vector<std::uint32_t> hashed_;  // tokens that partitions look at
  std::vector<part> parts_;
};

}  // namespace nuncio::protocol
