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

std::string to_base32(const binary_nkey& bytes) {
  std::string text;
  text.reserve(text_size);
  unsigned held = 0;
  unsigned bits = 0;
  for (const unsigned byte : bytes) {
    held = (held << 8 | byte) & 0xFFF;
    bits += 8;
    for (; bits >= 5; bits -= 5) text += alphabet[held >> (bits - 5) & 31];
  }
  return text;
}

/// Pre: `text` has text_size characters, which leaves no odd bits.
bool from_base32(std::string_view text, binary_nkey& bytes) {
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
  return true;
}

}  // namespace

std::string encode_public_nkey(nkey_kind kind, std::span<const std::byte, 32> public_key) {
  binary_nkey bytes{};
  bytes[0] = std::find_if(prefixes.begin(), prefixes.end(), [kind](const prefix_row& row) {
               return row.kind == kind;
             })->prefix;
  std::transform(public_key.begin(), public_key.end(), bytes.begin() + 1,
                 [](std::byte b) { return std::to_integer<std::uint8_t>(b); });
  const unsigned crc = checksum(std::span{bytes}.first<body_size>());
  bytes[body_size] = static_cast<std::uint8_t>(crc & 0xFF);
  bytes[body_size + 1] = static_cast<std::uint8_t>(crc >> 8);
  return to_base32(bytes);
}

std::optional<public_nkey> decode_public_nkey(std::string_view text) {
  binary_nkey bytes{};
  if (text.size() != text_size || !from_base32(text, bytes)) return std::nullopt;
  const unsigned crc = bytes[body_size] | static_cast<unsigned>(bytes[body_size + 1]) << 8;
  if (crc != checksum(std::span{bytes}.first<body_size>())) return std::nullopt;
  const auto* row = std::find_if(prefixes.begin(), prefixes.end(),
                                 [&bytes](const prefix_row& r) { return r.prefix == bytes[0]; });
  if (row == prefixes.end()) return std::nullopt;
  public_nkey result;
  result.kind = row->kind;
  std::transform(bytes.begin() + 1, bytes.begin() + body_size, result.key.begin(),
                 [](std::uint8_t b) { return std::byte{b}; });
  return result;
}

std::string make_server_nkey(std::span<const std::byte, 32> seed) {
  if (sodium_init() < 0) throw std::runtime_error("libsodium can't be initialised");
  std::array<unsigned char, crypto_sign_SEEDBYTES> seed_bytes{};
  std::transform(seed.begin(), seed.end(), seed_bytes.begin(),
                 [](std::byte b) { return std::to_integer<unsigned char>(b); });
  std::array<unsigned char, crypto_sign_PUBLICKEYBYTES> public_bytes{};
  std::array<unsigned char, crypto_sign_SECRETKEYBYTES> secret{};
  crypto_sign_seed_keypair(public_bytes.data(), secret.data(), seed_bytes.data());
  sodium_memzero(secret.data(), secret.size());
  sodium_memzero(seed_bytes.data(), seed_bytes.size());
  return encode_public_nkey(nkey_kind::server,
                            std::as_bytes(std::span<const unsigned char, 32>{public_bytes}));
}

std::string make_curve_nkey(std::span<const std::byte, 32> seed) {
  if (sodium_init() < 0) throw std::runtime_error("libsodium can't be initialised");
  std::array<unsigned char, crypto_scalarmult_BYTES> public_bytes{};
  if (crypto_scalarmult_base(public_bytes.data(),
                             reinterpret_cast<const unsigned char*>(seed.data())) != 0) {
    throw std::runtime_error("no X25519 key can be made");
  }
  return encode_public_nkey(nkey_kind::curve,
                            std::as_bytes(std::span<const unsigned char, 32>{public_bytes}));
}

}  // namespace nuncio::protocol
