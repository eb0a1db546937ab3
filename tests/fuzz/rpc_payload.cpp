// Any bytes as msgpack and as JSON: what is accepted is written again and read to the same.

#include "require.hpp"

#include <nuncio/rpc/codec_msgpack.hpp>

#include <cstdint>
#include <map>
#include <string>
#include <vector>

using namespace nuncio::rpc;

namespace {

using value = std::map<std::string, std::vector<int>>;

void check(const result<value>& read, content_type type) {
  if (!read) {
    NUNCIO_FUZZ_REQUIRE(read.error().code == code::invalid_argument);
    NUNCIO_FUZZ_REQUIRE(!read.error().text.empty());
    return;
  }
  std::string again;
  codec<value>::encode(*read, type, again);
  NUNCIO_FUZZ_REQUIRE(codec<value>::decode(again, type).value() == *read);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const auto text = nuncio::fuzz::text(data, size);
  check(codec<value>::decode(text, content_type::msgpack), content_type::msgpack);
  check(codec<value>::decode(text, content_type::json), content_type::json);
  if (const auto document = document::read_msgpack(text)) {
    std::string json;
    append_json(json, document->root());
    NUNCIO_FUZZ_REQUIRE(!json.empty());
  }
  return 0;
}
