#include <nuncio/protocol/base64.hpp>

#include <doctest/doctest.h>

#include <string>
#include <utility>
#include <vector>

using namespace nuncio::protocol;

TEST_CASE("base64: the examples of RFC 4648, with and without padding") {
  const std::vector<std::pair<std::string, std::string>> table{
      {"", ""},
      {"f", "Zg=="},
      {"fo", "Zm8="},
      {"foo", "Zm9v"},
      {"foob", "Zm9vYg=="},
      {"fooba", "Zm9vYmE="},
      {"foobar", "Zm9vYmFy"},
      {std::string("\xff\xfe\0", 3), "//4A"}};
  for (const auto& [bytes, text] : table) {
    CAPTURE(text);
    CHECK(to_base64(bytes) == text);
    CHECK(from_base64(text) == bytes);
    CHECK(from_base64(text.substr(0, text.find('='))) == bytes);
  }
}

TEST_CASE("base64: other characters are refused") {
  for (const auto* text : {"Zg=a", "Z g", "Zm9v\n", "_-"}) {
    CAPTURE(text);
    CHECK_FALSE(from_base64(text).has_value());
  }
}

TEST_CASE("base64: the alphabet for URLs is read without padding") {
  const std::array bytes{std::byte{0xfb}, std::byte{0xff}, std::byte{0x00}, std::byte{0x3e}};
  const auto text = to_base64url(bytes);
  CHECK(text == "-_8APg");
  CHECK(from_base64url(text) == std::string("\xfb\xff\x00\x3e", 4));
  CHECK(from_base64url("") == "");
  CHECK_FALSE(from_base64url("+/8APg"));
  CHECK_FALSE(from_base64url("-_8APg=="));
}
