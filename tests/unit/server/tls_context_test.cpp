#include "net/tls_context.hpp"

#include "certificates.hpp"
#include "temporary_file.hpp"

#include <nuncio/server/log.hpp>
#include <nuncio/server/server.hpp>

#include <doctest/doctest.h>

#include <stdexcept>
#include <string>

using namespace nuncio::server;
using nuncio::test::certificates;
using nuncio::test::temporary_file;

namespace {

certificates& authority() {
  static certificates instance;
  return instance;
}

tls_options with(const certificates::pair& its) {
  tls_options out;
  out.cert_file = its.certificate;
  out.key_file = its.key;
  return out;
}

// A line for each thing that is wrong.
std::string wrong(const tls_options& options) {
  std::string out;
  for (const auto& each : check(options)) {
    out += (each.is_warning ? "warning: " : "") + each.text + '\n';
  }
  return out;
}

bool says(const std::string& text, const std::string& part) {
  CAPTURE(text);
  CAPTURE(part);
  return text.find(part) != std::string::npos;
}

}  // namespace

TEST_CASE("tls context: what is right says nothing") {
  const auto good = authority().sign("DNS:a.test");
  auto options = with(good);
  CHECK(wrong(options).empty());
  options.ca_file = authority().ca();
  options.verify = true;
  options.cipher_suites = {"TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256", "TLS_AES_128_GCM_SHA256"};
  options.curve_preferences = {"CurveP256", "X25519"};
  options.pinned_certs = {std::string(64, 'a')};
  CHECK(wrong(options).empty());
  tls_options several;
  several.certs = {{good.certificate, good.key}, {good.certificate, good.key}};
  CHECK(wrong(several).empty());
}

TEST_CASE("tls context: errors name the file and the reason") {
  const auto good = authority().sign("DNS:a.test");
  const auto other = authority().sign("DNS:b.test");
  const temporary_file rubbish("rubbish\n");

  auto options = with(good);
  options.cert_file = "/gone.pem";
  CHECK(wrong(options) == "cert_file \"/gone.pem\": No such file or directory\n");
  options = with(good);
  options.key_file = "/gone.key";
  CHECK(wrong(options) == "key_file \"/gone.key\": No such file or directory\n");
  options.key_file = rubbish.path();
  CHECK(says(wrong(options), "key_file \"" + rubbish.path() + "\": no private key"));
  options.key_file = other.key;
  CHECK(wrong(options) == "key_file \"" + other.key +
                              "\": it is not the key of the certificate in \"" + good.certificate +
                              "\"\n");
  options = with(good);
  options.cert_file = rubbish.path();
  CHECK(says(wrong(options), "cert_file \"" + rubbish.path() + "\": no certificate"));
  options = with(good);
  options.ca_file = rubbish.path();
  CHECK(says(wrong(options), "ca_file \"" + rubbish.path() + "\": no certificates"));
  options.ca_file = "/gone.ca";
  CHECK(wrong(options) == "ca_file \"/gone.ca\": No such file or directory\n");
  options.cert_file = options.key_file = options.ca_file = "/";
  CHECK(wrong(options) ==
        "ca_file \"/\": Is a directory\n"
        "cert_file \"/\": Is a directory\n"
        "key_file \"/\": Is a directory\n");
}

TEST_CASE("tls context: a certificate needs its key, and there must be one") {
  const auto good = authority().sign("DNS:a.test");
  CHECK(says(wrong({}), "found no certificate"));
  tls_options half;
  half.cert_file = good.certificate;
  CHECK(says(wrong(half), "cert_file without key_file"));
  auto both = with(good);
  both.certs = {{good.certificate, good.key}};
  CHECK(says(wrong(both), "expected one of both"));
}

TEST_CASE("tls context: a key that needs a passphrase is an error, not a question") {
  const auto good = authority().sign("DNS:a.test");
  const temporary_file locked("");
  const auto command = "openssl ec -in " + good.key + " -out " + locked.path() +
                       " -aes256 -passout pass:secret >/dev/null 2>&1 </dev/null";
  // NOLINTNEXTLINE(concurrency-mt-unsafe,bugprone-command-processor,cert-env33-c): tests only
  REQUIRE(std::system(command.c_str()) == 0);
  auto options = with(good);
  options.key_file = locked.path();
  CHECK(says(wrong(options), "key_file \"" + locked.path() + "\": no private key"));
}

TEST_CASE("tls context: a certificate that has expired is doubtful, not wrong") {
  const auto old = authority().sign("DNS:a.test", -1);
  const auto found = check(with(old));
  REQUIRE(found.size() == 1);
  CHECK(found[0].is_warning);
  CHECK(found[0].file == old.certificate);
  CHECK(says(found[0].text, "expired on "));
}

TEST_CASE("tls context: suites are known, and insecure ones only on demand") {
  auto options = with(authority().sign("DNS:a.test"));
  options.cipher_suites = {"TLS_RSA_WITH_AES_128_GCM_SHA256"};
  CHECK(says(wrong(options), "allow_insecure_cipher_suites"));
  options.allow_insecure_cipher_suites = true;
  CHECK(wrong(options).empty());
  options.cipher_suites = {"nope"};
  CHECK(says(wrong(options), "unknown cipher suite nope"));
  options.cipher_suites.clear();
  options.curve_preferences = {"nope"};
  CHECK(says(wrong(options), "unknown curve nope"));
}

TEST_CASE("tls context: a server does not come to be with one that is wrong") {
  silent_log log;
  options all;
  all.tls.emplace().cert_file = "/gone.pem";
  all.tls->key_file = "/gone.key";
  CHECK_THROWS_AS(server(all, log), std::invalid_argument);
}
