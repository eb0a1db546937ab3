#pragma once

#include <cstddef>
#include <optional>
#include <span>
#include <string>
#include <string_view>

namespace nuncio::protocol {

/// `bytes` in the standard alphabet, padded.
/// Source:  RFC 4648, section 4.
/// Thread:  any.
[[nodiscard]] std::string to_base64(std::string_view bytes);

/// Reads what to_base64() writes, also without padding.
/// Errors:  nothing for other characters.
/// Thread:  any.
[[nodiscard]] std::optional<std::string> from_base64(std::string_view text);

/// Base64 with `-` and `_`, without padding: how signatures and JWTs are written.
/// Source:  RFC 4648, section 5; NATS client protocol, CONNECT, `sig`.
/// Thread:  any.
[[nodiscard]] std::string to_base64url(std::span<const std::byte> bytes);

/// Reads what to_base64url() writes.
/// Errors:  nothing for other characters, padding among them.
/// Thread:  any.
[[nodiscard]] std::optional<std::string> from_base64url(std::string_view text);

}  // namespace nuncio::protocol
