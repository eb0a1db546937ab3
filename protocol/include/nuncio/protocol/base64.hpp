#pragma once

#include <cstddef>
#include <span>
#include <string>

namespace nuncio::protocol {

/// Base64 with `-` and `_`, without padding: how signatures and JWTs are written.
/// Source:  RFC 4648, section 5; NATS client protocol, CONNECT, `sig`.
/// Thread:  any.
[[nodiscard]] std::string to_base64url(std::span<const std::byte> bytes);

}  // namespace nuncio::protocol
