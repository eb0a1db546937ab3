// What there is instead of tls_layer.cpp where OpenSSL is not.
#include "failure.hpp"
#include "tls_layer.hpp"

namespace nuncio::bench {

std::shared_ptr<tls_client> make_tls_client(bool) {
  fail("this program was built without TLS");
}

handshake_counts handshakes_of(const tls_client&) {
  return {};
}

std::unique_ptr<layer> make_tls_layer(int, std::shared_ptr<tls_client>) {
  fail("this program was built without TLS");
}

}  // namespace nuncio::bench
