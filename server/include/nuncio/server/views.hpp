#pragma once

#include <nuncio/server/access.hpp>
#include <nuncio/server/close_reason.hpp>

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

/// What there is, at one moment, as plain data for whoever watches.
namespace nuncio::server {

using wall_time = std::chrono::system_clock::time_point;

struct subscription_view {
  std::string subject;
  std::string queue;
  std::string sid;
  std::string account;
  std::uint64_t delivered = 0;
  std::uint32_t max = 0;  ///< 0: no limit
  std::uint64_t cid = 0;
};

struct certificate_view {
  std::string subject;
  std::string spki_sha256;  ///< hex
  std::string cert_sha256;  ///< hex
};

struct tls_view {
  std::string version;  ///< `1.3`
  std::string cipher_suite;
  std::vector<certificate_view> peer_certificates;
  bool first = false;  ///< the handshake came before INFO
};

/// What a connection has done. Cheap to have of each of thousands.
struct connection_figures {
  std::uint64_t cid = 0;
  wall_time start;
  wall_time last_activity;
  std::optional<wall_time> stop;
  close_reason reason = close_reason::client_closed;  ///< if it has stopped
  std::chrono::microseconds rtt{0};                   ///< 0: not known
  std::uint64_t pending_bytes = 0;
  std::uint64_t in_messages = 0;
  std::uint64_t in_bytes = 0;
  std::uint64_t out_messages = 0;
  std::uint64_t out_bytes = 0;
  std::uint32_t stalls = 0;
  std::uint32_t subscriptions = 0;
};

/// All of a connection.
struct connection_view : connection_figures {
  connection_type type = connection_type::standard;
  std::string ip;
  std::uint16_t port = 0;

  // As CONNECT says it.
  std::string name;
  std::string language;
  std::string version;

  std::string account;
  std::string user;  ///< empty: none
  std::optional<tls_view> tls;
  std::vector<subscription_view> subscription_list;  ///< if it was asked for
};

}  // namespace nuncio::server
