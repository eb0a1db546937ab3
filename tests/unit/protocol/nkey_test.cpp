#include <nuncio/protocol/nkey.hpp>

#include <doctest/doctest.h>

#include <array>
#include <cstddef>
#include <string>

using namespace nuncio::protocol;

namespace {

std::array<std::byte, 32> counting_bytes() {
  std::array<std::byte, 32> bytes{};
  for (std::size_t i = 0; i < bytes.size(); ++i) bytes[i] = static_cast<std::byte>(i * 7 + 1);
  return bytes;
}

}  // namespace

TEST_CASE("nkey: each kind has 56 characters and its own first letter") {
  const auto key = counting_bytes();
  const std::pair<nkey_kind, char> rows[] = {
      {nkey_kind::server, 'N'},  {nkey_kind::user, 'U'},      {nkey_kind::account, 'A'},
      {nkey_kind::cluster, 'C'}, {nkey_kind::operator_, 'O'}, {nkey_kind::curve, 'X'},
  };
  for (const auto& [kind, letter] : rows) {
    CAPTURE(letter);
    const auto text = encode_public_nkey(kind, key);
    CHECK(text.size() == 56);
    CHECK(text.front() == letter);
    const auto decoded = decode_public_nkey(text);
    REQUIRE(decoded);
    CHECK(decoded->kind == kind);
    CHECK(decoded->key == key);
  }
}

TEST_CASE("nkey: a key that the reference tools made is read and written back") {
  const std::string_view text = "NBCXXCBKQYS65JTLR4N57IGS7H5P6SEBCA3LSDZV467N4KXW42WOX75G";
  const auto key = decode_public_nkey(text);
  REQUIRE(key);
  CHECK(encode_public_nkey(key->kind, key->key) == text);
}

TEST_CASE("nkey: a server's name follows from its seed") {
  std::array<std::byte, 32> seed{};
  const auto first = make_server_nkey(seed);
  CHECK(first == make_server_nkey(seed));
  CHECK(first.size() == 56);
  CHECK(first.front() == 'N');
  // RFC 8032 doesn't list the zero seed, but every ed25519 gives 3b6a27bc… for it.
  const auto decoded = decode_public_nkey(first);
  REQUIRE(decoded);
  CHECK(decoded->key[0] == std::byte{0x3b});
  CHECK(decoded->key[1] == std::byte{0x6a});
  CHECK(decoded->key[31] == std::byte{0x29});
  seed[0] = std::byte{1};
  CHECK(make_server_nkey(seed) != first);
}

TEST_CASE("nkey: a curve key is the X25519 public key of its secret") {
  std::array<std::byte, 32> secret{};
  for (std::size_t i = 0; i < secret.size(); ++i) secret[i] = static_cast<std::byte>(i);
  const auto text = make_curve_nkey(secret);
  CHECK(text.size() == 56);
  CHECK(text.front() == 'X');
  const auto decoded = decode_public_nkey(text);
  REQUIRE(decoded);
  CHECK(decoded->kind == nkey_kind::curve);
  // 8f40c5ad…2138285f, computed apart from libsodium by the ladder of RFC 7748.
  CHECK(decoded->key[0] == std::byte{0x8f});
  CHECK(decoded->key[1] == std::byte{0x40});
  CHECK(decoded->key[31] == std::byte{0x5f});
}

TEST_CASE("nkey: any wrong character, length, checksum or prefix is refused") {
  const auto good = encode_public_nkey(nkey_kind::user, counting_bytes());
  REQUIRE(decode_public_nkey(good));
  for (std::size_t i = 0; i < good.size(); ++i) {
    CAPTURE(i);
    auto text = good;
    text[i] = text[i] == 'A' ? 'B' : 'A';
    CHECK_FALSE(decode_public_nkey(text));
    for (const char odd : {'u', '=', '1', '8', ' ', '\0'}) {
      text[i] = odd;
      CHECK_FALSE(decode_public_nkey(text));
    }
  }
  CHECK_FALSE(decode_public_nkey(""));
  CHECK_FALSE(decode_public_nkey(good.substr(1)));
  CHECK_FALSE(decode_public_nkey(good + "A"));
  CHECK_FALSE(decode_public_nkey("SUAKYRHVIOREXV7EUZTBHUHL7NUMHPMAS7QMDU3GTIUWEI5LDNOXD43IZY"));
}

TEST_CASE("nkey: a seed that the reference tools made gives their public key") {
  const std::string_view text = "SUACSSL3UAHUDXKFSNVUZRF5UHPMWZ6BFDTJ7M6USDXIEDNPPQYYYCU3VY";
  const auto keys = nkey_pair::from_seed(text);
  REQUIRE(keys);
  CHECK(keys->kind() == nkey_kind::user);
  CHECK(keys->public_key() == "UDXU4RCSJNZOIQHZNWXHXORDPRTGNJAHAHFRGZNEEJCPQTT2M7NLCNF4");
  CHECK(keys->seed() == text);
}

TEST_CASE("nkey: seeds of every kind are written and read back, and sign") {
  for (const auto& [kind, start] : {std::pair{nkey_kind::user, "SU"},
                                    {nkey_kind::account, "SA"},
                                    {nkey_kind::operator_, "SO"},
                                    {nkey_kind::server, "SN"},
                                    {nkey_kind::cluster, "SC"}}) {
    CAPTURE(start);
    const nkey_pair keys(kind, counting_bytes());
    CHECK(keys.seed().starts_with(start));
    const auto again = nkey_pair::from_seed(keys.seed());
    REQUIRE(again);
    CHECK(again->kind() == kind);
    CHECK(again->public_key() == keys.public_key());
    CHECK(again->sign("text") == keys.sign("text"));
    CHECK(again->sign("text") != keys.sign("texu"));
  }
}

TEST_CASE("nkey: any wrong character, length or checksum of a seed is refused") {
  const auto good = nkey_pair(nkey_kind::user, counting_bytes()).seed();
  for (std::size_t i = 0; i < good.size(); ++i) {
    CAPTURE(i);
    auto text = good;
    text[i] = text[i] == 'A' ? 'B' : 'A';
    CHECK_FALSE(nkey_pair::from_seed(text));
    text[i] = 'u';
    CHECK_FALSE(nkey_pair::from_seed(text));
  }
  CHECK_FALSE(nkey_pair::from_seed(""));
  CHECK_FALSE(nkey_pair::from_seed(good.substr(1)));
  CHECK_FALSE(nkey_pair::from_seed(good + "A"));
  CHECK_FALSE(nkey_pair::from_seed(nkey_pair(nkey_kind::user, counting_bytes()).public_key()));
}
