#include <nuncio/protocol/base64.hpp>
#include <nuncio/protocol/nkey.hpp>

#include <sodium.h>

#include <algorithm>
#include <stdexcept>

namespace nuncio::protocol {
namespace {

constexpr std::string_view alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";
constexpr std::size_t body_size = 1 + 32;           // prefix and key
constexpr std::size_t binary_size = body_size + 2;  // and checksum
constexpr std::size_t text_size = binary_size * 8 / 5;
constexpr std::size_t seed_body_size = 2 + 32;
constexpr std::size_t seed_size = seed_body_size + 2;
constexpr std::size_t seed_text_size = (seed_size * 8 + 4) / 5;  // two odd bits
constexpr unsigned seed_prefix = 18 << 3;

struct prefix_row {
  nkey_kind kind;
  std::uint8_t prefix;
};

constexpr std::array prefixes{
    prefix_row{nkey_kind::account, 0 << 3}, prefix_row{nkey_kind::cluster, 2 << 3},
    prefix_row{nkey_kind::server, 13 << 3}, prefix_row{nkey_kind::operator_, 14 << 3},
    prefix_row{nkey_kind::user, 20 << 3},   prefix_row{nkey_kind::curve, 23 << 3},
};

using binary_nkey = std::array<std::uint8_t, binary_size>;
using binary_seed = std::array<std::uint8_t, seed_size>;

/// CRC-16/XMODEM.
unsigned checksum(std::span<const std::uint8_t> bytes) {
  unsigned crc = 0;
  for (const unsigned byte : bytes) {
    crc ^= byte << 8;
    for (int bit = 0; bit < 8; ++bit) crc = (crc << 1) ^ ((crc & 0x8000) != 0 ? 0x1021U : 0U);
    crc &= 0xFFFF;
  }
  return crc;
}

std::string to_base32(std::span<const std::uint8_t> bytes) {
  std::string text;
  text.reserve((bytes.size() * 8 + 4) / 5);
  unsigned held = 0;
  unsigned bits = 0;
  for (const unsigned byte : bytes) {
    held = (held << 8 | byte) & 0xFFF;
    bits += 8;
    for (; bits >= 5; bits -= 5) text += alphabet[held >> (bits - 5) & 31];
  }
  if (bits > 0) text += alphabet[held << (5 - bits) & 31];
  return text;
}

/// Pre: `text` has as many characters as `bytes` take. Odd bits at the end must be zero.
bool from_base32(std::string_view text, std::span<std::uint8_t> bytes) {
  unsigned held = 0;
  unsigned bits = 0;
  std::size_t at = 0;
  for (const char c : text) {
    const auto digit = alphabet.find(c);
    if (digit == std::string_view::npos) return false;
    held = (held << 5 | static_cast<unsigned>(digit)) & 0xFFF;
    bits += 5;
    if (bits < 8) continue;
    bits -= 8;
    bytes[at++] = static_cast<std::uint8_t>(held >> bits & 0xFF);
  }
  return (held & ((1U << bits) - 1)) == 0;
}

std::uint8_t prefix_of(nkey_kind kind) {
  return std::find_if(prefixes.begin(), prefixes.end(),
                      [kind](const prefix_row& row) { return row.kind == kind; })
      ->prefix;
}

/// Puts the checksum of what is before it into the last two bytes.
void seal(std::span<std::uint8_t> bytes) {
  const auto body = bytes.size() - 2;
  const unsigned crc = checksum(bytes.first(body));
  bytes[body] = static_cast<std::uint8_t>(crc & 0xFF);
  bytes[body + 1] = static_cast<std::uint8_t>(crc >> 8);
}

bool is_sealed(std::span<const std::uint8_t> bytes) {
  const auto body = bytes.size() - 2;
  return (bytes[body] | static_cast<unsigned>(bytes[body + 1]) << 8) == checksum(bytes.first(body));
}

void require_sodium() {
  if (sodium_init() < 0) throw std::runtime_error("libsodium can't be initialised");
}

/// The ed25519 pair of a seed; the secret is wiped in the end.
struct key_pair {
  explicit key_pair(std::span<const std::byte, 32> seed) {
    require_sodium();
    crypto_sign_seed_keypair(public_bytes.data(), secret.data(),
                             reinterpret_cast<const unsigned char*>(seed.data()));
  }
  key_pair(const key_pair&) = delete;
  key_pair& operator=(const key_pair&) = delete;
  ~key_pair() { sodium_memzero(secret.data(), secret.size()); }

  std::array<unsigned char, crypto_sign_PUBLICKEYBYTES> public_bytes{};
  std::array<unsigned char, crypto_sign_SECRETKEYBYTES> secret{};
};

}  // namespace

std::string encode_public_nkey(nkey_kind kind, std::span<const std::byte, 32> public_key) {
  binary_nkey bytes{};
  bytes[0] = prefix_of(kind);
  std::transform(public_key.begin(), public_key.end(), bytes.begin() + 1,
                 [](std::byte b) { return std::to_integer<std::uint8_t>(b); });
  seal(bytes);
  return to_base32(bytes);
}

std::optional<public_nkey> decode_public_nkey(std::string_view text) {
  binary_nkey bytes{};
  if (text.size() != text_size || !from_base32(text, bytes) || !is_sealed(bytes)) {
    return std::nullopt;
  }
  const auto* row = std::find_if(prefixes.begin(), prefixes.end(),
                                 [&bytes](const prefix_row& r) { return r.prefix == bytes[0]; });
  if (row == prefixes.end()) return std::nullopt;
  public_nkey result;
  result.kind = row->kind;
  std::transform(bytes.begin() + 1, bytes.begin() + body_size, result.key.begin(),
                 [](std::uint8_t b) { return std::byte{b}; });
  return result;
}

std::optional<nkey_signature> decode_signature(std::string_view text) {
  constexpr std::string_view padding = "==";
  constexpr std::size_t digits = (nkey_signature_size * 8 + 5) / 6;
  std::optional<std::string> bytes;
  if (text.size() == digits) {
    bytes = from_base64url(text);
  } else if (text.size() == digits + padding.size() && text.ends_with(padding)) {
    bytes = from_base64(text);
  }
  if (!bytes || bytes->size() != nkey_signature_size) return std::nullopt;
  nkey_signature out{};
  std::transform(bytes->begin(), bytes->end(), out.begin(),
                 [](char c) { return static_cast<std::byte>(c); });
  return out;
}

bool verify(const public_nkey& signer, std::string_view bytes, const nkey_signature& signature) {
  if (signer.kind == nkey_kind::curve) return false;
  require_sodium();
  return crypto_sign_verify_detached(
             reinterpret_cast<const unsigned char*>(signature.data()),
             reinterpret_cast<const unsigned char*>(bytes.data()), bytes.size(),
             reinterpret_cast<const unsigned char*>(signer.key.data())) == 0;
}

std::string make_nonce(std::span<const std::byte, nonce_size> random) {
  return to_base64url(random);
}

nkey_pair::nkey_pair(nkey_kind kind, std::span<const std::byte, 32> seed) : kind_(kind) {
  std::copy(seed.begin(), seed.end(), seed_.begin());
}

nkey_pair::~nkey_pair() {
  sodium_memzero(seed_.data(), seed_.size());
}

std::optional<nkey_pair> nkey_pair::from_seed(std::string_view text) {
  binary_seed bytes{};
  if (text.size() != seed_text_size || !from_base32(text, bytes) || !is_sealed(bytes)) {
    return std::nullopt;
  }
  if ((bytes[0] & 0xF8U) != seed_prefix || (bytes[1] & 7U) != 0) return std::nullopt;
  const auto prefix = (bytes[0] & 7U) << 5 | bytes[1] >> 3;
  const auto* row = std::find_if(prefixes.begin(), prefixes.end(),
                                 [prefix](const prefix_row& r) { return r.prefix == prefix; });
  if (row == prefixes.end() || row->kind == nkey_kind::curve) return std::nullopt;
  nkey_pair pair(row->kind, std::as_bytes(std::span<const std::uint8_t, 32>(bytes.data() + 2, 32)));
  sodium_memzero(bytes.data(), bytes.size());
  return pair;
}

std::string nkey_pair::public_key() const {
  const key_pair keys(seed_);
  return encode_public_nkey(kind_,
                            std::as_bytes(std::span<const unsigned char, 32>{keys.public_bytes}));
}

std::string nkey_pair::seed() const {
  binary_seed bytes{};
  const unsigned prefix = prefix_of(kind_);
  bytes[0] = static_cast<std::uint8_t>(seed_prefix | prefix >> 5);
  bytes[1] = static_cast<std::uint8_t>((prefix & 31) << 3);
  std::transform(seed_.begin(), seed_.end(), bytes.begin() + 2,
                 [](std::byte b) { return std::to_integer<std::uint8_t>(b); });
  seal(bytes);
  auto text = to_base32(bytes);
  sodium_memzero(bytes.data(), bytes.size());
  return text;
}

std::array<std::byte, nkey_pair::signature_size> nkey_pair::sign(std::string_view bytes) const {
  static_assert(signature_size == crypto_sign_BYTES);
  const key_pair keys(seed_);
  std::array<std::byte, signature_size> out{};
  crypto_sign_detached(reinterpret_cast<unsigned char*>(out.data()), nullptr,
                       reinterpret_cast<const unsigned char*>(bytes.data()), bytes.size(),
                       keys.secret.data());
  return out;
}

std::string make_server_nkey(std::span<const std::byte, 32> seed) {
  return nkey_pair(nkey_kind::server, seed).public_key();
}

std::string make_curve_nkey(std::span<const std::byte, 32> seed) {
  require_sodium();
  std::array<unsigned char, crypto_scalarmult_BYTES> public_bytes{};
  if (crypto_scalarmult_base(public_bytes.data(),
                             reinterpret_cast<const unsigned char*>(seed.data())) != 0) {
    throw std::runtime_error("no X25519 key can be made");
  }
  return encode_public_nkey(nkey_kind::curve,
                            std::as_bytes(std::span<const unsigned char, 32>{public_bytes}));
}

}  // namespace nuncio::protocol
