#pragma once

#include "outbound.hpp"

#include <sys/uio.h>

#include <cstdint>
#include <vector>

namespace nuncio::server {

class connection;

/// A shard's staging for one receiver: filled during a batch, sent at its end.
///
/// Private to its shard: no lock, no atomic. `to` is looked at only while the outlet is dirty or a
/// match entry with a valid stamp names it; afterwards it may dangle.
struct outlet {
  connection* to = nullptr;
  std::uint64_t cid = 0;
  char* data = nullptr;  ///< staged bytes, from the shard's free lists
  std::uint32_t size = 0;
  std::uint32_t capacity = 0;
  std::uint32_t cut = 0;      ///< start of the staged bytes that are not in `pieces` yet
  std::uint32_t uses = 0;     ///< remembered matches that name it
  message_count staged;       ///< for the receiver's counters
  std::size_t lent = 0;       ///< bytes of `pieces` that are not ours
  std::vector<iovec> pieces;  ///< only with borrowed payloads
  bool dirty = false;
  bool loose = false;  ///< on the list of those to be given back
  bool carries_pong = false;
};

}  // namespace nuncio::server
