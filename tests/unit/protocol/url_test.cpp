#include <nuncio/protocol/url.hpp>

#include <doctest/doctest.h>

#include <string>

using namespace nuncio::protocol;

namespace {

server_url parsed(std::string_view text) {
  CAPTURE(text);
  std::string error;
  const auto url = parse_url(text, error);
  CAPTURE(error);
  REQUIRE(url);
  return *url;
}

std::string error_of(std::string_view text) {
  CAPTURE(text);
  std::string error;
  REQUIRE_FALSE(parse_url(text, error));
  return error;
}

}  // namespace

TEST_CASE("url: each scheme has its default port") {
  struct row {
    std::string_view text;
    url_scheme scheme;
    unsigned port;
  };
  for (const auto& [text, scheme, port] : {
           row{"nats://h", url_scheme::nats, 4222},
           row{"tls://h", url_scheme::tls, 4222},
           row{"ws://h", url_scheme::ws, 80},
           row{"wss://h", url_scheme::wss, 443},
           row{"NATS://h", url_scheme::nats, 4222},
           row{"h", url_scheme::nats, 4222},
           row{"h:1", url_scheme::nats, 1},
           row{"ws://h:65535", url_scheme::ws, 65535},
       }) {
    const auto url = parsed(text);
    CHECK(url.scheme == scheme);
    CHECK(url.host == "h");
    CHECK(url.port == port);
    CHECK(url.user.empty());
    CHECK(url.token.empty());
  }
}

TEST_CASE("url: user info is a user and a password, or a token") {
  const auto both = parsed("nats://me:secret@host:1");
  CHECK(both.user == "me");
  CHECK(both.pass == "secret");
  CHECK(both.token.empty());
  const auto token = parsed("nats://t0k3n@host");
  CHECK(token.token == "t0k3n");
  CHECK(token.user.empty());
  CHECK(parsed("me:@host").user == "me");
  CHECK(parsed("me:p@ss@host").pass == "p@ss");
  CHECK(parsed("me:a:b@host").pass == "a:b");
  const auto escaped = parsed("nats://m%65:%2F%40%3a@host");
  CHECK(escaped.user == "me");
  CHECK(escaped.pass == "/@:");
}

TEST_CASE("url: IPv6 addresses stand in brackets") {
  const auto url = parsed("nats://[::1]:4333");
  CHECK(url.host == "::1");
  CHECK(url.port == 4333);
  CHECK(address(url) == "[::1]:4333");
  CHECK(parsed("[fe80::1%lo]").host == "fe80::1%lo");
  CHECK(parsed("me:p@[::1]").host == "::1");
  CHECK(error_of("::1").find("brackets") != std::string::npos);
  CHECK(error_of("[::1").find("]") != std::string::npos);
  CHECK(error_of("[::1]4222").find("after ]") != std::string::npos);
  CHECK(error_of("[host]:1").find("IPv6") != std::string::npos);
}

TEST_CASE("url: a path is for WebSocket") {
  CHECK(parsed("ws://h/a/b").path == "/a/b");
  CHECK(parsed("wss://h:1/").path == "/");
  CHECK(parsed("nats://h/").path.empty());
  CHECK(error_of("nats://h/a").find("path") != std::string::npos);
}

TEST_CASE("url: blanks around are ignored") {
  CHECK(parsed(" nats://h:1\n").port == 1);
}

TEST_CASE("url: the address leaves out credentials") {
  CHECK(address(parsed("nats://me:secret@host:1")) == "host:1");
}

TEST_CASE("url: what is wrong is said in one sentence") {
  struct row {
    std::string_view text;
    std::string_view says;
  };
  for (const auto& [text, says] : {
           row{"", "expected nats://host:port"},
           row{"http://h", "expected nats://, tls://, ws:// or wss://"},
           row{"://h", "expected nats://"},
           row{"nats://", "expected a host name"},
           row{"nats://:4222", "expected a host name"},
           row{"h:", "expected a port from 1 to 65535"},
           row{"h:0", "expected a port"},
           row{"h:65536", "expected a port"},
           row{"h:+1", "expected a port"},
           row{"h:12x", "expected a port"},
           row{"a b", "character"},
           row{"u%4:p@h", "hex digits"},
           row{"u%zz:p@h", "hex digits"},
       }) {
    const auto error = error_of(text);
    CAPTURE(error);
    CHECK(error.find(says) != std::string::npos);
    CHECK(error.find('\n') == std::string::npos);
  }
}

TEST_CASE("url: an error never shows credentials") {
  for (const std::string_view text :
       {"nats://me:secret@h:x", "me:secret@h:x", "http://secret@h", "nats://me:sec/secret@h"}) {
    CAPTURE(text);
    CHECK(error_of(text).find("secret") == std::string::npos);
  }
}

TEST_CASE("url: a list is separated by commas") {
  std::string error;
  const auto urls = parse_url_list("nats://a:1, b:2 ,wss://c", error);
  REQUIRE(urls);
  REQUIRE(urls->size() == 3);
  CHECK(urls->at(0).host == "a");
  CHECK(urls->at(1).port == 2);
  CHECK(urls->at(2).scheme == url_scheme::wss);
  for (const std::string_view text : {"", "a,", ",a", "a,,b", "a,b:x"}) {
    CAPTURE(text);
    CHECK_FALSE(parse_url_list(text, error));
    CHECK_FALSE(error.empty());
  }
}
