#pragma once

#include <nuncio/server/options.hpp>

#include <cstddef>
#include <string>
#include <string_view>

namespace nuncio::protocol::ops {
struct pub;
}

namespace nuncio::server {

/// A message as traces show it.
struct traced_message {
  std::string line;     ///< `MSG subject sid reply size`
  std::string payload;  ///< see traced_payload()
};

/// What a trace shows of a message's body: quoted, and with dots behind if it is cut. Empty if
/// there is nothing to show.
[[nodiscard]] std::string traced_payload(std::string_view body,
                                         std::size_t header_size,
                                         const options& opts);

/// A message on its way to the subscription `sid`.
[[nodiscard]] traced_message traced_delivery(const protocol::ops::pub& op,
                                             std::string_view sid,
                                             bool without_headers,
                                             const options& opts);

}  // namespace nuncio::server
