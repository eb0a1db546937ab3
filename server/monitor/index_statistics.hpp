#pragma once

#include "pages.hpp"

#include <cstdint>
#include <string>

namespace nuncio::server::monitor {

/// What is found by subject, and how.
struct index_statistics {
  std::int64_t subscriptions = 0;
  std::uint64_t remembered = 0;  ///< subjects whose receivers a shard has at hand
  std::uint64_t inserts = 0;
  std::uint64_t removes = 0;
  std::uint64_t matches = 0;
  double hit_rate = 0;           ///< of matches that were remembered
  std::uint64_t max_fanout = 0;  ///< of those that are
  double average_fanout = 0;
};

/// Of one account, or of all if `account` is empty.
[[nodiscard]] boost::asio::awaitable<index_statistics> statistics_of_index(const sources& from,
                                                                           std::string account);
void put(boost::json::object& to, const index_statistics& what);

}  // namespace nuncio::server::monitor
