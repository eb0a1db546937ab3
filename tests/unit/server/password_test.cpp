#include "auth/password.hpp"

#include <doctest/doctest.h>

#include <string>
#include <string_view>

using namespace nuncio::server;
using namespace std::string_view_literals;

namespace {

// Made by golang.org/x/crypto/bcrypt, cost 4.
constexpr auto secret = "$2a$04$PABrDyp5cDHwipunkgmBPOACTxNOPqo2nZha4EyZBHicmFIvqMHCS"sv;
constexpr auto empty = "$2a$04$zN2Sh2mjEMsi.w1w7fu1WOE9RIYx.apK92dNJV2A5p4chLaZod/XG"sv;
constexpr auto high_bytes = "$2a$04$zoRQOqueGHh3EY6eYh2J1eVXIJDlrhI6.hyesY7nCFsLcob6rH5ga"sv;
constexpr auto longest = "$2a$04$bFXLeZ.mNofXPKx.NpwciuyP6aMZTOCfCE3QoOgoQkqNiAfxGRD3C"sv;
const std::string seventy_two =
    "0123456789012345678901234567890123456789012345678901234567890123456789ab";

std::string with(std::string_view stored, std::size_t at, std::string_view instead) {
  std::string text(stored);
  return text.replace(at, instead.size(), instead);
}

}  // namespace

TEST_CASE("password: a bcrypt string is known by its beginning") {
  for (const auto yes : {"$2a$10$"sv, "$2b$04$abc"sv, "$2x$99$"sv, "$2y$11$\n"sv, secret}) {
    CAPTURE(yes);
    CHECK(is_bcrypt(yes));
  }
  for (const auto no : {""sv, "$"sv, "$2"sv, "$2$10$abc"sv, "$2c$10$"sv, "$2a$1$"sv, "$2a$1x$"sv,
                        "$2a$10"sv, "$1a$10$"sv, "2a$10$"sv, " $2a$10$"sv, "secret"sv}) {
    CAPTURE(no);
    CHECK_FALSE(is_bcrypt(no));
  }
}

TEST_CASE("password: a plain one matches itself only") {
  CHECK(matches_plain("secret", "secret"));
  CHECK(matches_plain("", ""));
  CHECK_FALSE(matches_plain("secret", ""));
  CHECK_FALSE(matches_plain("", "secret"));
  CHECK_FALSE(matches_plain("secret", "secreT"));
  CHECK_FALSE(matches_plain("secret", "secret "));
  CHECK_FALSE(matches_plain("a\0b"sv, "a\0c"sv));
  const std::string large(100'000, 'x');
  CHECK(matches_plain(large, large));
  CHECK_FALSE(matches_plain(large, large + 'x'));
}

TEST_CASE("password: bcrypt strings of the reference match what they were made of") {
  CHECK(matches_bcrypt(secret, "secret"));
  CHECK_FALSE(matches_bcrypt(secret, "secreT"));
  CHECK_FALSE(matches_bcrypt(secret, ""));
  CHECK_FALSE(matches_bcrypt(secret, secret));
  CHECK(matches_bcrypt(empty, ""));
  CHECK_FALSE(matches_bcrypt(empty, "x"));
}

TEST_CASE("password: all minor versions of bcrypt are read as one, also with bytes above 127") {
  for (const auto* const minor : {"a", "b", "x", "y"}) {
    CAPTURE(minor);
    CHECK(matches_bcrypt(with(secret, 2, minor), "secret"));
    CHECK(matches_bcrypt(with(high_bytes, 2, minor), "p\xffq\xa3\x80"));
    CHECK_FALSE(matches_bcrypt(with(high_bytes, 2, minor), "p\xffq\xa3\x81"));
  }
}

TEST_CASE("password: bcrypt looks at the first 72 bytes") {
  CHECK(matches_bcrypt(longest, seventy_two));
  CHECK(matches_bcrypt(longest, seventy_two + "tail"));
  CHECK(matches_bcrypt(longest, seventy_two + std::string(10'000, 'x')));
  CHECK(matches_bcrypt(longest, seventy_two + std::string(1, '\0')));
  CHECK_FALSE(matches_bcrypt(longest, seventy_two.substr(0, 71)));
}

TEST_CASE("password: what follows a zero is not passed over") {
  CHECK_FALSE(matches_bcrypt(secret, "secret\0"sv));
  CHECK_FALSE(matches_bcrypt(secret, "secret\0more"sv));
  CHECK_FALSE(matches_bcrypt(empty, "\0"sv));
}

TEST_CASE("password: what follows a bcrypt string doesn't count, and one cut short never matches") {
  CHECK(matches_bcrypt(std::string(secret) + "xyz", "secret"));
  for (std::size_t size = 0; size < secret.size(); ++size) {
    CAPTURE(size);
    CHECK_FALSE(matches_bcrypt(secret.substr(0, size), "secret"));
  }
}

TEST_CASE("password: strings that only begin like bcrypt match nothing") {
  for (const auto* const cost : {"00", "03", "32", "99"}) {
    CAPTURE(cost);
    CHECK_FALSE(matches_bcrypt(with(secret, 4, cost), "secret"));
  }
  for (const auto* const bad : {"*", "!", "\n", ":", "\xff", "$"}) {
    CAPTURE(bad);
    CHECK_FALSE(matches_bcrypt(with(secret, 10, bad), "secret"));
    CHECK_FALSE(matches_bcrypt(with(secret, 40, bad), "secret"));
  }
  CHECK_FALSE(matches_bcrypt("*0", ""));
  CHECK_FALSE(matches_bcrypt(std::string(60, '$'), ""));
  CHECK_FALSE(matches_bcrypt("$2a$04$" + std::string(53, '\0'), ""));
}

TEST_CASE("password: odd bits at the end of a salt don't count") {
  // Of the salt's last character two bits are used: O and P say the same.
  REQUIRE(secret[28] == 'O');
  CHECK(matches_bcrypt(with(secret, 28, "P"), "secret"));
  CHECK_FALSE(matches_bcrypt(with(secret, 28, "e"), "secret"));
}
