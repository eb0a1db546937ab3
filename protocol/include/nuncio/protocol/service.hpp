#pragma once

#include <chrono>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

/// How services tell of themselves: the answers to `$SRV.PING`, `$SRV.INFO` and `$SRV.STATS`.
/// Source: NATS ADR-32.
namespace nuncio::protocol {

/// Pairs of text that a service says of itself or an endpoint.
using service_metadata = std::map<std::string, std::string>;

/// What all answers begin with.
struct service_identity {
  std::string name;           ///< of the service
  std::string id;             ///< of the instance
  std::string version;        ///< semantic
  service_metadata metadata;  ///< of the service

  friend bool operator==(const service_identity&, const service_identity&) = default;
};

/// An endpoint, as INFO tells of it.
struct service_endpoint {
  std::string name;           ///< of the endpoint
  std::string subject;        ///< where it listens
  std::string queue_group;    ///< empty: none
  service_metadata metadata;  ///< of the endpoint

  friend bool operator==(const service_endpoint&, const service_endpoint&) = default;
};

/// The answer to INFO.
struct service_info {
  service_identity identity;                ///< of the instance
  std::string description;                  ///< for people
  std::vector<service_endpoint> endpoints;  ///< in the order in which they were made

  friend bool operator==(const service_info&, const service_info&) = default;
};

/// What an endpoint has done since the start, or a reset.
struct endpoint_stats {
  std::string name;                             ///< of the endpoint
  std::string subject;                          ///< where it listens
  std::string queue_group;                      ///< empty: none
  std::uint64_t requests = 0;                   ///< that came in
  std::uint64_t errors = 0;                     ///< of them that failed
  std::string last_error;                       ///<`number:text`; empty: none yet
  std::chrono::nanoseconds processing_time{0};  ///< of all requests together
};

/// The answer to STATS.
struct service_stats {
  service_identity identity;                      ///< of the instance
  std::chrono::system_clock::time_point started;  ///< when the instance was made
  std::vector<endpoint_stats> endpoints;          ///< in the order in which they were made
};

/// The answers as JSON.
///@{
[[nodiscard]] std::string to_ping_response(const service_identity& identity);
[[nodiscard]] std::string to_info_response(const service_info& info);
[[nodiscard]] std::string to_stats_response(const service_stats& stats);
///@}

/// Reads what any library answers to INFO. Unknown members are passed over, missing ones are empty.
/// Errors:  nothing if it isn't a JSON object with a name and an id.
[[nodiscard]] std::optional<service_info> parse_info_response(std::string_view json);

/// Letters, digits, `-` and `_`, at least one.
[[nodiscard]] bool is_service_name(std::string_view name) noexcept;
/// A version as Semantic Versioning 2.0 has it.
[[nodiscard]] bool is_semantic_version(std::string_view version) noexcept;
/// The number before the first dot.
/// Pre:     is_semantic_version(version).
[[nodiscard]] std::string_view major_version(std::string_view version) noexcept;

}  // namespace nuncio::protocol
