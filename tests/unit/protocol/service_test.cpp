#include <nuncio/protocol/service.hpp>

#include <doctest/doctest.h>

#include <chrono>
#include <string>

using namespace nuncio::protocol;
using namespace std::chrono_literals;

namespace {

service_info calc() {
  return {.identity = {.name = "calc", .id = "abc", .version = "1.2.0", .metadata = {{"a", "b"}}},
          .description = "adds",
          .endpoints = {{.name = "add", .subject = "calc.add", .queue_group = "q"},
                        {.name = "all", .subject = "calc.all", .metadata = {{"k", "v"}}}}};
}

}  // namespace

TEST_CASE("service: PING and INFO are written as the public convention has them") {
  CHECK(to_ping_response(calc().identity) ==
        R"({"name":"calc","id":"abc","version":"1.2.0","metadata":{"a":"b"},)"
        R"("type":"io.nats.micro.v1.ping_response"})");
  CHECK(to_info_response(calc()) ==
        R"({"name":"calc","id":"abc","version":"1.2.0","metadata":{"a":"b"},)"
        R"("type":"io.nats.micro.v1.info_response","description":"adds","endpoints":[)"
        R"({"name":"add","subject":"calc.add","queue_group":"q","metadata":{}},)"
        R"({"name":"all","subject":"calc.all","queue_group":"","metadata":{"k":"v"}}]})");
}

TEST_CASE("service: STATS has times in nanoseconds and RFC 3339") {
  const service_stats stats{
      .identity = {.name = "c", .id = "i", .version = "1.0.0"},
      .started = std::chrono::system_clock::time_point(1'767'323'045s + 678ms),
      .endpoints = {{.name = "add",
                     .subject = "c.add",
                     .queue_group = "q",
                     .requests = 3,
                     .errors = 1,
                     .last_error = "500:bad \xff",
                     .processing_time = 10ns},
                    {.name = "idle", .subject = "c.idle"}}};
  CHECK(to_stats_response(stats) ==
        R"({"name":"c","id":"i","version":"1.0.0","metadata":{},)"
        R"("type":"io.nats.micro.v1.stats_response","started":"2026-01-02T03:04:05.678000000Z",)"
        R"("endpoints":[{"name":"add","subject":"c.add","queue_group":"q","num_requests":3,)"
        R"("num_errors":1,"last_error":"500:bad )"
        "\xEF\xBF\xBD"
        R"(","processing_time":10,"average_processing_time":3},)"
        R"({"name":"idle","subject":"c.idle","queue_group":"","num_requests":0,"num_errors":0,)"
        R"("last_error":"","processing_time":0,"average_processing_time":0}]})");
}

TEST_CASE("service: INFO of ours is read again, and that of others with what they leave out") {
  CHECK(parse_info_response(to_info_response(calc())) == calc());
  const auto other = parse_info_response(
      R"({"name":"x","id":"1","new":[],"endpoints":[{"name":"e","subject":"s","metadata":null},7]})");
  REQUIRE(other.has_value());
  REQUIRE(other->endpoints.size() == 1);
  CHECK(other->endpoints[0].subject == "s");
  CHECK(other->endpoints[0].queue_group.empty());
}

TEST_CASE("service: what isn't INFO is refused") {
  for (const std::string_view text : {"", "[]", "{", R"({"name":"x"})", R"({"id":"x","name":1})"}) {
    CAPTURE(text);
    CHECK_FALSE(parse_info_response(text).has_value());
  }
}

TEST_CASE("service: names and versions follow their grammars") {
  CHECK(is_service_name("calc-v_2"));
  for (const std::string_view name : {"", "a.b", "a b", "a*", "\xC3\xA4"}) {
    CAPTURE(name);
    CHECK_FALSE(is_service_name(name));
  }
  for (const std::string_view good :
       {"0.0.0", "1.2.3", "10.20.30-rc.1+build.007", "1.0.0--", "1.0.0+x-y"}) {
    CAPTURE(good);
    CHECK(is_semantic_version(good));
  }
  for (const std::string_view bad : {"", "1", "1.2", "1.2.3.4", "01.2.3", "1.2.x", "v1.2.3",
                                     "1.2.3-", "1.2.3-01", "1.2.3+", "1.2.3-a..b", "1.2.3 "}) {
    CAPTURE(bad);
    CHECK_FALSE(is_semantic_version(bad));
  }
  CHECK(major_version("12.3.4") == "12");
}
