#include "certificates.hpp"
#include "config/load.hpp"

#include <doctest/doctest.h>

#include <functional>
#include <string>
#include <string_view>
#include <vector>

using namespace nuncio::server;
using namespace nuncio::server::config;
using namespace std::chrono_literals;

namespace {

loaded read(std::string_view text) {
  const surroundings nothing{
      [](const std::string&) { return surroundings::read_result{{}, "there are no files"}; },
      [](const std::string&) { return std::nullopt; }};
  return interpret(parse_text(text, "t.conf", nothing));
}

std::string wrong(std::string_view text) {
  const auto out = read(text);
  std::string all;
  for (const auto& each : out.problems) {
    if (!all.empty()) all += '\n';
    all += (each.is_warning ? "warning: " : "") + to_string(each, out.files);
  }
  return all;
}

// The files of a certificate that is good.
std::string good_files() {
  static nuncio::test::certificates authority;
  static const auto pair = authority.sign("IP:127.0.0.1");
  return "cert_file: \"" + pair.certificate + "\", key_file: \"" + pair.key + "\", ";
}

}  // namespace

TEST_CASE("config: of two options that name one file each says what is wrong with it") {
  const auto said = wrong("tls { cert_file: \"/\",\n  key_file: \"/\" }");
  CHECK(said.starts_with("t.conf:1:18: tls: cert_file \"/\": "));
  CHECK(said.find("\nt.conf:2:13: tls: key_file \"/\": ") != std::string::npos);
}

TEST_CASE("config: what a block tls says goes where its keys say") {
  struct row {
    std::string text;
    std::function<bool(const tls_options&)> holds;
  };
  using first = tls_options::first_word;
  const std::string pin(64, 'A');
  for (const auto& [text, holds] : std::vector<row>{
           {"", [](auto& t) { return !t.verify && t.timeout == 2s && t.first == first::info; }},
           {"verify: true", [](auto& t) { return t.verify; }},
           {"verify_and_map: true", [](auto& t) { return t.verify_and_map; }},
           {"insecure: true", [](auto& t) { return t.insecure; }},
           {"timeout: 5", [](auto& t) { return t.timeout == 5s; }},
           {"timeout: 0.5", [](auto& t) { return t.timeout == 500ms; }},
           {"timeout: \"3s\"", [](auto& t) { return t.timeout == 3s; }},
           {"timeout: 0", [](auto& t) { return t.timeout == 2s; }},
           {"min_version: \"1.3\"",
            [](auto& t) { return t.min_version == tls_options::version::tls_1_3; }},
           {"handshake_first: true", [](auto& t) { return t.first == first::handshake; }},
           {"first: \"on\"", [](auto& t) { return t.first == first::handshake; }},
           {"immediate: false", [](auto& t) { return t.first == first::info; }},
           {"handshake_first: auto",
            [](auto& t) { return t.first == first::either && t.first_patience == 50ms; }},
           {"handshake_first: \"300ms\"",
            [](auto& t) { return t.first == first::either && t.first_patience == 300ms; }},
           {"connection_rate_limit: 7", [](auto& t) { return t.connection_rate_limit == 7; }},
           {"cipher_suites: [TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256]",
            [](auto& t) { return t.cipher_suites.size() == 1; }},
           {"curve_preferences: [CurveP256, X25519]",
            [](auto& t) { return t.curve_preferences.size() == 2; }},
           {"pinned_certs: [" + pin + "]",
            [&](auto& t) { return t.pinned_certs == std::vector{pin}; }},
       }) {
    CAPTURE(text);
    const auto all = "tls { " + good_files() + text + " }";
    CHECK(wrong(all).empty());
    const auto got = read(all).options.node.tls;
    REQUIRE(got.has_value());
    CHECK(holds(got.value()));
  }
  CHECK_FALSE(read("").options.node.tls.has_value());
  CHECK(read("allow_non_tls: true").options.node.allow_non_tls);
  const auto several = "tls { certs: [ { " + good_files() + "} ] }";
  CHECK(wrong(several).empty());
  CHECK(read(several).options.node.tls.value().certs.size() == 1);
}

TEST_CASE("config: mistakes in a block tls are said where they are") {
  CHECK(wrong("tls {\n  cert_file: \"/gone.pem\"\n  key_file: \"/gone.key\"\n}") ==
        "t.conf:2:14: tls: cert_file \"/gone.pem\": No such file or directory\n"
        "t.conf:3:13: tls: key_file \"/gone.key\": No such file or directory");
  const auto says = [](const std::string& inside, std::string_view what) {
    CAPTURE(inside);
    const auto all = wrong("tls { " + good_files() + inside + " }");
    CAPTURE(all);
    CHECK(all.find(what) != std::string::npos);
  };
  says("cipher_suites: [nope]", "cipher_suites: found \"nope\", expected names of cipher suites");
  says("cipher_suites: []", "expected a list, not empty");
  says("cipher_suites: [TLS_RSA_WITH_AES_128_CBC_SHA]", "allow_insecure_cipher_suites");
  says("curve_preferences: [nope]", "expected X25519MLKEM768, X25519");
  says("pinned_certs: [aa]", "64 digits in hex");
  says("min_version: 1.2", "expected \"1.2\" or \"1.3\", with quotes");
  says("min_version: \"1.1\"", "expected \"1.2\" or \"1.3\"");
  says("handshake_first: 10", "expected true, false, auto or a duration");
  says("handshake_first: soon", "expected true, false, auto or a duration");
  says("verify_cert_and_check_known_urls: true", "for routes and gateways");
  says("ocsp_peer: true", "not supported yet");
  says("cert_store: x", "not supported yet");
  says("verfy: true", "did you mean verify?");
  says("certs: [ { cert_file: x } ]", "without cert_file or key_file");
  CHECK(wrong("tls {}").find("t.conf:1:1: tls: found no certificate") == 0);
  CHECK(wrong("tls: true").find("expected a map") != std::string::npos);
}
