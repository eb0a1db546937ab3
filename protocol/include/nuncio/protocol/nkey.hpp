#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>

/// Keys as text: one prefix byte (two of a seed), 32 bytes and a CRC-16, in base32 without padding.
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

/// A public key and whom it belongs to.
struct public_nkey {
  nkey_kind kind = nkey_kind::server;  ///< whom it belongs to
  std::array<std::byte, 32> key{};     ///< of ed25519, or X25519 of a curve

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

inline constexpr std::size_t nkey_signature_size = 64;  ///< bytes

/// What signs.
using nkey_signature = std::array<std::byte, nkey_signature_size>;

/// Reads the `sig` of a CONNECT: base64 with `-` and `_` and without padding, or else the standard
/// one with padding.
///
/// Errors:  nothing is returned for other characters, or if it isn't as long as a signature.
/// Thread:  any.
/// Source:  nats-server 2.15.2, server/auth.go, processClientOrLeafAuthentication.
[[nodiscard]] std::optional<nkey_signature> decode_signature(std::string_view text);

/// Did the owner of `signer` sign these bytes? False for a curve key, which can't sign.
///
/// Cost:    0.1 ms.
/// Thread:  any.
[[nodiscard]] bool verify(const public_nkey& signer,
                          std::string_view bytes,
                          const nkey_signature& signature);

inline constexpr std::size_t nonce_size = 11;  ///< random bytes of a nonce

/// The 15 characters that a server says in INFO as `nonce`. A client signs them as they are.
///
/// Pre:     `random` is unguessable, and never used twice.
/// Thread:  any.
[[nodiscard]] std::string make_nonce(std::span<const std::byte, nonce_size> random);

/// A pair of ed25519 keys, which signs.
///
/// Copies are wiped when they go.
/// Thread:  any.
class nkey_pair {
 public:
  static constexpr std::size_t signature_size = nkey_signature_size;  ///< bytes

  /// Reads a seed, the 58 characters that begin with `S` and the letter of its kind.
  ///
  /// Errors:  nothing is returned for a wrong length, a character outside of A–Z and 2–7, a bad
  ///          checksum, an unknown kind, or a curve key, which can't sign.
  [[nodiscard]] static std::optional<nkey_pair> from_seed(std::string_view text);
  /// Pre:     `seed` is unguessable; `kind` isn't a curve.
  nkey_pair(nkey_kind kind, std::span<const std::byte, 32> seed);
  nkey_pair(const nkey_pair&) = default;
  nkey_pair& operator=(const nkey_pair&) = default;
  ~nkey_pair();

  /// Whom it belongs to.
  [[nodiscard]] nkey_kind kind() const noexcept { return kind_; }
  /// As text.
  [[nodiscard]] std::string public_key() const;
  /// As text. It is a secret.
  [[nodiscard]] std::string seed() const;
  /// The signature of these bytes.
  [[nodiscard]] std::array<std::byte, signature_size> sign(std::string_view bytes) const;

 private:
  nkey_kind kind_;
  std::array<std::byte, 32> seed_{};
};

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
