#pragma once

#include <nuncio/protocol/limits.hpp>
#include <nuncio/server/access.hpp>
#include <nuncio/server/monitor.hpp>
#include <nuncio/server/tls.hpp>
#include <nuncio/server/websocket.hpp>

#include <chrono>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

namespace nuncio::server {

/// Every setting of a node as plain data, with the defaults of nats-server; knows nothing of files.
struct options {
  /// False: no port is listened on, and only server::connect() leads here.
  bool listen = true;
  /// Address to listen on; the default takes IPv4 and IPv6.
  std::string host = "0.0.0.0";
  /// 0: the default port 4222; negative: any free one, see server::port().
  int port = 4222;
  /// Shown to clients; empty: the server's id.
  std::string name;
  /// `host` or `host:port` that clients are told instead of what is listened on; empty: that.
  std::string advertise;
  /// Threads that serve connections; 0: as many as there are cores, used only under load.
  unsigned shards = 0;
  /// How long a shard that has nothing to do looks for work before it sleeps, where that pays;
  /// 0: never.
  std::chrono::microseconds busy_poll{200};

  std::uint32_t max_control_line = protocol::default_max_control_line;  ///< bytes
  std::int64_t max_payload = protocol::default_max_payload;             ///< bytes
  std::int64_t max_pending = protocol::default_max_pending;             ///< bytes per connection
  std::int64_t max_connections = protocol::default_max_connections;     ///< 0 or less: unlimited
  /// Clients from the same address, and clients that are the same user; 0 or less: unlimited.
  ///@{
  std::int64_t max_connections_per_address = 0;
  std::int64_t max_connections_per_user = 0;
  ///@}
  /// New connections each second; those beyond it wait in the kernel. 0 or less: as they come.
  std::int64_t max_accepts = 0;
  std::int64_t max_subscriptions = 0;        ///< per connection; 0 or less: unlimited
  std::uint8_t max_subscription_tokens = 0;  ///< of a subscription's subject; 0: unlimited
  bool headers = true;                       ///< messages may have them

  /// Producers don't wait for receivers that have more than three quarters of `max_pending` queued:
  /// what is published then is lost to those.
  bool no_fast_producer_stall = false;

  std::chrono::milliseconds ping_interval =
      protocol::default_ping_interval;        ///< between PINGs to a client
  int ping_max = protocol::default_ping_max;  ///< PINGs without an answer that are borne
  std::chrono::milliseconds write_deadline =
      protocol::default_write_deadline;  ///< for what is queued to leave

  /// How long a lame duck takes to send its clients away.
  std::chrono::milliseconds lame_duck_duration = std::chrono::minutes(2);
  std::chrono::milliseconds lame_duck_grace_period = std::chrono::seconds(10);  ///< before it
                                                                                ///< begins

  /// For tests: connections change shards at random this often; 0: by load only.
  std::chrono::milliseconds shuffle_interval{0};

  access_options access;           ///< who may connect
  std::optional<tls_options> tls;  ///< nothing: there is none
  bool allow_non_tls = false;      ///< clients may do without it
  websocket_options websocket;     ///< WebSocket beside TCP; its port says whether
  /// Headers of the PROXY protocol are read, and believed: only proxies may reach the port.
  bool proxy_protocol = false;

  monitor_options monitor;  ///< pages about this server
  /// What this server is, in words of its owner, for those pages. Tags are in lower case.
  ///@{
  std::vector<std::string> tags;
  std::map<std::string, std::string> metadata;
  ///@}
  /// Of the file it was made of; shown, no more.
  std::string config_digest;

  bool trace = false;               ///< log every operation
  bool trace_headers = false;       ///< of messages, the headers instead of the payload
  std::size_t max_traced_size = 0;  ///< bytes of a payload in a trace; 0: all
};

/// Address that the pages of monitoring are listened for on: their own, or that for clients.
[[nodiscard]] inline const std::string& monitor_host(const options& of) noexcept {
  return of.monitor.host.empty() ? of.host : of.monitor.host;
}

}  // namespace nuncio::server
