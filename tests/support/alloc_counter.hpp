#pragma once

#include <cstdint>

/// Counts this process's allocations, in a binary that alloc_counter.cpp is linked into.
/// Thread safety: any.
namespace nuncio::test {

/// False under sanitizers, which have an allocator of their own.
bool can_count_allocations() noexcept;
/// malloc() and the like since the process began.
std::uint64_t allocations() noexcept;
/// Bytes in use.
std::int64_t bytes_in_use() noexcept;

}  // namespace nuncio::test
