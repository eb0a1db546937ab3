#pragma once

#include "core/accounts.hpp"
#include "core/mappings.hpp"
#include "entrance.hpp"

#include <nuncio/protocol/info.hpp>
#include <nuncio/server/options.hpp>
#include <nuncio/server/views.hpp>

#include <boost/unordered/unordered_flat_map.hpp>

#include <cstdint>
#include <memory>
#include <string_view>
#include <vector>

namespace nuncio::server {

/// What doesn't follow from the options.
struct identity_info {
  protocol::server_info info;  ///< id, version, port
  std::uint16_t websocket_port = 0;
};

/// Null where there is none.
struct tls_of_entrances {
  std::shared_ptr<tls_files> standard;
  std::shared_ptr<tls_files> websocket;
};

/// What the options make of a server, ready to be used. Immutable: who changes the options makes
/// another one, and each shard goes over to it when it is told.
///
/// Invariant: the registry's accounts name what is in the one that was made last. Shards that are
/// still on the one before may use those of either, so both stay, and a third one isn't made, until
/// all shards have gone over.
class in_force {
 public:
  /// Accounts that the options name are made, and given their limits, mappings and traces. `with`
  /// is made of the options too.
  in_force(options settings, identity_info identity, accounts& registry, tls_of_entrances with);
  in_force(const in_force&) = delete;
  in_force& operator=(const in_force&) = delete;
  ~in_force() = default;

  const options opts;
  const wall_time loaded = std::chrono::system_clock::now();
  const entrance standard;
  const entrance websocket;

  [[nodiscard]] const entrance& entrance_of(connection_type by) const noexcept {
    return by == connection_type::websocket ? websocket : standard;
  }
  [[nodiscard]] account& account_of(const principal& who) const;

 private:
  boost::unordered_flat_map<std::string_view, account*> accounts_;
  std::vector<std::unique_ptr<mappings>> mappings_;
  std::vector<std::unique_ptr<trace_target>> traces_;
};

}  // namespace nuncio::server
