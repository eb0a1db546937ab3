#include "schema.hpp"
#include "types.hpp"

#include <nuncio/server/tls.hpp>

#include <algorithm>
#include <utility>

// The block `tls`.
namespace nuncio::server::config {
namespace {

using enum change;
using std::chrono::milliseconds;

// Mistakes in a file are said where it is named.
struct file_type : text_type {
  file_type() { expected = "the name of a file"; }

  void read(const value& found, std::string& into, reading& to) const {
    text_type::read(found, into, to);
    to.files.insert_or_assign(file_of_option(to_lower(to.key), into), found.at);
  }
};

// A list of texts that are known.
template <class Known>
option<tls_options> names_row(std::string_view names,
                              std::vector<std::string> tls_options::* member,
                              std::string_view type,
                              const std::string& expected,
                              std::string_view help,
                              Known is_known) {
  auto out = row(names, member, texts_type{type, expected}, new_connections, help);
  out.read = [member, expected, is_known](const value& found, tls_options& into, reading& to) {
    if (found.what != kind::list || found.items.empty()) {
      return to.expected(found, "a list, not empty, of " + expected);
    }
    auto& all = into.*member;
    all.clear();
    for (const auto& each : found.items) {
      if (each.what != kind::text || !is_known(each.text)) {
        to.expected(each, expected);
      } else {
        all.push_back(each.text);
      }
    }
  };
  return out;
}

bool is_pin(std::string_view text) noexcept {
  return text.size() == 64 && text.find_first_not_of("0123456789abcdefABCDEF") == text.npos;
}

void read_version(const value& found, tls_options& into, reading& to) {
  if (found.what == kind::text && found.text == "1.2") {
    into.min_version = tls_options::version::tls_1_2;
  } else if (found.what == kind::text && found.text == "1.3") {
    into.min_version = tls_options::version::tls_1_3;
  } else {
    to.expected(found, "\"1.2\" or \"1.3\", with quotes");
  }
}

void read_first(const value& found, tls_options& into, reading& to) {
  using enum tls_options::first_word;
  constexpr std::string_view expected = "true, false, auto or a duration, such as \"50ms\"";
  if (found.what == kind::boolean) {
    into.first = found.boolean ? handshake : info;
    return;
  }
  if (found.what != kind::text) return to.expected(found, expected);
  const auto is = [&](std::string_view word) { return same_name(found.text, word); };
  if (is("true") || is("on")) {
    into.first = handshake;
  } else if (is("false") || is("off")) {
    into.first = info;
  } else {
    into.first = either;
    into.first_patience = tls_options().first_patience;
    if (is("auto") || is("auto_fallback")) return;
    duration_from(std::chrono::nanoseconds(1), expected).read(found, into.first_patience, to);
  }
}

const block<tls_options::certificate>& certificate_rows() {
  using certificate = tls_options::certificate;
  static const block<certificate> rows{
      row("cert_file", &certificate::cert_file, file_type(), new_connections, "The certificate"),
      row("key_file", &certificate::key_file, file_type(), new_connections, "Its private key"),
  };
  return rows;
}

void read_certificates(const value& found, tls_options& into, reading& to) {
  if (found.what != kind::list) return to.expected(found, "a list of maps [ { … }, … ]");
  into.certs.clear();
  for (const auto& each : found.items) {
    auto& one = into.certs.emplace_back();
    read_block(each, one, certificate_rows(), to);
    if (each.what == kind::map && (one.cert_file.empty() || one.key_file.empty())) {
      to.error(each.at, "found a certificate without cert_file or key_file, expected both");
    }
  }
}

option<tls_options> absent(std::string_view names, std::string_view help) {
  return custom_row<tls_options>(names, "refused", restart, help,
                                 [](const value& found, tls_options&, reading& to) {
                                   to.not_supported(found.at, shown(found));
                                 });
}

}  // namespace

const block<tls_options>& tls_rows() {
  static const block<tls_options> rows = [] {
    auto certificates = custom_row<tls_options>(
        "certs|certificates", "list of maps", new_connections,
        "Several certificates instead: the first that fits what a client asks for",
        read_certificates);
    certificates.inside = [] { return describe(certificate_rows()); };
    auto version = custom_row<tls_options>("min_version", "\"1.2\" or \"1.3\"", new_connections,
                                           "The oldest version of TLS", read_version);
    version.show = [](const tls_options& from) {
      return from.min_version == tls_options::version::tls_1_2 ? "1.2" : "1.3";
    };
    auto first = custom_row<tls_options>(
        "handshake_first|first|immediate", "true, false, auto or duration", new_connections,
        "The handshake comes before INFO; auto or a duration: if it comes within 50 ms, or that",
        read_first);
    first.show = [](const tls_options&) { return "false"; };
    return block<tls_options>{
        row("cert_file", &tls_options::cert_file, file_type(), new_connections,
            "The server's certificate, with those that vouch for it behind"),
        row("key_file", &tls_options::key_file, file_type(), new_connections, "Its private key"),
        std::move(certificates),
        row("ca_file", &tls_options::ca_file, file_type(), new_connections,
            "Who vouches for clients' certificates; without it, whom the system trusts"),
        row("verify", &tls_options::verify, boolean_type(), new_connections,
            "Clients need a certificate"),
        row("verify_and_map", &tls_options::verify_and_map, boolean_type(), new_connections,
            "Likewise, and it says which user a client is"),
        row("insecure", &tls_options::insecure, boolean_type(), new_connections,
            "Means nothing here"),
        row("timeout", &tls_options::timeout, seconds(), new_connections,
            "How long a handshake may take; 0: 2 s"),
        names_row("cipher_suites", &tls_options::cipher_suites, "list",
                  "names of cipher suites, such as TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256",
                  "Cipher suites of TLS 1.2; without it, those that are secure", is_cipher_suite),
        row("allow_insecure_cipher_suites", &tls_options::allow_insecure_cipher_suites,
            boolean_type(), new_connections, "Insecure ones may be among them"),
        names_row("curve_preferences", &tls_options::curve_preferences, "list",
                  "X25519MLKEM768, X25519, CurveP256, CurveP384 or CurveP521",
                  "Curves for the exchange of keys, in their order", is_curve),
        std::move(version),
        std::move(first),
        row("connection_rate_limit", &tls_options::connection_rate_limit,
            number(std::numeric_limits<std::int64_t>::min()), new_connections,
            "Handshakes each second; 0 or less: no limit"),
        names_row("pinned_certs", &tls_options::pinned_certs, "list",
                  "SHA-256 of public keys, 64 digits in hex",
                  "The only keys that clients' certificates may have", is_pin),
        custom_row<tls_options>(
            "verify_cert_and_check_known_urls", "refused", restart, "For routes and gateways only",
            [](const value& found, tls_options&, reading& to) {
              bool wanted = false;
              boolean_type().read(found, wanted, to);
              to.error(found.at, "found " + shown(found) + ", which is for routes and gateways");
            }),
        absent("ocsp_peer", "Ask who vouches whether a certificate still counts"),
        absent("cert_store", "Certificates of Windows"),
        absent("cert_store_skip_invalid", "Certificates of Windows"),
        absent("cert_match", "Certificates of Windows"),
        absent("cert_match_by", "Certificates of Windows"),
        absent("cert_match_skip_invalid", "Certificates of Windows"),
        absent("ca_certs_match", "Certificates of Windows"),
    };
  }();
  return rows;
}

void read_tls(const value& found, std::optional<tls_options>& into, reading& to) {
  auto& tls = into.emplace();
  read_block(found, tls, tls_rows(), to);
  if (tls.timeout.count() == 0) tls.timeout = tls_options().timeout;
}

option<options> tls_row() {
  auto out = custom_row<options>(
      "tls", "map", new_connections, "TLS for clients",
      [](const value& found, options& into, reading& to) { read_tls(found, into.tls, to); });
  out.inside = [] { return describe(tls_rows()); };
  out.same = [](const options& a, const options& b) { return a.tls == b.tls; };
  return out;
}

}  // namespace nuncio::server::config
