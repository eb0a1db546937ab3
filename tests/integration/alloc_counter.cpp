#include "alloc_counter.hpp"

#include "sanitizers.hpp"

#include <malloc.h>

#include <atomic>
#include <cerrno>
#include <cstddef>

namespace {

std::atomic<std::uint64_t> count{0};
std::atomic<std::int64_t> in_use{0};

}  // namespace

namespace nuncio::test {

bool can_count_allocations() noexcept {
  return !NUNCIO_IS_SANITIZED;
}
std::uint64_t allocations() noexcept {
  return count.load();
}
std::int64_t bytes_in_use() noexcept {
  return in_use.load();
}

}  // namespace nuncio::test

#if !NUNCIO_IS_SANITIZED

// glibc's own functions under their other names. operator new comes here by way of malloc.
extern "C" {

void* __libc_malloc(std::size_t size);                           // NOLINT
void* __libc_calloc(std::size_t count, std::size_t size);        // NOLINT
void* __libc_realloc(void* block, std::size_t size);             // NOLINT
void* __libc_memalign(std::size_t alignment, std::size_t size);  // NOLINT
void __libc_free(void* block);                                   // NOLINT

static void* counted(void* block) {
  count.fetch_add(1, std::memory_order_relaxed);
  in_use.fetch_add(static_cast<std::int64_t>(malloc_usable_size(block)), std::memory_order_relaxed);
  return block;
}

static void forget(void* block) {
  in_use.fetch_sub(static_cast<std::int64_t>(malloc_usable_size(block)), std::memory_order_relaxed);
}

void* malloc(std::size_t size) {
  return counted(__libc_malloc(size));
}
void* calloc(std::size_t items, std::size_t size) {
  return counted(__libc_calloc(items, size));
}
void* realloc(void* block, std::size_t size) {
  forget(block);
  return counted(__libc_realloc(block, size));
}
void* memalign(std::size_t alignment, std::size_t size) {
  return counted(__libc_memalign(alignment, size));
}
void* aligned_alloc(std::size_t alignment, std::size_t size) {
  return memalign(alignment, size);
}
int posix_memalign(void** out, std::size_t alignment, std::size_t size) {
  *out = memalign(alignment, size);
  return *out == nullptr ? ENOMEM : 0;
}
void free(void* block) {
  forget(block);
  __libc_free(block);
}

}  // extern "C"

#endif
