#pragma once

#include "auth/authenticator.hpp"
#include "core/accounts.hpp"
#include "core/mappings.hpp"
#include "tls_context.hpp"

#include <nuncio/protocol/info.hpp>
#include <nuncio/server/options.hpp>

#include <boost/unordered/unordered_flat_map.hpp>

#include <chrono>
#include <cstdint>
#include <memory>
#include <string_view>
#include <vector>

namespace nuncio::server {

/// What the options make of a server, ready to be used. Immutable: who changes the options makes
/// another one, and each shard goes over to it when it is told.
///
/// Invariant: the registry's accounts name mappings of the one that was made last. Shards that are
/// still on the one before may use those of either, so both stay, and a third one isn't made, until
/// all shards have gone over.
class in_force {
 public:
  /// `identity` is what doesn't follow from the options: id, version, port. Accounts that the
  /// options name are made, and given their limits and mappings. `with` is made of the options too.
  in_force(options settings,
           protocol::server_info identity,
           accounts& registry,
           std::shared_ptr<const tls_context> with);

  const options opts;
  const protocol::server_info info;  ///< as told to clients, but for what differs by connection
  const authenticator access;
  const std::shared_ptr<const tls_context> tls;  ///< null: there is none

  [[nodiscard]] account& account_of(const principal& who) const;
  /// How long a client may take until its CONNECT.
  [[nodiscard]] std::chrono::milliseconds login_timeout() const noexcept;

 private:
  boost::unordered_flat_map<std::string_view, account*> accounts_;
  std::vector<std::unique_ptr<mappings>> mappings_;
};

}  // namespace nuncio::server
