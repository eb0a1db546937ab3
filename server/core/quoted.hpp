#pragma once

#include <string>
#include <string_view>

namespace nuncio::server {

/// `text` in quotes, as the reference writes in its log what comes from a client: quotes and
/// backslashes escaped, so that nobody's name ends before it ends; UTF-8 as it is, other bytes and
/// what can't be seen as `\x01` or `\u200b`.
/// Source: Go's strconv.Quote; of what Unicode has no picture for, blanks and marks of format only.
/// Thread: any.
[[nodiscard]] std::string quoted(std::string_view text);

}  // namespace nuncio::server
