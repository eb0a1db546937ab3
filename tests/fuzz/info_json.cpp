// Any bytes as the JSON of INFO: what is read can be written and read again.

#include "require.hpp"

#include <nuncio/protocol/info.hpp>

#include <cstdint>

using namespace nuncio::protocol;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  auto info = parse_info(nuncio::fuzz::text(data, size));
  if (!info) return 0;
  if (info->nuncio_version.empty()) info->nuncio_features.clear();  // not written without a version
  NUNCIO_FUZZ_REQUIRE(parse_info(to_json(*info)) == info);
  return 0;
}
