// Any bytes as a header block: what is accepted is walked, and a block rebuilt from it says the
// same.

#include "require.hpp"

#include <nuncio/protocol/headers.hpp>

#include <cstdint>
#include <string>
#include <vector>

using namespace nuncio::protocol;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const auto block = nuncio::fuzz::text(data, size);
  header_view view;
  if (!parse_headers(block, view)) return 0;
  NUNCIO_FUZZ_REQUIRE(view.status().size() <= 3);

  headers_builder builder;
  std::vector<header_field> kept;
  for (const auto& field : view) {
    NUNCIO_FUZZ_REQUIRE(!field.key.empty());
    NUNCIO_FUZZ_REQUIRE(view.find(field.key).has_value());
    NUNCIO_FUZZ_REQUIRE(view.find_all(field.key).front() == *view.find(field.key));
    if (builder.add(field.key, field.value)) kept.push_back(field);
  }
  header_view again;
  NUNCIO_FUZZ_REQUIRE(parse_headers(builder.block(), again));
  NUNCIO_FUZZ_REQUIRE(kept == std::vector<header_field>(again.begin(), again.end()));
  return 0;
}
