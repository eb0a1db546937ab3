#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace nuncio::protocol {

/// What INFO says about a server and this connection to it. Fields are named as the JSON keys.
/// Source: NATS client protocol, INFO; nats-server 2.15.2, server/server.go, `Info`.
struct server_info {
  /// The key of the same name.
  ///@{
  std::string server_id;
  std::string server_name;
  std::string version;
  int proto = 1;
  std::string git_commit;
  std::string go;
  std::string host;
  std::uint16_t port = 0;
  bool headers = true;
  bool auth_required = false;
  bool tls_required = false;
  bool tls_verify = false;
  bool tls_available = false;
  std::int64_t max_payload = 0;  ///< bytes, headers and payload; -1: unlimited
  bool jetstream = false;
  std::uint64_t client_id = 0;
  std::string client_ip;
  std::string nonce;
  std::string cluster;
  bool cluster_dynamic = false;
  std::string domain;
  std::vector<std::string> connect_urls;  ///< `host:port`
  bool ldm = false;                       ///< the server is about to leave
  bool connect_info = false;              ///< this INFO answers CONNECT
  std::string remote_account;
  bool acc_is_sys = false;
  int api_lvl = 0;
  std::string xkey;

  ///@}
  /// Only servers of our kind say this; it travels as `"nuncio":{"version":…,"features":[…]}`.
  std::string nuncio_version;
  std::vector<std::string> nuncio_features;  ///< likewise

  friend bool operator==(const server_info&, const server_info&) = default;
};

/// The JSON object of an INFO line, on one line, server_id first.
///
/// The keys that every server sends are always there; the others are left out where they are false,
/// zero or empty. Bytes that are not UTF-8 become U+FFFD.
/// Thread:  any.
/// Source:  NATS client protocol, INFO.
[[nodiscard]] std::string to_json(const server_info& info);

/// The whole line that a server sends, with the blank before its line end that the reference has.
[[nodiscard]] std::string info_line(const server_info& info);

/// Reads the JSON object of an INFO line.
///
/// Unknown keys, nulls and values of an unexpected type are passed over; absent fields keep their
/// defaults, but `headers`, which is false unless the server says otherwise.
/// Errors:  nothing is returned if `json` is not one whole JSON object.
/// Thread:  any.
[[nodiscard]] std::optional<server_info> parse_info(std::string_view json);

}  // namespace nuncio::protocol
