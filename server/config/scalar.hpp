#pragma once

#include "cursor.hpp"

#include <functional>

namespace nuncio::server::config {

/// A value that is neither a list nor a map, or a reference to a variable.
struct scalar {
  value is;
  /// `is.text` names a variable, without its `$`.
  bool is_reference = false;
  /// It was wrong and that is reported; nothing should be made of it.
  bool is_broken = false;
};

/// Takes a complaint about what stands at an offset.
using complaints =
    std::function<void(std::size_t offset, std::string_view found, std::string_view expected)>;

/// Reads one value that begins at the point. Without any text there, it is an empty text: that is
/// what `key: ,` means.
///
/// After a mistake the point is where the value most likely ends. `is.at` is left alone.
///
/// Source: nats-server 2.15.2, conf/lex.go, lexValue and what it leads to.
[[nodiscard]] scalar read_scalar(cursor& in, bool in_list, const complaints& complain);

}  // namespace nuncio::server::config
