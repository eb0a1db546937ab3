#include <nuncio/protocol/base64.hpp>
#include <nuncio/protocol/creds.hpp>

#include <doctest/doctest.h>

#include <span>
#include <string>
#include <string_view>

using namespace nuncio::protocol;

namespace {

constexpr std::string_view seed = "SUACSSL3UAHUDXKFSNVUZRF5UHPMWZ6BFDTJ7M6USDXIEDNPPQYYYCU3VY";
constexpr std::string_view jwt = "eyJ0eXAi.eyJqdGki.x-y_z";

std::string whole() {
  return "-----BEGIN NATS USER JWT-----\n" + std::string(jwt) +
         "\n------END NATS USER JWT------\n\n"
         "************************* IMPORTANT *************************\n"
         "NKEY Seed printed below can be used to sign and prove identity.\n\n"
         "-----BEGIN USER NKEY SEED-----\n" +
         std::string(seed) +
         "\n------END USER NKEY SEED------\n\n"
         "*************************************************************\n";
}

}  // namespace

TEST_CASE("creds: what nsc writes is read") {
  const auto found = parse_creds(whole());
  REQUIRE(found);
  CHECK(found->jwt == jwt);
  CHECK(found->seed == seed);
  CHECK(find_seed(whole()) == seed);
}

TEST_CASE("creds: line ends, blanks and the number of dashes don't matter") {
  std::string text = "--- j ---\r\n  " + std::string(jwt) + "\t\r\n\r\n--- e ---\r\n--- s ---\r\n" +
                     std::string(seed) + "\r\n---e---";
  auto found = parse_creds(text);
  REQUIRE(found);
  CHECK(found->jwt == jwt);
  CHECK(found->seed == seed);
  // The seed may come first, or not at all.
  found = parse_creds("---s---\n" + std::string(seed) + "\n---e---\n---j---\n" + std::string(jwt));
  REQUIRE(found);
  CHECK(found->seed == seed);
  found = parse_creds("---j---\n" + std::string(jwt) + "\n---e---\n");
  REQUIRE(found);
  CHECK(found->seed.empty());
}

TEST_CASE("creds: without a JWT, or with something else in a block, nothing is returned") {
  const auto framed = [](std::string_view line) {
    return "---a---\n" + std::string(line) + "\n---e---\n";
  };
  for (const auto& text : {std::string(), std::string("text"), framed(seed), framed("a.b"),
                           framed("a.b.c.d"), framed("a.b.c d"), framed(jwt) + framed("SUWRONG"),
                           framed(jwt) + framed(jwt), std::string(jwt)}) {
    CAPTURE(text);
    CHECK_FALSE(parse_creds(text));
  }
}

TEST_CASE("creds: a bare seed is found in any file") {
  CHECK(find_seed(std::string(seed)) == seed);
  CHECK(find_seed("# mine\n  " + std::string(seed) + "\r\n") == seed);
  CHECK_FALSE(find_seed("# none"));
  CHECK_FALSE(find_seed(""));
}

TEST_CASE("base64: any length is written without padding") {
  const std::string_view bytes =
      "\xfb\xff\xfe"
      "any";
  const char* const expected[] = {"", "-w", "-_8", "-__-", "-__-YQ", "-__-YW4", "-__-YW55"};
  for (std::size_t size = 0; size <= bytes.size(); ++size) {
    CAPTURE(size);
    CHECK(to_base64url(std::as_bytes(std::span(bytes.substr(0, size)))) == expected[size]);
  }
}
