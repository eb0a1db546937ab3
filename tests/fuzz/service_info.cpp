// Any bytes as the answer to $SRV.INFO: what is accepted is written again to the same meaning.

#include "require.hpp"

#include <nuncio/protocol/service.hpp>

#include <cstdint>

using namespace nuncio::protocol;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const auto info = parse_info_response(nuncio::fuzz::text(data, size));
  if (!info) return 0;
  NUNCIO_FUZZ_REQUIRE(!info->identity.name.empty());
  NUNCIO_FUZZ_REQUIRE(parse_info_response(to_info_response(*info)) == info);
  return 0;
}
