#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdlib>
#include <new>
#include <vector>

namespace nuncio::server {

/// Staging buffers of a shard, in two sizes, so that a batch allocates nothing. What a batch needs,
/// the next one needs too; what nobody has needed between two calls of trim() is freed. One thread
/// only.
class staging_pool {
 public:
  static constexpr std::size_t small = 4 * 1024;
  static constexpr std::size_t large = 64 * 1024;
  /// Behind the usable size; copying in fixed steps may write there.
  static constexpr std::size_t slack = 64;

  staging_pool() = default;
  staging_pool(const staging_pool&) = delete;
  staging_pool& operator=(const staging_pool&) = delete;
  ~staging_pool() {
    for (shelf* const each : {&small_, &large_}) each->shrink(each->buffers.size());
  }

  char* take(std::size_t size) {
    shelf& from = shelf_of(size);
    if (from.buffers.empty()) {
      void* const memory = std::malloc(size + slack);
      if (memory == nullptr) throw std::bad_alloc{};
      return static_cast<char*>(memory);
    }
    char* const buffer = from.buffers.back();
    from.buffers.pop_back();
    from.spare = std::min(from.spare, from.buffers.size());
    return buffer;
  }

  void give(char* buffer, std::size_t size) { shelf_of(size).buffers.push_back(buffer); }

  void trim() noexcept {
    for (shelf* const each : {&small_, &large_}) {
      each->shrink(each->spare);
      each->spare = each->buffers.size();
    }
  }

  [[nodiscard]] bool empty() const noexcept {
    return small_.buffers.empty() && large_.buffers.empty();
  }

 private:
  struct shelf {
    std::vector<char*> buffers;
    std::size_t spare = 0;  // the fewest that lay here since the last trim()

    void shrink(std::size_t by) noexcept {
      for (; by > 0; --by) {
        std::free(buffers.back());
        buffers.pop_back();
      }
    }
  };

  shelf& shelf_of(std::size_t size) noexcept { return size == small ? small_ : large_; }

  shelf small_;
  shelf large_;
};

}  // namespace nuncio::server
