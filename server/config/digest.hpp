#pragma once

#include "value.hpp"

#include <string>
#include <string_view>

namespace nuncio::server::config {

/// `sha256:` and the hash of a value's JSON and a line's end, as nats-server makes them.
///
/// Source: nats-server 2.15.2, conf/parse.go, configDigest; Go 1.26, encoding/json. It leaves
///         nothing out: what was used as a variable counts too.
[[nodiscard]] std::string digest_of(const value& root);

/// A value as JSON, to the byte as Go writes it: keys sorted, nothing that HTML would mind.
[[nodiscard]] std::string to_json(const value& what);
[[nodiscard]] std::string to_json(std::string_view text);
[[nodiscard]] std::string to_json(double number);

}  // namespace nuncio::server::config
