#pragma once

#include <string_view>

/// What Go calls the parts of TLS, whose names configurations use, and what OpenSSL calls them.
namespace nuncio::server {

struct cipher_suite {
  std::string_view name;     ///< Go's, which is IANA's
  std::string_view openssl;  ///< empty: of TLS 1.3, where all are always offered
  bool is_secure;
};

/// Null: there is none of this name.
/// Source: Go 1.26, crypto/tls, CipherSuites() and InsecureCipherSuites().
[[nodiscard]] const cipher_suite* find_cipher_suite(std::string_view name) noexcept;

/// OpenSSL's names of all that are secure, as it takes them.
[[nodiscard]] std::string_view secure_cipher_suites() noexcept;

struct curve {
  std::string_view name;
  std::string_view openssl;
};

/// Null: there is none of this name.
/// Source: nats-server 2.15.2, server/ciphersuites.go, checked against a live one.
[[nodiscard]] const curve* find_curve(std::string_view name) noexcept;

}  // namespace nuncio::server
