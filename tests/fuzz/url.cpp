// Any bytes as a list of server URLs: each is whole, or there is an error to show.

#include "require.hpp"

#include <nuncio/protocol/url.hpp>

#include <cstdint>
#include <string>

using namespace nuncio::protocol;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  std::string error;
  const auto urls = parse_url_list(nuncio::fuzz::text(data, size), error);
  NUNCIO_FUZZ_REQUIRE(urls.has_value() == error.empty());
  if (!urls) return 0;
  NUNCIO_FUZZ_REQUIRE(!urls->empty());
  for (const auto& url : *urls) {
    NUNCIO_FUZZ_REQUIRE(!url.host.empty());
    NUNCIO_FUZZ_REQUIRE(url.port != 0);
    NUNCIO_FUZZ_REQUIRE(url.token.empty() || url.user.empty());
    const auto again = parse_url(address(url), error);
    NUNCIO_FUZZ_REQUIRE(again && again->host == url.host && again->port == url.port);
  }
  return 0;
}
