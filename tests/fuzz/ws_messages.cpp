// Any bytes from a WebSocket that may compress: whatever is read at once and how much room there
// is, the same bytes of messages come, the same answers and the same end; and what is kept stays
// within bounds. The first two bytes choose the cuts and the room, and the third one whether the
// rest is what comes, or is put into frames first, which mutations would seldom get right.

#include "given_bytes.hpp"
#include "net/websocket_stream.hpp"
#include "require.hpp"
#include "websocket_frames.hpp"

#include <algorithm>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <utility>

using namespace nuncio::server;
using nuncio::test::bytes_in_use;
using nuncio::test::given_bytes;

namespace {

constexpr std::size_t most = 10'000;

std::string run(std::string_view bytes, std::size_t at_once, std::size_t room) {
  websocket_upgrade how;
  how.compresses = true;
  const auto before = bytes_in_use();
  websocket_stream reader(std::make_unique<given_bytes>(std::string(bytes), at_once),
                          std::move(how), most);
  std::string buffer(room, '\0');
  std::string plain;
  std::string answers;
  std::size_t idle = 0;
  plain.reserve(1 << 16);
  for (;;) {
    const auto found = reader.read(buffer);
    NUNCIO_FUZZ_REQUIRE(found.size <= buffer.size());
    plain.append(buffer, 0, found.size);
    if (found.has_answer) answers += reader.take_answer();
    const auto now = bytes_in_use();
    const auto ours = plain.capacity() + answers.capacity() + room;
    NUNCIO_FUZZ_REQUIRE(now < before + ours + 6 * most + 2 * bytes.size() + 200'000);
    // It gets on: of what it has read, or of what it holds.
    idle = found.size == 0 ? idle + 1 : 0;
    NUNCIO_FUZZ_REQUIRE(idle <= bytes.size() + 2);
    // Nothing is waited for: what is drained is looked at again.
    const bool goes_on =
        found.state == stream::status::more || found.state == stream::status::drained;
    if (goes_on) continue;
    const auto end = std::to_string(static_cast<int>(found.state));
    const auto complaint = reader.violation();
    NUNCIO_FUZZ_REQUIRE((found.state == stream::status::violated) != complaint.text.empty());
    return plain + "|" + answers + "|" + end + "|" + std::string(complaint.text) + "|" +
           reader.farewell(close_reason::client_closed);
  }
}

// Each line that ends in a zero is a compressed message: its text packed by us if it begins with
// 'p', and else as the payload that it is.
std::string framed(std::string_view bytes) {
  std::string out;
  while (!bytes.empty()) {
    const auto end = std::min(bytes.find('\0'), bytes.size());
    const auto one = bytes.substr(0, end);
    bytes.remove_prefix(std::min(end + 1, bytes.size()));
    if (one.starts_with('p')) {
      out += nuncio::test::client_deflated(one);
    } else if (one.starts_with('r')) {
      // Repeated, perhaps beyond what there may be.
      const std::size_t times = one.size() > 1 ? static_cast<unsigned char>(one[1]) : 0;
      std::string many;
      for (std::size_t i = 0; i < times && many.size() < 3 * most; ++i) many += one;
      out += nuncio::test::client_deflated(many);
    } else if (one.starts_with('P')) {
      out += nuncio::test::client_frame(one.substr(0, 125), {.opcode = 9});
    } else if (one.starts_with('f')) {
      out += nuncio::test::client_frame(one);
    } else {
      out += nuncio::test::client_frame(one, {.is_compressed = true});
    }
  }
  return out;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size < 3) return 0;
  const auto text = nuncio::fuzz::text(data + 3, size - 3);
  const auto bytes = (data[2] & 1) != 0 ? framed(text) : std::string(text);
  constexpr std::size_t large = 1 << 17;
  const auto whole = run(bytes, large, large);
  NUNCIO_FUZZ_REQUIRE(run(bytes, std::size_t{data[0]} + 1, large) == whole);
  NUNCIO_FUZZ_REQUIRE(run(bytes, large, std::size_t{data[1]} + 1) == whole);
  NUNCIO_FUZZ_REQUIRE(run(bytes, std::size_t{data[0]} + 1, std::size_t{data[1]} + 1) == whole);
  return 0;
}
