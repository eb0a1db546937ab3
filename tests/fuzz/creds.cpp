// Any bytes as a credentials file: what is found can be said and signed with, whatever the line
// ends.

#include "require.hpp"

#include <nuncio/protocol/creds.hpp>
#include <nuncio/protocol/nkey.hpp>

#include <algorithm>
#include <cstdint>
#include <string>

using namespace nuncio::protocol;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const auto text = nuncio::fuzz::text(data, size);
  const auto seed = find_seed(text);
  if (seed) NUNCIO_FUZZ_REQUIRE(nkey_pair::from_seed(*seed)->seed() == *seed);
  const auto found = parse_creds(text);
  if (!found) return 0;
  NUNCIO_FUZZ_REQUIRE(std::count(found->jwt.begin(), found->jwt.end(), '.') == 2);
  NUNCIO_FUZZ_REQUIRE(found->jwt.find_first_of(" \"\\\r\n") == std::string::npos);
  NUNCIO_FUZZ_REQUIRE(found->seed.empty() || nkey_pair::from_seed(found->seed));
  NUNCIO_FUZZ_REQUIRE(found->seed.empty() || seed);
  std::string with_returns;
  for (const char c : text) with_returns += c == '\n' ? std::string("\r\n") : std::string(1, c);
  const auto again = parse_creds(with_returns);
  NUNCIO_FUZZ_REQUIRE(again && again->jwt == found->jwt && again->seed == found->seed);
  return 0;
}
