#pragma once

#include <nuncio/server/tls.hpp>

#include <array>
#include <cstddef>
#include <ctime>
#include <memory>
#include <string>
#include <vector>

// OpenSSL's, whose headers only those include who call it.
struct evp_pkey_st;
struct ssl_ctx_st;
struct ssl_st;
struct stack_st_X509;
struct x509_st;

namespace nuncio::server {

/// Options of TLS, ready to be used: files read, keys tried. Immutable and shared: connections keep
/// theirs when others get a newer one.
class tls_context {
 public:
  using fingerprint = std::array<unsigned char, 32>;

  /// Null if something is wrong; that and what is doubtful is added to `problems`.
  [[nodiscard]] static std::shared_ptr<const tls_context> make(const tls_options& options,
                                                               std::vector<tls_problem>& problems);
  tls_context(const tls_context&) = delete;
  tls_context& operator=(const tls_context&) = delete;
  ~tls_context();

  /// Of one connection; the caller frees it.
  [[nodiscard]] ssl_st* new_session() const;
  /// May a client have this public key?
  [[nodiscard]] bool is_pinned(const fingerprint& key) const;
  [[nodiscard]] bool has_pins() const noexcept { return !pins_.empty(); }

  /// When a certificate ends.
  struct lifetime {
    std::string file;
    std::time_t end = 0;
  };
  [[nodiscard]] const std::vector<lifetime>& lifetimes() const noexcept { return lifetimes_; }

  /// OpenSSL asks: puts the certificate into `session` that fits what its client has said. 1: good.
  int choose_certificate(ssl_st* session) const;

 private:
  struct identity {
    x509_st* certificate = nullptr;
    stack_st_X509* chain = nullptr;
    evp_pkey_st* key = nullptr;
  };

  tls_context() = default;
  void load(const tls_options& options, std::vector<tls_problem>& problems);
  void load_certificate(const tls_options::certificate& files, std::vector<tls_problem>& problems);
  void load_authorities(const tls_options& options, std::vector<tls_problem>& problems);
  void set_suites(const tls_options& options, std::vector<tls_problem>& problems);
  void set_curves(const tls_options& options, std::vector<tls_problem>& problems);

  ssl_ctx_st* context_ = nullptr;
  std::vector<identity> identities_;
  std::vector<fingerprint> pins_;
  std::vector<lifetime> lifetimes_;
};

}  // namespace nuncio::server
