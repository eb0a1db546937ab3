#pragma once

#include "auth/authenticator.hpp"
#include "core/accounts.hpp"
#include "core/mappings.hpp"
#include "tls_files.hpp"

#include <nuncio/protocol/info.hpp>
#include <nuncio/server/options.hpp>

#include <boost/unordered/unordered_flat_map.hpp>

#include <chrono>
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
/// Invariant: the registry's accounts name mappings of the one that was made last. Shards that are
/// still on the one before may use those of either, so both stay, and a third one isn't made, until
/// all shards have gone over.
class in_force {
 public:
  /// Accounts that the options name are made, and given their limits and mappings. `with` is made
  /// of the options too.
  in_force(options settings, identity_info identity, accounts& registry, tls_of_entrances with);

  const options opts;
  const protocol::server_info info;  ///< as told to clients, but for what differs by connection
  const protocol::server_info websocket_info;  ///< to those who come by WebSocket
  const authenticator access;
  const std::shared_ptr<tls_files> tls;            ///< null: there is none
  const std::shared_ptr<tls_files> websocket_tls;  ///< null: there is none

  [[nodiscard]] account& account_of(const principal& who) const;

  // Of those who come in like this.

  [[nodiscard]] const authenticator& access_of(connection_type by) const noexcept;
  /// What INFO says. Source: nats-server 2.15.2, server/websocket.go, createWSClient.
  [[nodiscard]] bool shows_auth_required(connection_type by) const noexcept;
  /// Pre: there is TLS for them.
  [[nodiscard]] const tls_options& tls_options_of(connection_type by) const;
  [[nodiscard]] std::shared_ptr<const tls_context> tls_of(connection_type by) const;
  /// How long one may take until its CONNECT.
  [[nodiscard]] std::chrono::milliseconds login_timeout(connection_type by) const noexcept;

 private:
  std::unique_ptr<const authenticator> websocket_access_;  // null: as all
  boost::unordered_flat_map<std::string_view, account*> accounts_;
  std::vector<std::unique_ptr<mappings>> mappings_;
};

}  // namespace nuncio::server
