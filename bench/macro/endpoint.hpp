// Where the server is, and what is spoken beneath the protocol there.
#pragma once

#include <cstdint>
#include <memory>
#include <string_view>

namespace nuncio::bench {

enum class transport : std::uint8_t {
  plain,
  tls,                // begun after INFO, as clients do
  websocket,          // without TLS
  deflated_websocket  // the same with permessage-deflate
};

// A failure for a name that isn't one of plain, tls, ws and ws-deflate.
transport transport_of(std::string_view name);

class tls_client;

struct endpoint {
  std::uint16_t port = 0;
  transport speaks = transport::plain;
  std::shared_ptr<tls_client> tls;  // what its connections share, where TLS is spoken
};

}  // namespace nuncio::bench
