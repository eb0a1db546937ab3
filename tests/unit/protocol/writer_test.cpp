#include <nuncio/protocol/headers.hpp>
#include <nuncio/protocol/writer.hpp>

#include <doctest/doctest.h>

#include <string>

using namespace nuncio::protocol;

TEST_CASE("writer: operations are appended one after the other") {
  std::string out = "x";
  append_ping(out);
  append_pong(out);
  append_sub(out, "a.*", "", 1);
  append_sub(out, "a.>", "q", 18446744073709551615U);
  append_unsub(out, 1);
  append_unsub(out, 2, 5);
  CHECK(out ==
        "xPING\r\nPONG\r\nSUB a.* 1\r\nSUB a.> q 18446744073709551615\r\nUNSUB 1\r\nUNSUB 2 5\r\n");
}

TEST_CASE("writer: a message goes with its size and perhaps a reply") {
  std::string out;
  append_pub(out, "a", "", "hello");
  append_pub(out, "a", "r", "");
  const std::string binary("\0\r\n", 3);
  append_pub(out, "a", "r", binary);
  CHECK(out == "PUB a 5\r\nhello\r\nPUB a r 0\r\n\r\nPUB a r 3\r\n" + binary + "\r\n");
}

TEST_CASE("writer: headers count twice, alone and with the payload") {
  headers_builder headers;
  REQUIRE(headers.add("A", "b"));
  std::string out;
  append_hpub(out, "s", "", headers.block(), "xy");
  append_hpub(out, "s", "r", headers.block(), "");
  CHECK(out ==
        "HPUB s 18 20\r\nNATS/1.0\r\nA: b\r\n\r\nxy\r\n"
        "HPUB s r 18 18\r\nNATS/1.0\r\nA: b\r\n\r\n\r\n");
}

TEST_CASE("writer: CONNECT carries the JSON of the options") {
  connect_options options;
  options.name = "n";
  std::string out;
  append_connect(out, options);
  CHECK(out == "CONNECT " + to_json(options) + "\r\n");
}
