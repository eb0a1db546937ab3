#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace nuncio::protocol {

/// What a credentials file holds. Both are secrets.
struct creds {
  std::string jwt;   ///< of the user
  std::string seed;  ///< `SU…`; empty where the file has none, as with bearer tokens
};

/// Reads a `.creds` file: a JWT and a seed, each between lines of dashes, whatever they say.
///
/// Blank lines, blanks around lines and text outside of the blocks are passed over.
/// Errors:  nothing is returned if there is no JWT, or a block holds something else than a JWT of
///          three parts and a seed that can be read.
/// Thread:  any.
/// Source:  nats.go, userFromFile; github.com/nats-io/jwt, creds_utils.go.
[[nodiscard]] std::optional<creds> parse_creds(std::string_view text);

/// The first line of `text` that is a seed: of a file with a bare one, or of a credentials file.
/// Thread:  any.
/// Source:  github.com/nats-io/nkeys, ParseDecoratedNKey.
[[nodiscard]] std::optional<std::string> find_seed(std::string_view text);

}  // namespace nuncio::protocol
