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

/// Moments that people read.
using wall_time = std::chrono::system_clock::time_point;

/// A subscription.
struct subscription_view {
  std::string subject;          ///< with its wildcards
  std::string queue;            ///< empty: none
  std::string sid;              ///< as its client calls it
  std::string account;          ///< in which it hears
  std::uint64_t delivered = 0;  ///< messages
  std::uint32_t max = 0;        ///< messages after which it ends; 0: no limit
  std::uint64_t cid = 0;        ///< of its connection
};

/// A client's certificate.
struct certificate_view {
  std::string subject;      ///< as Go writes it
  std::string spki_sha256;  ///< of its public key, in hex
  std::string cert_sha256;  ///< of the whole, in hex
};

/// TLS of a connection.
struct tls_view {
  std::string version;                              ///< `1.3`
  std::string cipher_suite;                         ///< IANA's name
  std::vector<certificate_view> peer_certificates;  ///< the client's own first; if asked for
  bool first = false;                               ///< the handshake came before INFO
};

/// What a connection has done. Cheap to have of each of thousands.
struct connection_figures {
  std::uint64_t cid = 0;                              ///< as INFO calls it
  wall_time start;                                    ///< when it was accepted
  wall_time last_activity;                            ///< either way
  std::optional<wall_time> stop;                      ///< nothing: it is open
  close_reason reason = close_reason::client_closed;  ///< if it has stopped
  std::chrono::microseconds rtt{0};                   ///< round trip; 0: not known
  std::uint64_t pending_bytes = 0;                    ///< queued for it
  std::uint64_t in_messages = 0;                      ///< that it has published
  std::uint64_t in_bytes = 0;                         ///< headers and payloads of these
  std::uint64_t out_messages = 0;                     ///< that were sent to it, or queued
  std::uint64_t out_bytes = 0;                        ///< headers and payloads of these
  std::uint32_t stalls = 0;         ///< times it was paused since its receivers lagged
  std::uint32_t subscriptions = 0;  ///< that it has now
};

/// All of a connection.
struct connection_view : connection_figures {
  connection_type type = connection_type::standard;  ///< how it came in
  std::string ip;                                    ///< of the client, or its proxy
  std::uint16_t port = 0;                            ///< likewise

  std::string name;      ///< as CONNECT says it
  std::string language;  ///< of the client's library; likewise
  std::string version;   ///< of that; likewise

  std::string account;                               ///< `$G` if it belongs to no other
  std::string user;                                  ///< empty: none
  std::optional<tls_view> tls;                       ///< nothing: without
  std::vector<subscription_view> subscription_list;  ///< if it was asked for
};

}  // namespace nuncio::server
