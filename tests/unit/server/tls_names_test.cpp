#include "net/tls_names.hpp"

#include "net/admission.hpp"
#include "net/rate_counter.hpp"

#include <doctest/doctest.h>

#include <chrono>
#include <optional>
#include <string>

using namespace nuncio::server;
using namespace std::chrono_literals;

TEST_CASE("tls names: cipher suites by Go's names") {
  REQUIRE(find_cipher_suite("TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256") != nullptr);
  const auto& suite = *find_cipher_suite("TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256");
  CHECK(suite.openssl == "ECDHE-RSA-AES128-GCM-SHA256");
  CHECK(suite.is_secure);
  CHECK_FALSE(find_cipher_suite("TLS_RSA_WITH_AES_128_GCM_SHA256")->is_secure);
  CHECK(find_cipher_suite("TLS_AES_128_GCM_SHA256")->openssl.empty());
  CHECK(find_cipher_suite("ECDHE-RSA-AES128-GCM-SHA256") == nullptr);
  CHECK(find_cipher_suite("") == nullptr);
}

TEST_CASE("tls names: the secure suites are those of the table") {
  const std::string all = ":" + std::string(secure_cipher_suites()) + ":";
  std::size_t count = 0;
  for (const auto* const name :
       {"TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384", "TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384",
        "TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256", "TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256",
        "TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256",
        "TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256", "TLS_ECDHE_ECDSA_WITH_AES_256_CBC_SHA",
        "TLS_ECDHE_RSA_WITH_AES_256_CBC_SHA", "TLS_ECDHE_ECDSA_WITH_AES_128_CBC_SHA",
        "TLS_ECDHE_RSA_WITH_AES_128_CBC_SHA"}) {
    CAPTURE(name);
    const auto* const suite = find_cipher_suite(name);
    REQUIRE(suite != nullptr);
    CHECK(suite->is_secure);
    CHECK(all.find(":" + std::string(suite->openssl) + ":") != std::string::npos);
    count += suite->openssl.size() + 1;
  }
  CHECK(count + 1 == all.size());
}

TEST_CASE("tls names: curves by Go's names") {
  CHECK(find_curve("CurveP256")->openssl == "P-256");
  CHECK(find_curve("X25519")->openssl == "X25519");
  CHECK(find_curve("P-256") == nullptr);
}

TEST_CASE("admission: so many at a time, the others in their order") {
  admission door(2);
  CHECK(door.enter(1));
  CHECK(door.enter(2));
  CHECK_FALSE(door.enter(3));
  CHECK_FALSE(door.enter(4));
  CHECK(door.leave() == 3);
  CHECK(door.leave() == 4);
  CHECK_FALSE(door.enter(5));
  CHECK(door.leave() == 5);
  CHECK(door.leave() == std::nullopt);
  CHECK(door.leave() == std::nullopt);
  CHECK(door.enter(6));
}

TEST_CASE("rate counter: so many in each second, any number without a limit") {
  rate_counter rate;
  const std::chrono::steady_clock::time_point start{100s};
  CHECK(rate.allow(2, start));
  CHECK(rate.allow(2, start + 999ms));
  CHECK_FALSE(rate.allow(2, start + 999ms));
  CHECK(rate.allow(2, start + 1s));
  CHECK(rate.allow(2, start + 1s));
  CHECK_FALSE(rate.allow(2, start + 1500ms));
  CHECK(rate.allow(0, start + 1500ms));
  CHECK(rate.allow(-1, start + 1500ms));
}
