#pragma once

#include <boost/unordered/unordered_flat_map.hpp>

#include <bit>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

/// A set of subject patterns that is asked often and never changes.
namespace nuncio::server {

/// Finds those of its patterns that match or cover a subject.
///
/// Every pattern begins with a literal part: all of it, or what is before its first wildcard. A
/// subject that it matches or covers begins with the same bytes, which is what is looked at first:
///
///   up to max_scanned patterns    4 bytes of each compared under a mask, 4 patterns at a time
///   more                          by hash, once for each length that literal parts have; patterns
///                                 that begin with a wildcard have the length 0
///
/// Immutable, so any thread may ask.
class subject_set {
 public:
  /// As many are scanned: a bit each in a word.
  static constexpr std::size_t max_scanned = 64;

  /// None.
  subject_set() = default;
  /// Patterns that can't be subscribed to are kept, and match what protocol::matches() says.
  explicit subject_set(const std::vector<std::string>& patterns);

  [[nodiscard]] bool empty() const noexcept { return rows_.empty(); }
  [[nodiscard]] std::size_t size() const noexcept { return rows_.size(); }

  /// Is there one that a message to `subject` reaches? Wildcards in `subject` are taken literally.
  [[nodiscard]] bool matches(std::string_view subject) const noexcept;
  struct answer {
    bool found = false;
    /// It is the same for all subjects that begin with the same eight bytes.
    bool by_beginning = false;
  };
  /// matches(), and whether the first eight bytes of `subject`, which has as many, decided it.
  [[nodiscard]] answer look_for(std::string_view subject) const noexcept;
  /// Is there one that reaches all that `subject` reaches, which may have wildcards?
  [[nodiscard]] bool covers(std::string_view subject) const noexcept;

  /// Calls `visit(i)` for the patterns that match `subject`, where `i` is their place in what the
  /// constructor was given, in any order, until it returns false.
  template <class Visit>
  void each_match(std::string_view subject, const Visit& visit) const {
    each(subject, [&](const row& r) { return !row_matches(r, subject) || visit(r.place); });
  }
  /// Likewise for those that cover it.
  template <class Visit>
  void each_cover(std::string_view subject, const Visit& visit) const {
    each(subject, [&](const row& r) { return !row_covers(r, subject) || visit(r.place); });
  }

 private:
  struct row {
    std::uint64_t first = 0;   // bytes of the literal part, as many as `mask` says
    std::uint64_t mask = 0;    // of a literal pattern also the zeros after its end
    std::uint32_t begin = 0;   // in text_
    std::uint32_t size = 0;    // of the pattern
    std::uint32_t prefix = 0;  // bytes before the first wildcard; all of a literal pattern
    std::uint32_t place = 0;   // of the pattern in the list
    bool literal = false;
    bool open = false;  // its first wildcard is `>`: all that begins with the literal part
  };
  struct bucket {
    std::uint32_t begin = 0;  // in rows_
    std::uint32_t end = 0;
  };

  [[nodiscard]] std::string_view text_of(const row& r) const noexcept {
    return {text_.data() + r.begin, r.size};
  }
  [[nodiscard]] bool row_matches(const row& r, std::string_view subject) const noexcept;
  [[nodiscard]] bool row_covers(const row& r, std::string_view subject) const noexcept;
  [[nodiscard]] bool has_prefix(const row& r, std::string_view subject) const noexcept;
  [[nodiscard]] std::uint64_t scan(std::uint32_t first) const noexcept;
  static std::uint64_t first_bytes(std::string_view text) noexcept;
  static std::uint64_t hash_of(std::string_view prefix) noexcept;

  // The rows that `subject` may belong to, until `visit` returns false.
  template <class Visit>
  void each(std::string_view subject, const Visit& visit) const {
    const auto first = first_bytes(subject);
    if (lengths_.empty()) {
      for (auto left = scan(static_cast<std::uint32_t>(first)); left != 0; left &= left - 1) {
        const auto& r = rows_[static_cast<std::size_t>(std::countr_zero(left))];
        if ((first & r.mask) == r.first && !visit(r)) return;
      }
      return;
    }
    for (const auto length : lengths_) {
      if (length > subject.size()) return;
      const auto found = buckets_.find(hash_of(subject.substr(0, length)));
      if (found == buckets_.end()) continue;
      for (auto i = found->second.begin; i < found->second.end; ++i) {
        if ((first & rows_[i].mask) == rows_[i].first && !visit(rows_[i])) return;
      }
    }
  }

  std::string text_;       // all patterns
  std::vector<row> rows_;  // of a bucket side by side
  // What is scanned: the first half of `first` and `mask` of each row, filled up to fours with what
  // nothing begins with.
  std::vector<std::uint32_t> firsts_;
  std::vector<std::uint32_t> masks_;
  std::vector<std::uint32_t> lengths_;  // of literal parts, ascending; empty: rows are scanned
  boost::unordered_flat_map<std::uint64_t, bucket> buckets_;  // by hash_of the literal part
};

}  // namespace nuncio::server
