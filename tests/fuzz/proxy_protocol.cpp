// Any bytes as what a proxy may have put before a connection: the same in any pieces, and never
// more than the header is taken.

#include "net/proxy_protocol.hpp"

#include "require.hpp"

#include <algorithm>
#include <cstdint>
#include <string>

using namespace nuncio::server;

namespace {

std::string read_header(std::string_view bytes, std::size_t piece) {
  using state = proxy_header::state;
  proxy_header header;
  std::size_t taken = 0;
  auto now = state::more;
  for (std::size_t seen = 0; now == state::more && seen < bytes.size();) {
    seen = std::min(seen + piece, bytes.size());
    const auto part = bytes.substr(taken, seen - taken);
    const auto progress = header.feed(part);
    NUNCIO_FUZZ_REQUIRE(progress.taken <= part.size() && progress.needed > 0);
    now = progress.now;
    taken += progress.taken;
  }
  NUNCIO_FUZZ_REQUIRE((now == state::malformed) == !header.objection().empty());
  NUNCIO_FUZZ_REQUIRE(now != state::absent || taken == 0);
  NUNCIO_FUZZ_REQUIRE(taken <= 16 + 65535);
  const auto& from = header.source();
  std::string out = std::to_string(static_cast<int>(now));
  // How many bytes a malformed one took before that showed is a matter of the pieces.
  if (now != state::malformed) out += " " + std::to_string(taken);
  if (now == state::complete && from) {
    out += " " + from->address().to_string() + " " + std::to_string(from->port());
  }
  return out;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  nuncio::fuzz::require_same_in_pieces(data, size, read_header);
  return 0;
}
