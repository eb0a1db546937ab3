#pragma once

#include <string_view>

namespace nuncio::rpc {

/// Calls `take(name, value)` for each of metadata::lines(), until it returns false.
template <class Take>
void for_each_header(std::string_view lines, const Take& take) {
  while (!lines.empty()) {
    const auto line = lines.substr(0, lines.find("\r\n"));
    lines.remove_prefix(line.size() + 2);
    const auto colon = line.find(": ");
    if (!take(line.substr(0, colon), line.substr(colon + 2))) return;
  }
}

}  // namespace nuncio::rpc
