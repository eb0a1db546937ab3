#pragma once

#include <cstdint>

namespace nuncio::server {

/// A server's counters at one moment, summed over its shards. Totals only grow.
struct stats {
  std::uint64_t in_messages = 0;        ///< from clients
  std::uint64_t in_bytes = 0;           ///< headers and payloads
  std::uint64_t out_messages = 0;       ///< to clients
  std::uint64_t out_bytes = 0;          ///< headers and payloads
  std::uint64_t total_connections = 0;  ///< that were ever made
  std::uint64_t slow_consumers = 0;     ///< connections that were ended for it
  std::uint64_t stale_connections = 0;  ///< ended, since PINGs weren't answered
  std::uint64_t stalled_producers = 0;  ///< pauses of a producer whose receivers lag
  std::uint64_t moved_connections = 0;  ///< from one shard to another
  /// Clients that were turned away since too many bcrypt passwords waited to be checked.
  std::uint64_t refused_password_checks = 0;
  std::int64_t connections = 0;        ///< now
  std::int64_t subscriptions = 0;      ///< now, of clients
  std::int64_t own_subscriptions = 0;  ///< now, of the server itself
};

}  // namespace nuncio::server
