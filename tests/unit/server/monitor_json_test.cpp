#include "monitor/json_text.hpp"
#include "monitor/times.hpp"

#include <boost/json/array.hpp>
#include <boost/json/object.hpp>
#include <boost/json/value.hpp>
#include <doctest/doctest.h>

#include <chrono>
#include <cmath>
#include <cstdint>
#include <limits>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

using namespace nuncio::server::monitor;
namespace json = boost::json;

namespace {

std::string compact(const json::value& what) {
  return to_json_text(what, "");
}

}  // namespace

// All that is expected here was written by Go 1.26.
TEST_CASE("JSON: indented, as Go does it") {
  const json::value all{{"<", nullptr},
                        {"a", json::array{}},
                        {"b", json::object{}},
                        {"c", json::array{1, {{"x", json::array{json::object{}}}}}},
                        {"d", true}};
  CHECK(to_json_text(all, " ~") == R"({
 ~"\u003c": null,
 ~"a": [],
 ~"b": {},
 ~"c": [
 ~ ~1,
 ~ ~{
 ~ ~ ~"x": [
 ~ ~ ~ ~{}
 ~ ~ ~]
 ~ ~}
 ~],
 ~"d": true
})");
  CHECK(compact(all) == R"({"\u003c":null,"a":[],"b":{},"c":[1,{"x":[{}]}],"d":true})");
}

TEST_CASE("JSON: texts are escaped as for HTML") {
  using namespace std::string_view_literals;
  CHECK(compact(json::value("a\"\\/<>&\b\f\n\r\t\0\x1f\x7f\u2028\u2029é€😀"sv)) ==
        "\"a\\\"\\\\/\\u003c\\u003e\\u0026\\b\\f\\n\\r\\t\\u0000\\u001f\x7f\\u2028\\u2029é€😀\"");
  CHECK(compact("") == "\"\"");
}

TEST_CASE("JSON: each byte that isn't UTF-8 is replaced") {
  using namespace std::string_view_literals;
  const std::vector<std::pair<std::string_view, std::string>> rows{
      {"\xff"sv, R"("\ufffd")"},
      {"\xc3("sv, R"("\ufffd(")"},
      {"\xed\xa0\x80"sv, R"("\ufffd\ufffd\ufffd")"},
      {"\xf4\x90\x80\x80"sv, R"("\ufffd\ufffd\ufffd\ufffd")"},
      {"\xc0\x80"sv, R"("\ufffd\ufffd")"},
      {"\xe2\x82"sv, R"("\ufffd\ufffd")"},
      {"\ufffd"sv, "\"\ufffd\""},
  };
  for (const auto& [bytes, expected] : rows) {
    CAPTURE(expected);
    CHECK(compact(json::value(bytes)) == expected);
  }
}

TEST_CASE("JSON: numbers, as Go writes them") {
  const std::vector<std::pair<double, std::string>> rows{
      {0, "0"},
      {-0.0, "-0"},
      {1, "1"},
      {-1, "-1"},
      {0.8, "0.8"},
      {0.1, "0.1"},
      {100, "100"},
      {1e20, "100000000000000000000"},
      {1e21, "1e+21"},
      {1.5e21, "1.5e+21"},
      {123456789012345678901.0, "123456789012345680000"},
      {1e-6, "0.000001"},
      {9.99e-7, "9.99e-7"},
      {1e-7, "1e-7"},
      {1.5e-10, "1.5e-10"},
      {5e-324, "5e-324"},
      {1.7976931348623157e308, "1.7976931348623157e+308"},
      {0.5454545454545454, "0.5454545454545454"},
      {1234567.125, "1234567.125"},
      {1e15, "1000000000000000"},
      {123456789.5, "123456789.5"},
      {0.000123, "0.000123"},
      {1e100, "1e+100"},
      {2.5e-9, "2.5e-9"},
      {33.33333333333333, "33.33333333333333"},
  };
  for (const auto& [number, expected] : rows) {
    CAPTURE(expected);
    CHECK(to_json_text(number) == expected);
  }
  CHECK(compact(json::value(std::numeric_limits<std::int64_t>::min())) == "-9223372036854775808");
  CHECK(compact(json::value(std::numeric_limits<std::uint64_t>::max())) == "18446744073709551615");
  CHECK(to_json_text(std::numeric_limits<double>::infinity()) == "null");
  CHECK(to_json_text(std::nan("")) == "null");
}

TEST_CASE("times: durations, as Go writes them") {
  const std::vector<std::pair<std::int64_t, std::string>> rows{
      {0, "0s"},
      {1, "1ns"},
      {999, "999ns"},
      {1000, "1µs"},
      {1001, "1.001µs"},
      {1500, "1.5µs"},
      {999999, "999.999µs"},
      {1000000, "1ms"},
      {1440849, "1.440849ms"},
      {118556060, "118.55606ms"},
      {250000, "250µs"},
      {999999999, "999.999999ms"},
      {1000000000, "1s"},
      {1000000001, "1.000000001s"},
      {59999999999, "59.999999999s"},
      {60000000000, "1m0s"},
      {3600000000000, "1h0m0s"},
      {7201500000000, "2h0m1.5s"},
      {90061000000000, "25h1m1s"},
      {-1, "-1ns"},
      {-1500, "-1.5µs"},
      {-1500000000, "-1.5s"},
      {std::numeric_limits<std::int64_t>::min(), "-2562047h47m16.854775808s"},
      {std::numeric_limits<std::int64_t>::max(), "2562047h47m16.854775807s"},
  };
  for (const auto& [ns, expected] : rows) {
    CAPTURE(expected);
    CHECK(to_go_text(std::chrono::nanoseconds(ns)) == expected);
  }
}

TEST_CASE("times: how long a server is up, in units up to years") {
  using namespace std::chrono;
  CHECK(to_uptime(0s) == "0s");
  CHECK(to_uptime(3999ms) == "3s");
  CHECK(to_uptime(65s) == "1m5s");
  CHECK(to_uptime(2h + 1s) == "2h0m1s");
  CHECK(to_uptime(24h * 3 + 4h + 5min + 6s) == "3d4h5m6s");
  CHECK(to_uptime(24h * 367 + 3h + 4min + 5s) == "1y2d3h4m5s");
  CHECK(to_uptime(24h * 365) == "1y0d0h0m0s");
}

TEST_CASE("times: of a day, without zeros at the end") {
  const auto at = [](std::int64_t ns) {
    return std::chrono::system_clock::time_point(std::chrono::nanoseconds(ns));
  };
  CHECK(to_rfc3339(at(0)) == "1970-01-01T00:00:00Z");
  CHECK(to_rfc3339(at(1)) == "1970-01-01T00:00:00.000000001Z");
  CHECK(to_rfc3339(at(-1)) == "1969-12-31T23:59:59.999999999Z");
  CHECK(to_rfc3339(at(1700000000123456789)) == "2023-11-14T22:13:20.123456789Z");
  CHECK(to_rfc3339(at(1700000000120000000)) == "2023-11-14T22:13:20.12Z");
  CHECK(to_rfc3339(at(951782400000000000)) == "2000-02-29T00:00:00Z");
  CHECK(to_http_date(at(1700000000123456789)) == "Tue, 14 Nov 2023 22:13:20 GMT");
  CHECK(to_http_date(at(951782400000000000)) == "Tue, 29 Feb 2000 00:00:00 GMT");
  CHECK(to_http_date(at(-1)) == "Wed, 31 Dec 1969 23:59:59 GMT");
}
