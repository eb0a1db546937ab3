// Any bytes as a header block: what is wished lies in the block, and the quick look misses none.

#include "net/trace_wish.hpp"

#include "require.hpp"

#include <nuncio/protocol/subject.hpp>

#include <cstdint>

using namespace nuncio::server;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const auto block = nuncio::fuzz::text(data, size);
  for (const bool traces_sampled : {false, true}) {
    const auto found = trace_wish_of(block, traces_sampled);
    if (!found) continue;
    NUNCIO_FUZZ_REQUIRE(may_wish_trace(block, traces_sampled));
    NUNCIO_FUZZ_REQUIRE(found->destination || (traces_sampled && found->is_sampled));
    if (!found->destination || found->destination->empty()) continue;
    NUNCIO_FUZZ_REQUIRE(nuncio::protocol::is_valid_publish(*found->destination));
    NUNCIO_FUZZ_REQUIRE(found->destination->data() >= block.data() &&
                        found->destination->data() + found->destination->size() <=
                            block.data() + block.size());
  }
  return 0;
}
