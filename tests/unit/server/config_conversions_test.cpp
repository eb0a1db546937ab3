#include "config/conversions.hpp"

#include <doctest/doctest.h>

#include <array>
#include <chrono>
#include <limits>
#include <string>

using namespace nuncio::server::config;
using namespace std::chrono_literals;

TEST_CASE("conversions: durations are Go's, and bare numbers are seconds") {
  struct row {
    std::string text;
    std::chrono::nanoseconds expected;
  };
  for (const auto& [text, expected] : {
           row{"2m", 2min},
           row{"1h30m", 90min},
           row{"250ms", 250ms},
           row{"1.5s", 1500ms},
           row{".5s", 500ms},
           row{"1us", 1us},
           row{"3\xC2\xB5s", 3us},
           row{"3\xCE\xBCs", 3us},
           row{"7ns", 7ns},
           row{"1m1s1ms", 61001ms},
           row{"10", 10s},
           row{"0.5", 500ms},
           row{"0", 0s},
       }) {
    CAPTURE(text);
    CHECK(to_duration(text) == expected);
  }
  for (const std::string text :
       {"", "-1s", "+1s", "s", "1x", "1s2", "1.2.3s", ".", "1 s", "1e3s", "99999999999h"}) {
    CAPTURE(text);
    CHECK_FALSE(to_duration(text));
  }
}

TEST_CASE("conversions: a duration is shown in the largest unit that says it shortly") {
  struct row {
    std::chrono::nanoseconds time;
    std::string shown;
  };
  for (const auto& [time, shown] : {
           row{0s, "0"},
           row{2min, "2m"},
           row{10s, "10s"},
           row{90s, "1.5m"},
           row{1h, "1h"},
           row{1500ms, "1.5s"},
           row{250ms, "250ms"},
           row{200us, "200us"},
           row{61001ms, "61001ms"},
           row{1234567ns, "1234567ns"},
       }) {
    CHECK(to_text(time) == shown);
    CHECK(to_duration(shown) == time);
  }
  CHECK(to_text(-1s) == "-1000000000ns");
}

TEST_CASE("conversions: integers may have a unit") {
  struct row {
    std::string text;
    std::int64_t expected;
  };
  for (const auto& [text, expected] : {
           row{"12", 12},
           row{"-3", -3},
           row{"64k", 64'000},
           row{"64KB", 65'536},
           row{"64ki", 65'536},
           row{"64KiB", 65'536},
           row{"1M", 1'000'000},
           row{"1mb", 1'048'576},
           row{"2g", 2'000'000'000},
           row{"1tb", 1'099'511'627'776},
           row{"1p", 1'000'000'000'000'000},
           row{"1eib", 1'152'921'504'606'846'976},
           row{"9223372036854775807", std::numeric_limits<std::int64_t>::max()},
       }) {
    CAPTURE(text);
    CHECK(to_integer(text) == expected);
  }
  for (const std::string text :
       {"", "x", "1x", "1kk", "1 k", "1.5k", "9223372036854775807k", "99999999999999999999"}) {
    CAPTURE(text);
    CHECK_FALSE(to_integer(text));
  }
}

TEST_CASE("conversions: text between quotes shows what can't be printed, and isn't endless") {
  CHECK(quote("a \"b\" \\") == R"("a \"b\" \\")");
  CHECK(quote(std::string("\n\0", 2)) == R"("\x0a\x00")");
  CHECK(quote(std::string(200, 'x')).size() < 120);
}

TEST_CASE("conversions: the closest known name is found, or none") {
  constexpr std::array<std::string_view, 3> known{"port", "host", "max_payload"};
  CHECK(closest("prot", known) == "port");
  CHECK(closest("max-payload", known) == "max_payload");
  CHECK(closest("zzzzzz", known).empty());
  CHECK(closest("x", known).empty());
}
