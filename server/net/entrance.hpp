#pragma once

#include "auth/authenticator.hpp"
#include "tls_files.hpp"

#include <nuncio/protocol/info.hpp>
#include <nuncio/server/tls.hpp>

#include <chrono>
#include <memory>
#include <string_view>

namespace nuncio::server {

/// A way in for clients: all that the options make different by it. Part of an in_force, and good
/// as long as that.
struct entrance {
  bool is_http = false;          ///< the upgrade to WebSocket comes first
  std::string_view id_name;      ///< of a connection, in the log
  protocol::server_info info;    ///< as told to clients, but for what differs by connection
  bool is_behind_proxy = false;  ///< a header of the PROXY protocol comes before all else

  std::shared_ptr<const authenticator> access;
  /// What INFO says. Source: nats-server 2.15.2, server/websocket.go, createWSClient.
  bool shows_auth_required = false;

  const tls_options* tls_settings = nullptr;  ///< null: there is no TLS
  std::shared_ptr<tls_files> tls;             ///< likewise
  /// What a client may understand at first: INFO also where there is no TLS, and over HTTP never.
  tls_options::first_word first = tls_options::first_word::info;

  std::chrono::milliseconds login_timeout{};  ///< how long one may take until its CONNECT
  std::chrono::milliseconds ping_interval{};

  [[nodiscard]] bool maps_certificates() const noexcept {
    return tls_settings != nullptr && tls_settings->verify_and_map;
  }
};

}  // namespace nuncio::server
