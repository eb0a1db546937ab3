#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace nuncio::protocol {

/// `bytes` in the standard alphabet, padded.
/// Source: RFC 4648, section 4.
[[nodiscard]] std::string to_base64(std::string_view bytes);

/// Reads what to_base64() writes, also without padding.
/// Errors:  nothing for other characters.
[[nodiscard]] std::optional<std::string> from_base64(std::string_view text);

}  // namespace nuncio::protocol
