// Any bytes as the values of traceparent, tracestate and baggage, one a line: what is taken is
// passed on to the same meaning.

#include "require.hpp"

#include <nuncio/rpc/trace.hpp>

#include <array>
#include <cstddef>
#include <cstdint>
#include <string_view>

using namespace nuncio::rpc;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  auto rest = nuncio::fuzz::text(data, size);
  std::array<std::string_view, 3> lines;
  for (auto& each : lines) {
    each = rest.substr(0, rest.find('\n'));
    rest.remove_prefix(std::min(each.size() + 1, rest.size()));
  }
  if (const auto parent = parse_traceparent(lines[0])) {
    NUNCIO_FUZZ_REQUIRE(parse_traceparent(to_traceparent(*parent)) == parent);
  }
  metadata headers;
  headers.add("TraceParent", lines[0]);
  headers.add("Tracestate", lines[1]);
  headers.add("BAGGAGE", lines[2]);
  const auto read = read_trace(headers);
  NUNCIO_FUZZ_REQUIRE(read.baggage.size() <= 8192);
  metadata again;
  if (read.parent) again.add("traceparent", to_traceparent(*read.parent));
  if (!read.state.empty()) again.add("tracestate", read.state);
  if (!read.baggage.empty()) again.add("baggage", read.baggage);
  NUNCIO_FUZZ_REQUIRE(read_trace(again) == read);
  return 0;
}
