#include "tls_session.hpp"

#include <fmt/format.h>

#include <openssl/asn1.h>
#include <openssl/evp.h>
#include <openssl/objects.h>
#include <openssl/ssl.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>

#include <array>
#include <string_view>
#include <utility>

// What a client's certificate says of who it is.
namespace nuncio::server {
namespace {

// Source: RFC 4519 and RFC 2253, as nats-server names them; all others stay numbers.
constexpr std::array<std::pair<std::string_view, std::string_view>, 10> short_names{{
    {"2.5.4.3", "CN"},
    {"2.5.4.5", "SERIALNUMBER"},
    {"2.5.4.6", "C"},
    {"2.5.4.7", "L"},
    {"2.5.4.8", "ST"},
    {"2.5.4.9", "STREET"},
    {"2.5.4.10", "O"},
    {"2.5.4.11", "OU"},
    {"2.5.4.17", "POSTALCODE"},
    {"0.9.2342.19200300.100.1.25", "DC"},
}};

std::string type_of(const ASN1_OBJECT* object) {
  std::array<char, 128> number{};
  OBJ_obj2txt(number.data(), number.size(), object, 1);
  for (const auto& [known, name] : short_names) {
    if (known == number.data()) return std::string(name);
  }
  return number.data();
}

std::string utf8(const ASN1_STRING* text) {
  unsigned char* bytes = nullptr;
  const int size = ASN1_STRING_to_UTF8(&bytes, text);
  std::string out;
  if (size > 0) out.assign(reinterpret_cast<const char*>(bytes), static_cast<std::size_t>(size));
  OPENSSL_free(bytes);
  return out;
}

distinguished_name subject_of(const X509* certificate) {
  distinguished_name out;
  const X509_NAME* const name = X509_get_subject_name(certificate);
  int last_set = -1;
  for (int i = 0; i < X509_NAME_entry_count(name); ++i) {
    const X509_NAME_ENTRY* const entry = X509_NAME_get_entry(name, i);
    const int set = X509_NAME_ENTRY_set(entry);
    if (std::exchange(last_set, set) != set) out.parts.emplace_back();
    out.parts.back().push_back(
        {type_of(X509_NAME_ENTRY_get_object(entry)), utf8(X509_NAME_ENTRY_get_data(entry))});
  }
  return out;
}

std::string hex(const tls_context::fingerprint& bytes) {
  std::string out;
  for (const unsigned byte : bytes) out += fmt::format("{:02x}", byte);
  return out;
}

}  // namespace

std::unique_ptr<certificate_names> tls_session::names() const {
  X509* const certificate = SSL_get0_peer_certificate(ssl_);
  if (certificate == nullptr) return nullptr;
  auto out = std::make_unique<certificate_names>();
  out->subject = subject_of(certificate);
  out->subject_texts = subject_texts(out->subject);
  auto* const alternatives = static_cast<GENERAL_NAMES*>(
      X509_get_ext_d2i(certificate, NID_subject_alt_name, nullptr, nullptr));
  for (const int kind : {GEN_EMAIL, GEN_DNS, GEN_URI}) {
    for (int i = 0; i < sk_GENERAL_NAME_num(alternatives); ++i) {
      const GENERAL_NAME* const each = sk_GENERAL_NAME_value(alternatives, i);
      if (each->type != kind) continue;
      auto text = utf8(each->d.ia5);
      // A zero hides what follows from those who read names as C does.
      if (text.empty() || text.find('\0') != std::string::npos) continue;
      out->alternatives.push_back(std::move(text));
    }
  }
  GENERAL_NAMES_free(alternatives);
  return out;
}

tls_context::fingerprint tls_session::fingerprint_of(X509* certificate) {
  tls_context::fingerprint out{};
  unsigned char* der = nullptr;
  const int size = i2d_X509_PUBKEY(X509_get_X509_PUBKEY(certificate), &der);
  if (size > 0) {
    EVP_Digest(der, static_cast<std::size_t>(size), out.data(), nullptr, EVP_sha256(), nullptr);
  }
  OPENSSL_free(der);
  return out;
}

certificate_view tls_session::view_of(X509* certificate) {
  certificate_view out;
  const auto texts = subject_texts(subject_of(certificate));
  if (!texts.empty()) out.subject = texts.front();
  out.spki_sha256 = hex(fingerprint_of(certificate));
  tls_context::fingerprint whole{};
  X509_digest(certificate, EVP_sha256(), whole.data(), nullptr);
  out.cert_sha256 = hex(whole);
  return out;
}

std::unique_ptr<tls_view> tls_session::view(bool with_certificates) const {
  auto out = std::make_unique<tls_view>();
  // Of `TLSv1.3`.
  out->version = std::string_view(SSL_get_version(ssl_)).substr(4);
  out->cipher_suite = SSL_CIPHER_standard_name(SSL_get_current_cipher(ssl_));
  if (!with_certificates) return out;
  // On the server's side the chain leaves the peer's own certificate out.
  if (X509* const own = SSL_get0_peer_certificate(ssl_); own != nullptr) {
    out->peer_certificates.push_back(view_of(own));
  }
  const STACK_OF(X509)* const chain = SSL_get_peer_cert_chain(ssl_);
  for (int i = 0; i < sk_X509_num(chain); ++i) {
    out->peer_certificates.push_back(view_of(sk_X509_value(chain, i)));
  }
  return out;
}

}  // namespace nuncio::server
