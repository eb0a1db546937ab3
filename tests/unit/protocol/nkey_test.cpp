#include <nuncio/protocol/base64.hpp>
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

TEST_CASE("nkey: what a pair signs is verified by its public key, and nothing else is") {
  const nkey_pair pair(nkey_kind::user, counting_bytes());
  const auto key = decode_public_nkey(pair.public_key());
  REQUIRE(key);
  auto signature = pair.sign("AAECAwQFBgcICQo");
  CHECK(verify(*key, "AAECAwQFBgcICQo", signature));
  CHECK_FALSE(verify(*key, "AAECAwQFBgcICQp", signature));
  CHECK_FALSE(verify(*key, "", signature));
  signature[63] ^= std::byte{1};
  CHECK_FALSE(verify(*key, "AAECAwQFBgcICQo", signature));
  CHECK_FALSE(verify(*key, "AAECAwQFBgcICQo", nkey_signature{}));
  CHECK_FALSE(verify(public_nkey{.kind = nkey_kind::user}, "x", nkey_signature{}));
}

TEST_CASE("nkey: a curve key verifies nothing") {
  const nkey_pair pair(nkey_kind::user, counting_bytes());
  auto key = *decode_public_nkey(pair.public_key());
  key.kind = nkey_kind::curve;
  CHECK_FALSE(verify(key, "x", pair.sign("x")));
}

TEST_CASE("nkey: a signature is read in base64 for URLs without padding, or the standard with it") {
  const nkey_pair pair(nkey_kind::user, counting_bytes());
  const auto signature = pair.sign("x");
  const auto raw = to_base64url(signature);
  const auto padded =
      to_base64({reinterpret_cast<const char*>(signature.data()), signature.size()});
  CHECK(decode_signature(raw) == signature);
  CHECK(decode_signature(padded) == signature);
  CHECK_FALSE(decode_signature(""));
  CHECK_FALSE(decode_signature("=="));
  CHECK_FALSE(decode_signature(raw + "A"));
  CHECK_FALSE(decode_signature(raw.substr(1)));
  CHECK_FALSE(decode_signature(raw + "="));
  CHECK_FALSE(decode_signature(padded.substr(0, 87)));
  nkey_signature ones;
  ones.fill(std::byte{0xff});
  CHECK(decode_signature(std::string(85, '_') + 'w') == ones);
  CHECK(decode_signature(std::string(85, '/') + "w==") == ones);
  CHECK_FALSE(decode_signature(std::string(85, '_') + "w=="));
  CHECK_FALSE(decode_signature(std::string(85, '/') + "w"));
}

TEST_CASE("nkey: a signature of RFC 8032 is verified") {
  // Section 7.1, test 1: of no bytes at all.
  const auto from_hex = [](std::string_view hex, auto bytes) {
    for (std::size_t i = 0; i < bytes.size(); ++i) {
      bytes[i] = static_cast<std::byte>(std::stoi(std::string(hex.substr(i * 2, 2)), nullptr, 16));
    }
    return bytes;
  };
  public_nkey key{.kind = nkey_kind::user};
  key.key = from_hex("d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a", key.key);
  const auto signature = from_hex(
      "e5564300c360ac729086e2cc806e828a84877f1eb8e5d974d873e065224901555"
      "fb8821590a33bacc61e39701cf9b46bd25bf5f0595bbe24655141438e7a100b",
      nkey_signature{});
  CHECK(verify(key, "", signature));
  CHECK_FALSE(verify(key, "x", signature));
}

TEST_CASE("nkey: a nonce has 15 characters of its random bytes") {
  std::array<std::byte, nonce_size> random{};
  CHECK(make_nonce(random) == "AAAAAAAAAAAAAAA");
  for (std::size_t i = 0; i < random.size(); ++i) random[i] = static_cast<std::byte>(i);
  CHECK(make_nonce(random) == "AAECAwQFBgcICQo");
}
