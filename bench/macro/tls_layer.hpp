// TLS 1.3 on a socket by OpenSSL, and what all connections to one server share: options and
// tickets.
#pragma once

#include "layer.hpp"

#include <cstdint>
#include <memory>

namespace nuncio::bench {

class tls_client;

// With `resumes` a connection begins with a ticket of an earlier one, if there is any.
std::shared_ptr<tls_client> make_tls_client(bool resumes);

// How many handshakes were done, and how many of them by a ticket.
struct handshake_counts {
  std::uint64_t all = 0;
  std::uint64_t resumed = 0;
};
handshake_counts handshakes_of(const tls_client& of);

std::unique_ptr<layer> make_tls_layer(int fd, std::shared_ptr<tls_client> with);

}  // namespace nuncio::bench
