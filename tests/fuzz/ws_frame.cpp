// Any bytes as frames of WebSocket: whole and in pieces, the same events come, wherever payloads
// are written; and what the writer writes is read back. The first two bytes choose where to cut,
// and the rules.

#include "require.hpp"

#include <nuncio/protocol/ws_frame.hpp>

#include <algorithm>
#include <array>
#include <cstdint>
#include <string>
#include <string_view>

using namespace nuncio::protocol;

namespace {

// `in_place`: payloads are written over the frames, one behind the other.
std::string run(std::string_view bytes,
                std::size_t piece_size,
                ws_reader::rules rules,
                bool in_place) {
  ws_reader reader(rules);
  std::string log;
  bool in_data = false;
  while (!bytes.empty()) {
    std::string piece(bytes.substr(0, piece_size));
    bytes.remove_prefix(piece.size());
    std::string apart(piece.size(), '?');
    std::size_t at = 0;
    std::size_t written = 0;
    for (;;) {
      char* const out = in_place ? piece.data() : apart.data();
      const auto found = reader.next(piece.data() + at, piece.size() - at, out + written);
      NUNCIO_FUZZ_REQUIRE(found.used <= piece.size() - at);
      at += found.used;
      if (found.what == ws_reader::kind::nothing) {
        NUNCIO_FUZZ_REQUIRE(at == piece.size());
        break;
      }
      if (found.what == ws_reader::kind::data) {
        written += found.payload.size();
        NUNCIO_FUZZ_REQUIRE(written <= at);
        NUNCIO_FUZZ_REQUIRE(rules.may_compress || !found.is_compressed);
        if (!in_data) log += found.is_compressed ? "compressed:" : "data:";
        in_data = !found.ends_message;
        log += found.payload;
        if (found.ends_message) log += ";";
        continue;
      }
      log += "<" + std::to_string(static_cast<int>(found.what)) + ":";
      log.append(found.payload) += ">";
      if (found.what == ws_reader::kind::broken) {
        NUNCIO_FUZZ_REQUIRE(!found.payload.empty());
        return log;
      }
      NUNCIO_FUZZ_REQUIRE(found.payload.size() <= ws_longest_control);
      in_data = false;  // the rest of the message begins anew in the log, however it is cut
    }
  }
  return log;
}

void write_and_read(std::string_view payload, std::size_t piece_size, bool is_compressed) {
  std::array<char, ws_longest_header> header{};
  std::string bytes;
  const auto half = payload.size() / 2;
  auto size = write_ws_header(header.data(), ws_opcode::binary, half, false, is_compressed);
  bytes.append(header.data(), size).append(payload.substr(0, half));
  const auto ping = make_ws_control(ws_opcode::ping, payload);
  bytes += ping;
  size = write_ws_header(header.data(), ws_opcode::continuation, payload.size() - half);
  bytes.append(header.data(), size).append(payload.substr(half));
  const auto close = make_ws_close(1000, payload);
  bytes += close;
  NUNCIO_FUZZ_REQUIRE(close.size() <= 2 + ws_longest_control);
  std::string expected = is_compressed ? "compressed:" : "data:";
  expected.append(payload.substr(0, half)) += "<2:";
  expected.append(payload.substr(0, ws_longest_control)) += ">";
  expected += is_compressed ? "compressed:" : "data:";
  expected.append(payload.substr(half)) += ";<4:";
  expected.append(close.substr(2)) += ">";
  const ws_reader::rules rules{.are_masked = false, .may_compress = true};
  NUNCIO_FUZZ_REQUIRE(run(bytes, piece_size, rules, true) == expected);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size < 2) return 0;
  const auto bytes = nuncio::fuzz::text(data + 2, size - 2);
  const ws_reader::rules rules{.are_masked = (data[1] & 1) == 0,
                               .may_compress = (data[1] & 2) != 0};
  const std::size_t cut = std::size_t{data[0]} + 1;
  const auto whole = run(bytes, std::max<std::size_t>(bytes.size(), 1), rules, true);
  NUNCIO_FUZZ_REQUIRE(run(bytes, 1, rules, true) == whole);
  NUNCIO_FUZZ_REQUIRE(run(bytes, cut, rules, true) == whole);
  NUNCIO_FUZZ_REQUIRE(run(bytes, cut, rules, false) == whole);
  write_and_read(bytes, cut, (data[1] & 4) != 0);
  return 0;
}
