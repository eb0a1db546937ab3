// Any bytes as what a server sends: whole and in pieces, the same events come out, and none is
// larger than the limits allow. The first byte says where to cut.

#include "require.hpp"

#include <nuncio/protocol/message_parser.hpp>

#include <cstdint>
#include <string>

using namespace nuncio::protocol;

namespace {

constexpr message_limits limits{.max_line = 256, .max_payload = 1024};

std::string run(std::string_view bytes, std::size_t piece_size) {
  message_parser parser(limits);
  std::string out;
  while (!bytes.empty()) {
    // A copy of its own shows any view that outlives the piece.
    const std::string piece(bytes.substr(0, piece_size));
    bytes.remove_prefix(piece.size());
    parser.feed(piece);
    for (auto e = parser.next(); e.what != server_event::kind::need_more; e = parser.next()) {
      const auto& m = e.message;
      NUNCIO_FUZZ_REQUIRE(m.header_block.size() + m.payload.size() <= limits.max_payload);
      NUNCIO_FUZZ_REQUIRE(e.text.size() <= limits.max_line);
      out += to_string(e.what);
      for (const auto part : {e.text, m.subject, m.sid, m.reply, m.header_block, m.payload}) {
        out += '|';
        out += part;
      }
      out += '\n';
      if (e.what == server_event::kind::malformed) return out;
    }
  }
  return out;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  nuncio::fuzz::require_same_in_pieces(data, size, run);
  return 0;
}
