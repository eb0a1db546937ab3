#pragma once

#include <chrono>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

/// TLS for clients, as plain data.
namespace nuncio::server {

/// Everything about the TLS of those who connect. Files are in PEM.
struct tls_options {
  /// A certificate, perhaps with those that vouch for it, and its private key.
  struct certificate {
    std::string cert_file;  ///< the certificate first
    std::string key_file;   ///< not encrypted

    friend bool operator==(const certificate&, const certificate&) = default;
  };
  /// Who speaks first.
  enum class first_word : std::uint8_t {
    info,       ///< the server, by a plain INFO
    handshake,  ///< the client, by its handshake; INFO comes inside of TLS
    either      ///< the client if it does within `first_patience`, the server otherwise
  };
  /// A version of the protocol.
  enum class version : std::uint8_t { tls_1_2, tls_1_3 };

  std::string cert_file;           ///< of the only certificate
  std::string key_file;            ///< its private key
  std::vector<certificate> certs;  ///< instead: the first that fits what a client asks for
  /// Who vouches for clients; empty: whom the system trusts.
  std::string ca_file;
  bool verify = false;          ///< clients need a certificate
  bool verify_and_map = false;  ///< likewise, and it says which user they are
  bool insecure = false;        ///< means nothing for a server; accepted as nats-server does

  /// For a handshake; 0: 2 s.
  std::chrono::milliseconds timeout{2000};
  /// By Go's names, for TLS 1.2; empty: those that are secure.
  std::vector<std::string> cipher_suites;
  bool allow_insecure_cipher_suites = false;   ///< they may be among `cipher_suites`
  std::vector<std::string> curve_preferences;  ///< by Go's names; empty: the library's choice
  version min_version = version::tls_1_2;      ///< older ones are refused

  first_word first = first_word::info;           ///< on a new connection
  std::chrono::milliseconds first_patience{50};  ///< where `first` is `either`
  std::int64_t connection_rate_limit = 0;        ///< handshakes each second; 0 or less: no limit
  /// SHA-256, in hex, of the public keys that clients may have; empty: any.
  std::vector<std::string> pinned_certs;

  friend bool operator==(const tls_options&, const tls_options&) = default;
};

/// What is wrong with options of TLS, or doubtful.
struct tls_problem {
  std::string text;         ///< names the file, if it is about one
  std::string file;         ///< empty: it is about none
  std::string option;       ///< that names the file
  bool is_warning = false;  ///< it doesn't keep a server from starting
};

/// Reads the files and tries everything out. Nothing to say: a server starts with these.
///
/// A server that is built without TLS says so.
[[nodiscard]] std::vector<tls_problem> check(const tls_options& options);

/// Is it one of Go's names for a cipher suite?
[[nodiscard]] bool is_cipher_suite(std::string_view name) noexcept;
/// Is it one of Go's names for a curve?
[[nodiscard]] bool is_curve(std::string_view name) noexcept;

}  // namespace nuncio::server
