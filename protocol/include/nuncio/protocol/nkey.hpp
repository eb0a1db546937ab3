#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>

/// Public keys as text: one prefix byte, 32 bytes of key and a CRC-16, in base32 without padding.
/// Source: github.com/nats-io/nkeys, strkey.go.
namespace nuncio::protocol {

/// Whom a key belongs to. The first letter of its text follows from it.
enum class nkey_kind : std::uint8_t {
  server,     ///< `N`
  user,       ///< `U`
  account,    ///< `A`
  cluster,    ///< `C`
  operator_,  ///< `O`  // NOLINT(readability-identifier-naming): a keyword without it
  curve,      ///< `X`, an X25519 key
};

struct public_nkey {
  nkey_kind kind = nkey_kind::server;
  std::array<std::byte, 32> key{};

  friend bool operator==(const public_nkey&, const public_nkey&) = default;
};

/// The 56 characters of a public key.
/// Thread:  any.
[[nodiscard]] std::string encode_public_nkey(nkey_kind kind,
                                             std::span<const std::byte, 32> public_key);

/// Reads what encode_public_nkey() writes.
///
/// Errors:  nothing is returned for a wrong length, a character outside of A–Z and 2–7, a bad
///          checksum or an unknown prefix (seeds and private keys too).
/// Thread:  any.
[[nodiscard]] std::optional<public_nkey> decode_public_nkey(std::string_view text);

/// The public key, as text, of the ed25519 pair that `seed` gives: what a server calls its id.
///
/// Pre:     `seed` is 32 unguessable bytes, unless the name shall be predictable.
/// Thread:  any.
[[nodiscard]] std::string make_server_nkey(std::span<const std::byte, 32> seed);

/// The public key, as text, of the X25519 pair whose secret is `seed`: what a server shows as
/// `xkey`.
///
/// Thread:  any.
[[nodiscard]] std::string make_curve_nkey(std::span<const std::byte, 32> seed);

}  // namespace nuncio::protocol
