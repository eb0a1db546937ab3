// Any bytes as either side of a connection that is shown: whatever the cuts, the same lines are
// told, none with an end in it. The first byte says where to cut.

#include "protocol_trace.hpp"

#include "require.hpp"

#include <cstdint>
#include <string>

using namespace nuncio;
using client::protocol_trace;

namespace {

std::string lines_of(void (protocol_trace::*way)(std::string_view),
                     std::string_view bytes,
                     std::size_t piece_size) {
  std::string told;
  protocol_trace trace([&told](const client::protocol_line& line) {
    NUNCIO_FUZZ_REQUIRE(line.text.find('\n') == std::string_view::npos);
    told.append(line.text).append("\n");
  });
  while (!bytes.empty()) {
    // Of its own, so that reading past its end is found.
    const std::string piece(bytes.substr(0, piece_size));
    bytes.remove_prefix(piece.size());
    (trace.*way)(piece);
  }
  return told;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  for (const auto way : {&protocol_trace::said, &protocol_trace::heard}) {
    fuzz::require_same_in_pieces(data, size, [way](std::string_view bytes, std::size_t piece) {
      return lines_of(way, bytes, piece);
    });
  }
  return 0;
}
