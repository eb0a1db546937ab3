#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace nuncio::rpc {

/// Items of a stream that wait to be taken, one behind the other in one buffer. Bounded by whoever
/// fills it.
class item_queue {
 public:
  [[nodiscard]] bool empty() const noexcept { return first_ == sizes_.size(); }
  void push(std::string_view item) {
    if (taken_ > compact_at && taken_ > bytes_.size() / 2) compact();
    bytes_ += item;
    sizes_.push_back(static_cast<std::uint32_t>(item.size()));
  }
  /// Pre: it isn't empty. Lifetime: until the next push() or pop().
  [[nodiscard]] std::string_view front() const noexcept {
    return std::string_view(bytes_).substr(taken_, sizes_[first_]);
  }
  /// Pre: it isn't empty.
  void pop() noexcept {
    taken_ += sizes_[first_++];
    if (empty()) clear();
  }
  void clear() noexcept {
    bytes_.clear();
    sizes_.clear();
    taken_ = first_ = 0;
  }
  /// Gives back the memory of what has been.
  void shrink() {
    if (!empty()) return;
    bytes_ = {};
    sizes_ = {};
  }

 private:
  static constexpr std::size_t compact_at = 4096;

  void compact() {
    bytes_.erase(0, taken_);
    sizes_.erase(sizes_.begin(), sizes_.begin() + static_cast<std::ptrdiff_t>(first_));
    taken_ = first_ = 0;
  }

  std::string bytes_;
  std::vector<std::uint32_t> sizes_;
  std::size_t taken_ = 0;  // bytes
  std::size_t first_ = 0;  // of sizes
};

}  // namespace nuncio::rpc
