// Any bytes as the header block of a call: a line that is accepted is written again to the same
// meaning, and so is a failure.

#include "require.hpp"

#include <nuncio/protocol/rpc.hpp>

#include <cstdint>
#include <string>

using namespace nuncio::protocol;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const auto block = nuncio::fuzz::text(data, size);
  rpc_line line;
  const auto state = read_rpc_line(block, line);
  NUNCIO_FUZZ_REQUIRE(state == rpc_line_state::present || line == rpc_line{});
  NUNCIO_FUZZ_REQUIRE(from_rpc_value(line.call_id).has_value());
  if (state == rpc_line_state::present && !(line == rpc_line{})) {
    rpc_block again(line);
    const std::string text(again.finish());
    rpc_line copy;
    NUNCIO_FUZZ_REQUIRE(read_rpc_line(text, copy) == rpc_line_state::present);
    NUNCIO_FUZZ_REQUIRE(copy == line);
  }

  header_view headers;
  if (!parse_headers(block, headers)) return 0;
  const auto failure = read_rpc_failure(headers);
  if (!failure) return 0;
  NUNCIO_FUZZ_REQUIRE(!failure->is_ok());
  rpc_block again;
  again.add_failure(*failure);
  header_view copied;
  NUNCIO_FUZZ_REQUIRE(parse_headers(again.finish(), copied));
  const auto copy = read_rpc_failure(copied);
  NUNCIO_FUZZ_REQUIRE(copy && copy->code == failure->code);
  NUNCIO_FUZZ_REQUIRE(copy->retry_after == failure->retry_after);
  return 0;
}
