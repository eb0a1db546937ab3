#include "tls_context.hpp"

#include "tls_names.hpp"

#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/rand.h>
#include <openssl/ssl.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>
#include <sys/stat.h>

#include <algorithm>
#include <cerrno>
#include <system_error>
#include <utility>

namespace nuncio::server {
namespace {

using problems_list = std::vector<tls_problem>;

template <auto Free>
struct freed_by {
  template <class T>
  void operator()(T* what) const noexcept {
    Free(what);
  }
};
using bio = std::unique_ptr<BIO, freed_by<BIO_free_all>>;

// The first of OpenSSL's errors, which is the one nearest to the cause.
std::string reason() {
  const auto code = ERR_get_error();
  ERR_clear_error();
  const char* const text = ERR_reason_error_string(code);
  return text != nullptr ? text : "unknown error";
}

void add(problems_list& to, std::string text, bool is_warning = false) {
  to.push_back({std::move(text), {}, {}, is_warning});
}

void add_of_file(problems_list& to,
                 std::string_view option,
                 const std::string& file,
                 const std::string& what,
                 bool is_warning = false) {
  to.push_back(
      {std::string(option) + " \"" + file + "\": " + what, file, std::string(option), is_warning});
}

bio open_file(std::string_view option, const std::string& file, problems_list& problems) {
  const auto refuse = [&](int error) {
    ERR_clear_error();
    add_of_file(problems, option, file, std::generic_category().message(error));
    return nullptr;
  };
  // Which OpenSSL would open, and then find no certificate in it.
  struct stat about{};
  if (::stat(file.c_str(), &about) == 0 && S_ISDIR(about.st_mode)) return refuse(EISDIR);
  errno = 0;
  bio out(BIO_new_file(file.c_str(), "r"));
  if (out == nullptr) return refuse(errno);
  return out;
}

// Nobody is there who could type a passphrase.
int no_passphrase(char*, int, int, void*) {
  return -1;
}

std::string shown(const ASN1_TIME* time) {
  const bio text(BIO_new(BIO_s_mem()));
  ASN1_TIME_print(text.get(), time);
  char* data = nullptr;
  const auto size = BIO_get_mem_data(text.get(), &data);
  return {data, static_cast<std::size_t>(size)};
}

int on_certificate_wanted(SSL* session, void* context) {
  return static_cast<const tls_context*>(context)->choose_certificate(session);
}

// Before TLS 1.3 the suites say what kind of key signs.
bool has_suite_for(SSL* session, const EVP_PKEY* key) {
  if (SSL_version(session) >= TLS1_3_VERSION) return true;
  const int wanted = EVP_PKEY_get_base_id(key) == EVP_PKEY_RSA ? NID_auth_rsa : NID_auth_ecdsa;
  const auto* const suites = SSL_get_client_ciphers(session);
  for (int i = 0; i < sk_SSL_CIPHER_num(suites); ++i) {
    if (SSL_CIPHER_get_auth_nid(sk_SSL_CIPHER_value(suites, i)) == wanted) return true;
  }
  return false;
}

unsigned nibble(char c) noexcept {
  return static_cast<unsigned>(c <= '9' ? c - '0' : (c | 0x20) - 'a' + 10);
}

}  // namespace

std::shared_ptr<const tls_context> tls_context::make(const tls_options& options,
                                                     problems_list& problems) {
  const std::shared_ptr<tls_context> out(new tls_context);
  const auto before = problems.size();
  out->load(options, problems);
  const bool is_good =
      std::all_of(problems.begin() + static_cast<std::ptrdiff_t>(before), problems.end(),
                  [](const tls_problem& each) { return each.is_warning; });
  return is_good ? out : nullptr;
}

tls_context::~tls_context() {
  for (const auto& each : identities_) {
    X509_free(each.certificate);
    sk_X509_pop_free(each.chain, X509_free);
    EVP_PKEY_free(each.key);
  }
  SSL_CTX_free(context_);
}

void tls_context::load(const tls_options& options, problems_list& problems) {
  ERR_clear_error();
  context_ = SSL_CTX_new(TLS_server_method());
  if (context_ == nullptr) return add(problems, "OpenSSL: " + reason());
  SSL_CTX_set_min_proto_version(context_, options.min_version == tls_options::version::tls_1_3
                                              ? TLS1_3_VERSION
                                              : TLS1_2_VERSION);
  SSL_CTX_set_options(context_, SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION |
                                    SSL_OP_CIPHER_SERVER_PREFERENCE | SSL_OP_PRIORITIZE_CHACHA |
                                    SSL_OP_IGNORE_UNEXPECTED_EOF);
  SSL_CTX_set_mode(context_, SSL_MODE_RELEASE_BUFFERS | SSL_MODE_ENABLE_PARTIAL_WRITE |
                                 SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
  // One recv for a record's head and body.
  SSL_CTX_set_read_ahead(context_, 1);
  // Sessions are kept by clients, as tickets.
  SSL_CTX_set_session_cache_mode(context_, SSL_SESS_CACHE_OFF);
  SSL_CTX_set_num_tickets(context_, 1);
  std::array<unsigned char, 16> id{};
  RAND_bytes(id.data(), static_cast<int>(id.size()));
  SSL_CTX_set_session_id_context(context_, id.data(), static_cast<unsigned>(id.size()));

  set_suites(options, problems);
  set_curves(options, problems);
  load_authorities(options, problems);
  const bool has_single = !options.cert_file.empty() || !options.key_file.empty();
  if (has_single && !options.certs.empty()) {
    add(problems, "found cert_file and certs, expected one of both");
  } else if (has_single) {
    if (options.cert_file.empty()) add(problems, "found key_file without cert_file");
    if (options.key_file.empty()) add(problems, "found cert_file without key_file");
    if (!options.cert_file.empty() && !options.key_file.empty()) {
      load_certificate({options.cert_file, options.key_file}, problems);
    }
  } else if (options.certs.empty()) {
    add(problems, "found no certificate, expected cert_file and key_file, or certs");
  }
  for (const auto& each : options.certs) load_certificate(each, problems);
  SSL_CTX_set_cert_cb(context_, on_certificate_wanted, this);

  for (const auto& pin : options.pinned_certs) {
    fingerprint one{};
    if (pin.size() != 2 * one.size()) {
      add(problems, "pinned_certs: \"" + pin + "\" is no SHA-256 in hex");
      continue;
    }
    for (std::size_t i = 0; i < one.size(); ++i) {
      one[i] = static_cast<unsigned char>(nibble(pin[2 * i]) << 4U | nibble(pin[2 * i + 1]));
    }
    pins_.push_back(one);
  }
}

void tls_context::load_certificate(const tls_options::certificate& files, problems_list& problems) {
  auto& to = identities_.emplace_back();
  const auto certificates = open_file("cert_file", files.cert_file, problems);
  const auto key = open_file("key_file", files.key_file, problems);
  if (certificates == nullptr || key == nullptr) return;

  to.certificate = PEM_read_bio_X509_AUX(certificates.get(), nullptr, no_passphrase, nullptr);
  if (to.certificate == nullptr) {
    return add_of_file(problems, "cert_file", files.cert_file, "no certificate: " + reason());
  }
  to.chain = sk_X509_new_null();
  while (X509* const next =
             PEM_read_bio_X509(certificates.get(), nullptr, no_passphrase, nullptr)) {
    sk_X509_push(to.chain, next);
  }
  if (ERR_GET_REASON(ERR_peek_last_error()) != PEM_R_NO_START_LINE) {
    add_of_file(problems, "cert_file", files.cert_file, reason());
  }
  ERR_clear_error();
  to.key = PEM_read_bio_PrivateKey(key.get(), nullptr, no_passphrase, nullptr);
  if (to.key == nullptr) {
    return add_of_file(problems, "key_file", files.key_file, "no private key: " + reason());
  }
  if (X509_check_private_key(to.certificate, to.key) != 1) {
    ERR_clear_error();
    return add_of_file(problems, "key_file", files.key_file,
                       "it is not the key of the certificate in \"" + files.cert_file + '"');
  }
  // Of several, each session gets the one that fits; here they are only tried.
  if (SSL_CTX_use_cert_and_key(context_, to.certificate, to.key, to.chain, 1) != 1) {
    add_of_file(problems, "cert_file", files.cert_file, reason());
  }
  const auto* const end = X509_get0_notAfter(to.certificate);
  if (std::tm parts{}; ASN1_TIME_to_tm(end, &parts) == 1) {
    lifetimes_.push_back({files.cert_file, ::timegm(&parts)});
  }
  const auto* const begin = X509_get0_notBefore(to.certificate);
  if (X509_cmp_current_time(end) < 0) {
    add_of_file(problems, "cert_file", files.cert_file, "expired on " + shown(end), true);
  } else if (X509_cmp_current_time(begin) > 0) {
    add_of_file(problems, "cert_file", files.cert_file, "counts only from " + shown(begin), true);
  }
}

void tls_context::load_authorities(const tls_options& options, problems_list& problems) {
  const auto& file = options.ca_file;
  if (file.empty()) {
    SSL_CTX_set_default_verify_paths(context_);
  } else if (open_file("ca_file", file, problems) != nullptr) {
    if (SSL_CTX_load_verify_file(context_, file.c_str()) != 1) {
      return add_of_file(problems, "ca_file", file, "no certificates: " + reason());
    }
    SSL_CTX_set_client_CA_list(context_, SSL_load_client_CA_file(file.c_str()));
  }
  if (options.verify || options.verify_and_map) {
    SSL_CTX_set_verify(context_, SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT, nullptr);
  }
  ERR_clear_error();
}

void tls_context::set_suites(const tls_options& options, problems_list& problems) {
  std::string wanted;
  for (const auto& name : options.cipher_suites) {
    const auto* const suite = find_cipher_suite(name);
    if (suite == nullptr) {
      add(problems, "cipher_suites: unknown cipher suite " + name);
    } else if (!suite->is_secure && !options.allow_insecure_cipher_suites) {
      add(problems, "cipher_suites: " + name +
                        " is insecure, which takes allow_insecure_cipher_suites: true");
    } else if (!suite->openssl.empty()) {
      if (SSL_CTX_set_cipher_list(context_, std::string(suite->openssl).c_str()) != 1) {
        ERR_clear_error();
        add(problems, "cipher_suites: this OpenSSL has no " + name, true);
        continue;
      }
      wanted.append(wanted.empty() ? "" : ":").append(suite->openssl);
    }
  }
  // As nats-server has them: OpenSSL would take AES-256 first, which costs a quarter more.
  SSL_CTX_set_ciphersuites(
      context_, "TLS_AES_128_GCM_SHA256:TLS_AES_256_GCM_SHA384:TLS_CHACHA20_POLY1305_SHA256");
  // Those of TLS 1.3 are always there, so a list of nothing else leaves TLS 1.2 as it is.
  if (wanted.empty()) wanted = secure_cipher_suites();
  if (SSL_CTX_set_cipher_list(context_, wanted.c_str()) != 1) {
    add(problems, "cipher_suites: " + reason());
  }
}

void tls_context::set_curves(const tls_options& options, problems_list& problems) {
  std::string wanted;
  for (const auto& name : options.curve_preferences) {
    const auto* const one = find_curve(name);
    if (one == nullptr) {
      add(problems, "curve_preferences: unknown curve " + name);
    } else if (SSL_CTX_set1_groups_list(context_, std::string(one->openssl).c_str()) != 1) {
      ERR_clear_error();
      add(problems, "curve_preferences: this OpenSSL has no " + name, true);
    } else {
      wanted.append(wanted.empty() ? "" : ":").append(one->openssl);
    }
  }
  if (!wanted.empty()) SSL_CTX_set1_groups_list(context_, wanted.c_str());
}

SSL* tls_context::new_session() const {
  return SSL_new(context_);
}

bool tls_context::is_pinned(const fingerprint& key) const {
  return std::find(pins_.begin(), pins_.end(), key) != pins_.end();
}

int tls_context::choose_certificate(SSL* session) const {
  if (identities_.size() == 1) return 1;  // each session has it from the start
  const char* const host = SSL_get_servername(session, TLSEXT_NAMETYPE_host_name);
  const identity* chosen = nullptr;
  for (const auto& each : identities_) {
    if (host != nullptr && X509_check_host(each.certificate, host, 0, 0, nullptr) != 1) continue;
    const auto fits = SSL_check_chain(session, each.certificate, each.key, each.chain);
    if ((static_cast<unsigned>(fits) & CERT_PKEY_VALID) == 0) continue;
    if (!has_suite_for(session, each.key)) continue;
    chosen = &each;
    break;
  }
  if (chosen == nullptr) chosen = &identities_.front();
  SSL_certs_clear(session);
  const int is_good =
      SSL_use_cert_and_key(session, chosen->certificate, chosen->key, chosen->chain, 1);
  ERR_clear_error();
  return is_good;
}

std::vector<tls_problem> check(const tls_options& options) {
  std::vector<tls_problem> out;
  [[maybe_unused]] const auto tried = tls_context::make(options, out);
  return out;
}

}  // namespace nuncio::server
