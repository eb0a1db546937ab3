#pragma once

#include <boost/json/fwd.hpp>

#include <string>
#include <string_view>

namespace nuncio::server::monitor {

/// JSON as Go writes it, which is what readers of these pages have always got: members in their
/// order, `<`, `>` and `&` escaped for HTML, bytes that aren't UTF-8 as `\ufffd`, numbers in Go's
/// form. What JSON has no word for, an infinite number, becomes null.
///
/// `indent` is what stands before each level; empty: all on one line without blanks.
/// Source: Go 1.26, encoding/json, MarshalIndent and Marshal.
[[nodiscard]] std::string to_json_text(const boost::json::value& what, std::string_view indent);

/// A number alone, likewise: `0.8`, `1e-9`, `100`.
[[nodiscard]] std::string to_json_text(double number);

}  // namespace nuncio::server::monitor
