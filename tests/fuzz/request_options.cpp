// Any bytes as the payload of a request to the server: what is read is a value or the first error,
// which is one line that can be shown.

#include "monitor/request_options.hpp"

#include "monitor/json_text.hpp"
#include "require.hpp"

#include <boost/json/value.hpp>

#include <algorithm>
#include <cstdint>
#include <string>
#include <string_view>

using namespace nuncio::server::monitor;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  request_options of(nuncio::fuzz::text(data, size));
  const auto limit = of.integer("limit");
  const auto cid = of.unsigned_integer("cid");
  const auto name = of.text("server_name");
  const auto tags = of.texts("tags");
  const bool auth = of.boolean("auth");
  const auto state = of.state("state");
  if (of.error().empty()) return 0;
  // After the first error all is as if it weren't there.
  NUNCIO_FUZZ_REQUIRE(of.integer("limit") == 0 && !of.boolean("auth") && of.texts("tags").empty());
  NUNCIO_FUZZ_REQUIRE(state == state_filter::open);
  NUNCIO_FUZZ_REQUIRE(limit == 0 || cid == 0 || !auth || name.empty() || tags.empty());
  NUNCIO_FUZZ_REQUIRE(
      std::none_of(of.error().begin(), of.error().end(), [](char c) { return c >= 0 && c < ' '; }));
  NUNCIO_FUZZ_REQUIRE(!to_json_text(boost::json::value(of.error()), "").empty());
  return 0;
}
