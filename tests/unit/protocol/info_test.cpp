#include <nuncio/protocol/info.hpp>

#include <doctest/doctest.h>

#include <string>

using namespace nuncio::protocol;

TEST_CASE("info: the keys that every server sends are there even if they say nothing") {
  CHECK(to_json(server_info{}) ==
        R"({"server_id":"","server_name":"","version":"","proto":1,"go":"","host":"","port":0,)"
        R"("headers":true,"max_payload":0})");
}

TEST_CASE("info: the order is that of the reference server") {
  server_info info;
  info.server_id = "N1";
  info.server_name = "one";
  info.version = "2.15.2";
  info.git_commit = "abc";
  info.go = "-";
  info.host = "0.0.0.0";
  info.port = 4222;
  info.auth_required = info.tls_required = info.tls_verify = info.tls_available = true;
  info.max_payload = -1;
  info.jetstream = true;
  info.client_id = 18446744073709551615U;
  info.client_ip = "::1";
  info.nonce = "n";
  info.cluster = "c";
  info.cluster_dynamic = true;
  info.domain = "d";
  info.connect_urls = {"a:1", "b:2"};
  info.ldm = info.connect_info = true;
  info.remote_account = "$G";
  info.acc_is_sys = true;
  info.api_lvl = 5;
  info.xkey = "X1";
  info.nuncio_version = "0.1.0";
  info.nuncio_features = {"f"};
  CHECK(to_json(info) ==
        R"({"server_id":"N1","server_name":"one","version":"2.15.2","proto":1,"git_commit":"abc",)"
        R"("go":"-","host":"0.0.0.0","port":4222,"headers":true,"auth_required":true,)"
        R"("tls_required":true,"tls_verify":true,"tls_available":true,"max_payload":-1,)"
        R"("jetstream":true,"client_id":18446744073709551615,"client_ip":"::1","nonce":"n",)"
        R"("cluster":"c","cluster_dynamic":true,"domain":"d","connect_urls":["a:1","b:2"],)"
        R"("ldm":true,"connect_info":true,"remote_account":"$G","acc_is_sys":true,"api_lvl":5,)"
        R"("xkey":"X1","nuncio":{"version":"0.1.0","features":["f"]}})");
  CHECK(parse_info(to_json(info)) == info);
}

TEST_CASE("info: a server of our kind without features still names an empty list") {
  server_info info;
  info.nuncio_version = "1";
  CHECK(to_json(info).ends_with(R"("nuncio":{"version":"1","features":[]}})"));
}

TEST_CASE("info: names that aren't UTF-8 are written as valid JSON") {
  server_info info;
  info.server_name = "\xFF\"";
  CHECK(to_json(info).find("\"server_name\":\"\xEF\xBF\xBD\\\"\"") != std::string::npos);
}

TEST_CASE("info: what nats-server sends is read") {
  const auto info = parse_info(
      R"({"server_id":"NABC","server_name":"a1","version":"2.15.2","proto":1,"git_commit":"b",)"
      R"("go":"go1.26.8","host":"127.0.0.1","port":4222,"headers":true,"max_payload":1048576,)"
      R"("client_id":7,"client_ip":"10.0.0.9","api_lvl":5,"xkey":"XAB"} )");
  REQUIRE(info);
  CHECK(info->server_id == "NABC");
  CHECK(info->port == 4222);
  CHECK(info->headers);
  CHECK(info->max_payload == 1048576);
  CHECK(info->client_id == 7);
  CHECK(info->connect_urls.empty());
  CHECK(info->nuncio_version.empty());
}

TEST_CASE("info: a server that doesn't speak of headers has none") {
  CHECK_FALSE(parse_info("{}")->headers);
}

TEST_CASE("info: unknown keys, nulls, wrong types and numbers out of range are passed over") {
  const auto info = parse_info(
      R"({"x":{"y":[1]},"server_id":5,"server_name":null,"port":70000,"proto":"1","ldm":"yes",)"
      R"("max_payload":1.5,"client_id":-1,"connect_urls":["a:1",2,null],"nuncio":5})");
  REQUIRE(info);
  server_info expected;
  expected.headers = false;
  expected.connect_urls = {"a:1"};
  CHECK(*info == expected);
}

TEST_CASE("info: what isn't one JSON object is refused") {
  for (const std::string_view json : {"", "null", "[]", "{", "{} {}", "5", "{\"a\":}"}) {
    CAPTURE(json);
    CHECK_FALSE(parse_info(json));
  }
}
