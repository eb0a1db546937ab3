#include <nuncio/protocol/connect.hpp>

#include <doctest/doctest.h>

#include <string>

using namespace nuncio::protocol;

namespace {

connect_options parsed(std::string_view json, connect_options before = {}) {
  CAPTURE(json);
  REQUIRE(parse_connect(json, before));
  return before;
}

}  // namespace

TEST_CASE("connect: an empty object keeps what a silent client gets") {
  const auto options = parsed("{}");
  CHECK(options == connect_options{});
  CHECK(options.verbose);
  CHECK(options.pedantic);
  CHECK(options.echo);
  CHECK_FALSE(options.headers);
}

TEST_CASE("connect: what a Go client sends is read") {
  const auto options = parsed(
      R"({"verbose":false,"pedantic":false,"tls_required":true,"name":"n","lang":"go",)"
      R"("version":"1.0","protocol":1,"echo":false,"headers":true,"no_responders":true,)"
      R"("user":"u","pass":"p","auth_token":"t","jwt":"j","nkey":"k","sig":"s","proxy_sig":"x"})");
  CHECK_FALSE(options.verbose);
  CHECK_FALSE(options.pedantic);
  CHECK_FALSE(options.echo);
  CHECK(options.tls_required);
  CHECK(options.headers);
  CHECK(options.no_responders);
  CHECK(options.protocol == 1);
  CHECK(options.name == "n");
  CHECK(options.lang == "go");
  CHECK(options.version == "1.0");
  CHECK(options.user == "u");
  CHECK(options.pass == "p");
  CHECK(options.auth_token == "t");
  CHECK(options.jwt == "j");
  CHECK(options.nkey == "k");
  CHECK(options.sig == "s");
  CHECK(options.proxy_sig == "x");
  CHECK_FALSE(options.has_account);
}

TEST_CASE("connect: absent fields keep what was there before") {
  connect_options before;
  before.name = "old";
  before.verbose = false;
  const auto options = parsed(R"({"lang":"c"})", before);
  CHECK(options.name == "old");
  CHECK_FALSE(options.verbose);
  CHECK(options.lang == "c");
}

TEST_CASE("connect: null leaves a field, and at the top everything, as it is") {
  CHECK(parsed(R"({"verbose":null,"name":null,"protocol":null,"account":null})") ==
        connect_options{});
  CHECK(parsed("null") == connect_options{});
}

TEST_CASE("connect: keys match in any case") {
  const auto options = parsed(R"({"VERBOSE":false,"Auth_Token":"t","pRotocol":1})");
  CHECK_FALSE(options.verbose);
  CHECK(options.auth_token == "t");
  CHECK(options.protocol == 1);
}

TEST_CASE("connect: unknown keys are passed over, whatever they hold") {
  CHECK(parsed(R"({"a":1,"b":[{"verbose":5}],"c":{"name":[]},"d":1e999,"e":-0.5e-7})") ==
        connect_options{});
  const std::string deep = R"({"x":)" + std::string(2000, '[') + std::string(2000, ']') + "}";
  CHECK(parsed(deep) == connect_options{});
}

TEST_CASE("connect: wrong types and bad JSON are refused and change nothing") {
  for (const std::string_view json : {
           R"({"name":"new","verbose":"true"})",
           R"({"name":"new","verbose":1})",
           R"({"name":"new","lang":5})",
           R"({"name":"new","protocol":"1"})",
           R"({"name":"new","protocol":1.0})",
           R"({"name":"new","protocol":1e0})",
           R"({"name":"new","user":{}})",
           R"({"name":"new","account":5})",
           R"({"name":"new","new_account":""})",
           R"({"name":"new","import":5})",
           R"({"name":"new","remote_account":5})",
           R"({"name":"new",})",
           R"({"name":"new"} x)",
           R"({"name":"new")",
           R"({name:"new"})",
           R"({"name":"new","a":'b'})",
           "{\"name\":\"a\nb\"}",
           "",
           "{",
           "[]",
           "5",
           R"("name")",
           "\xEF\xBB\xBF{}",
       }) {
    CAPTURE(json);
    connect_options options;
    options.name = "old";
    const auto before = options;
    CHECK_FALSE(parse_connect(json, options));
    CHECK(options == before);
  }
}

TEST_CASE("connect: white space around and within is fine") {
  CHECK(parsed(" \t{ \"name\" : \"a\" } \r\n").name == "a");
}

TEST_CASE("connect: a protocol that doesn't fit is neither 0 nor 1") {
  CHECK(parsed(R"({"protocol":99999999999})").protocol > 1);
  CHECK(parsed(R"({"protocol":-4294967295})").protocol != 1);
}

TEST_CASE("connect: bytes that aren't UTF-8 become U+FFFD") {
  CHECK(parsed("{\"name\":\"a\xFF\xC3z\"}").name == "a\xEF\xBF\xBD\xEF\xBF\xBDz");
  CHECK(parsed("{\"name\":\"\xED\xA0\x80\"}").name == "\xEF\xBF\xBD\xEF\xBF\xBD\xEF\xBF\xBD");
  CHECK(parsed("{\"name\":\"\xE2\x82\xAC\xF0\x9F\x98\x80\"}").name ==
        "\xE2\x82\xAC\xF0\x9F\x98\x80");
}

TEST_CASE("connect: escapes of half a surrogate pair become U+FFFD") {
  CHECK(parsed(R"({"name":"\ud800x"})").name == "\xEF\xBF\xBDx");
  CHECK(parsed(R"({"name":"\udc00"})").name == "\xEF\xBF\xBD");
  CHECK(parsed(R"({"name":"\ud83d\ude00"})").name == "\xF0\x9F\x98\x80");
  CHECK(parsed(R"({"name":"\\ud800"})").name == R"(\ud800)");
  CHECK(parsed(R"({"name":"\ud800\ud83d\ude00"})").name == "\xEF\xBF\xBD\xF0\x9F\x98\x80");
}

TEST_CASE("connect: an account that is named or asked for is noticed") {
  CHECK(parsed(R"({"account":"A"})").has_account);
  CHECK(parsed(R"({"new_account":true})").has_account);
  CHECK_FALSE(parsed(R"({"account":"","new_account":false})").has_account);
}

TEST_CASE("connect: everything usual is written, credentials only where there are any") {
  connect_options options;
  options.verbose = false;
  options.name = "a \"quoted\" \\ name\n";
  options.lang = "c++";
  options.version = "1";
  options.protocol = 1;
  CHECK(to_json(options) ==
        R"({"verbose":false,"pedantic":true,"tls_required":false,)"
        R"("name":"a \"quoted\" \\ name\u000a","lang":"c++","version":"1","protocol":1,)"
        R"("echo":true,"headers":false,"no_responders":false})");
  options.user = "u";
  options.pass = "p";
  CHECK(to_json(options).ends_with(R"("no_responders":false,"user":"u","pass":"p"})"));
}

TEST_CASE("connect: what is written is read back") {
  connect_options options;
  options.verbose = options.pedantic = options.echo = false;
  options.headers = options.no_responders = options.tls_required = true;
  options.protocol = 1;
  options.name = std::string("\0\x01\x1F\x7F\"\\/\xC3\xA4", 9);
  options.auth_token = "t";
  options.jwt = "j";
  options.nkey = "k";
  options.sig = "s";
  options.proxy_sig = "x";
  CHECK(parsed(to_json(options)) == options);
}
