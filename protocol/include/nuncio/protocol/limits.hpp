#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>

/// Constants of the client protocol and the defaults of its limits.
/// Source of all of them: nats-server 2.15.2, server/const.go, checked against a live one.
namespace nuncio::protocol {

/// Bytes of the argument part of a control line, verb and line end excluded.
inline constexpr std::uint32_t default_max_control_line = 4096;
/// Bytes of one message, headers and payload.
inline constexpr std::int64_t default_max_payload = 1024 * 1024;
/// Bytes queued for one connection before it counts as a slow consumer.
inline constexpr std::int64_t default_max_pending = 64 * 1024 * 1024;
/// Connections; 0 means unlimited here, where nats-server 2.15.2 would refuse everyone.
inline constexpr std::int64_t default_max_connections = 65536;
/// Digits of a size field; more is an error, whatever their value.
inline constexpr std::size_t max_size_digits = 9;
/// Between PINGs to a client.
inline constexpr std::chrono::seconds default_ping_interval{120};
/// PINGs that may stay unanswered before a connection is stale.
inline constexpr int default_ping_max = 2;
/// How long after CONNECT the first PING comes, at most; up to a fifth of it is added at random.
inline constexpr std::chrono::seconds first_ping_delay{2};
/// For what is queued for a connection to leave.
inline constexpr std::chrono::seconds default_write_deadline{10};

}  // namespace nuncio::protocol
