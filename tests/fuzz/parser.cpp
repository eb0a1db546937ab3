// Any bytes as what a client sends: whole and in pieces, the same operations come out.
// The first byte says where to cut, and whether the client may send headers.

#include "require.hpp"

#include <nuncio/protocol/parser.hpp>

#include <algorithm>
#include <cstdint>
#include <string>

using namespace nuncio::protocol;

namespace {

/// Writes down what it is told.
struct recorder {
  std::string log;

  void write(std::initializer_list<std::string_view> parts) {
    for (const auto part : parts) {
      log += part;
      log += '|';
    }
    log += '\n';
  }
  flow on_pub(const ops::pub& op) {
    std::string tail;
    render_tail(op, tail);
    // Where the publisher's own spelling can be passed on, it is what we would have written.
    if (!op.tail.empty()) NUNCIO_FUZZ_REQUIRE(op.tail == tail);
    std::string stripped;
    render_stripped_tail(op, stripped);
    write({"pub", op.subject, op.reply, op.header_text, op.size_text, op.body,
           std::to_string(op.header_size), stripped});
    NUNCIO_FUZZ_REQUIRE(op.header_size <= op.body.size());
    return flow::go_on;
  }
  flow on_sub(const ops::sub& op) {
    write({"sub", op.subject, op.queue, op.sid});
    return flow::go_on;
  }
  flow on_unsub(const ops::unsub& op) {
    write({"unsub", op.sid, std::to_string(op.max)});
    return flow::go_on;
  }
  flow on_connect(std::string_view json) {
    write({"connect", json});
    return flow::go_on;
  }
  flow on_info(std::string_view json) {
    write({"info", json});
    return flow::go_on;
  }
  flow on_ping() {
    write({"ping"});
    return flow::go_on;
  }
  flow on_pong() {
    write({"pong"});
    return flow::go_on;
  }
  flow on_error(errc code) {
    write({"error", to_string(code)});
    return flow::closed;
  }
};

std::string run(std::string_view bytes, std::size_t piece_size, const parse_limits& limits) {
  recorder out;
  std::string held;
  std::size_t needed = 0;
  while (!bytes.empty()) {
    const auto piece = bytes.substr(0, piece_size);
    bytes.remove_prefix(piece.size());
    held += piece;
    // The end is always looked at: a wrong byte is said to be wrong before its partner has come.
    if (held.size() < needed && !bytes.empty()) continue;
    // Padding of varying content: nothing may depend on it.
    std::string padded = held;
    padded.append(parser_padding, static_cast<char>(held.size() % 2 == 0 ? '\n' : ' '));
    const auto result = parse(padded.data(), held.size(), limits, out);
    NUNCIO_FUZZ_REQUIRE(result.consumed <= held.size());
    if (result.next != flow::go_on) return out.log;
    held.erase(0, result.consumed);
    needed = result.needed;
    NUNCIO_FUZZ_REQUIRE(needed == 0 || needed > held.size());
  }
  return out.log;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) return 0;
  const auto bytes = nuncio::fuzz::text(data + 1, size - 1);
  const parse_limits limits{
      .max_control_line = 128, .max_payload = 512, .headers = (data[0] & 1) != 0};
  const auto whole = run(bytes, std::max<std::size_t>(bytes.size(), 1), limits);
  NUNCIO_FUZZ_REQUIRE(run(bytes, 1, limits) == whole);
  NUNCIO_FUZZ_REQUIRE(run(bytes, std::size_t{data[0]} + 1, limits) == whole);
  return 0;
}
