// Any bytes as a public key, a seed and a signature: what is read is written as it was, and only
// what a key signed is verified.

#include "require.hpp"

#include <nuncio/protocol/base64.hpp>
#include <nuncio/protocol/nkey.hpp>

#include <cstdint>
#include <string>

using namespace nuncio::protocol;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const auto text = nuncio::fuzz::text(data, size);

  const auto key = decode_public_nkey(text);
  if (key) NUNCIO_FUZZ_REQUIRE(encode_public_nkey(key->kind, key->key) == text);

  const auto signature = decode_signature(text);
  if (signature) {
    // Odd bits of the last digit don't count.
    const std::string_view raw = text.substr(0, 86);
    const auto again = raw.find_first_of("+/") == std::string_view::npos
                           ? to_base64url(*signature)
                           : to_base64({reinterpret_cast<const char*>(signature->data()), 64});
    const bool mixed = text.size() == 88 && raw.find_first_of("+/") == std::string_view::npos;
    NUNCIO_FUZZ_REQUIRE(mixed || again.substr(0, 85) == raw.substr(0, 85));
    NUNCIO_FUZZ_REQUIRE(decode_signature(to_base64url(*signature)) == signature);
    static const nkey_pair other(nkey_kind::user, std::array<std::byte, 32>{});
    static const auto other_key = decode_public_nkey(other.public_key());
    NUNCIO_FUZZ_REQUIRE(!verify(*other_key, "not what anybody signed", *signature));
  }

  const auto pair = nkey_pair::from_seed(text);
  if (!pair) return 0;
  NUNCIO_FUZZ_REQUIRE(pair->seed() == text);
  const auto public_key = decode_public_nkey(pair->public_key());
  NUNCIO_FUZZ_REQUIRE(public_key && public_key->kind == pair->kind());
  NUNCIO_FUZZ_REQUIRE(verify(*public_key, text, pair->sign(text)));
  NUNCIO_FUZZ_REQUIRE(!verify(*public_key, "", pair->sign(text)));
  return 0;
}
