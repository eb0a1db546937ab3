// Any bytes as the JSON of CONNECT: refused without a trace, or read to what can be written and
// read.

#include "require.hpp"

#include <nuncio/protocol/connect.hpp>

#include <cstdint>

using namespace nuncio::protocol;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  connect_options before;
  before.name = "before";
  before.pass = "secret";
  connect_options options = before;
  if (!parse_connect(nuncio::fuzz::text(data, size), options)) {
    NUNCIO_FUZZ_REQUIRE(options == before);
    return 0;
  }
  connect_options again;
  NUNCIO_FUZZ_REQUIRE(parse_connect(to_json(options), again));
  again.has_account = options.has_account;  // never written
  NUNCIO_FUZZ_REQUIRE(again == options);
  return 0;
}
