#pragma once

#include <boost/json/fwd.hpp>

#include <string>

namespace nuncio::server::monitor {

/// A page as people read it at a terminal: `key: value` in a column, objects indented below their
/// key, lists of objects as tables with a line of headers, whose columns are the keys that occur.
/// Objects within a table are columns of their own, `sent.msgs`. Ends with a line end.
///
/// What came from clients can't play with the terminal: control characters and bytes that aren't
/// UTF-8 are shown as `\xNN`.
[[nodiscard]] std::string to_text_view(const boost::json::object& page);

}  // namespace nuncio::server::monitor
