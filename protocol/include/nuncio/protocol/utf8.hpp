#pragma once

#include <string>
#include <string_view>

namespace nuncio::protocol {

/// `text` with every byte that is not part of valid UTF-8 replaced by U+FFFD, as Go does.
/// Source:  the Unicode Standard 15, table 3-7.
/// Thread:  any.
[[nodiscard]] std::string to_valid_utf8(std::string_view text);

}  // namespace nuncio::protocol
