#pragma once

#include <cstddef>
#include <cstdlib>
#include <new>
#include <vector>

namespace nuncio::server {

/// Staging buffers of a shard, in two sizes, so that a batch allocates nothing. One thread only.
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
    for (auto* list : {&small_, &large_}) {
      for (char* buffer : *list) std::free(buffer);
    }
  }

  char* take(std::size_t size) {
    auto& list = list_of(size);
    if (list.empty()) {
      void* const memory = std::malloc(size + slack);
      if (memory == nullptr) throw std::bad_alloc{};
      return static_cast<char*>(memory);
    }
    char* const buffer = list.back();
    list.pop_back();
    return buffer;
  }

  void give(char* buffer, std::size_t size) {
    auto& list = list_of(size);
    // A quarter of a MiB of small ones, a MiB of large ones: what a busy shard needs again at once.
    if (list.size() < (size == small ? 64U : 16U)) {
      list.push_back(buffer);
    } else {
      std::free(buffer);
    }
  }

 private:
  std::vector<char*>& list_of(std::size_t size) noexcept { return size == small ? small_ : large_; }

  std::vector<char*> small_;
  std::vector<char*> large_;
};

}  // namespace nuncio::server
