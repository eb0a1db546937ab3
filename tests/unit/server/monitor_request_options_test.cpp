#include "monitor/request_options.hpp"

#include <doctest/doctest.h>

#include <string>
#include <string_view>
#include <vector>

using namespace nuncio::server::monitor;

TEST_CASE("request options: nothing, null and an empty object say nothing") {
  for (const std::string_view payload : {"", "null", "{}", " {} ", R"({"limit":null})"}) {
    CAPTURE(payload);
    request_options of(payload);
    CHECK(of.integer("limit") == 0);
    CHECK(of.text("sort").empty());
    CHECK(of.state("state") == state_filter::open);
    CHECK(of.error().empty());
  }
}

TEST_CASE("request options: values of their types, under their names in any case") {
  request_options of(R"({"Limit":5,"auth":true,"CID":18446744073709551615,"sort":"rtt",
                         "tags":["a","b"],"state":2,"offset":-3})");
  CHECK(of.integer("limit") == 5);
  CHECK(of.integer("offset") == -3);
  CHECK(of.boolean("auth"));
  CHECK(of.unsigned_integer("cid") == 18446744073709551615U);
  CHECK(of.text("sort") == "rtt");
  CHECK(of.texts("tags") == std::vector<std::string>{"a", "b"});
  CHECK(of.state("state") == state_filter::all);
  CHECK(of.error().empty());
}

TEST_CASE("request options: the name as it is comes first") {
  request_options of(R"({"LIMIT":1,"limit":2})");
  CHECK(of.integer("limit") == 2);
}

TEST_CASE("request options: what is wrong is said, and the first of it stays") {
  struct row {
    std::string_view payload;
    std::string_view error;
  };
  const std::vector<row> rows{
      {"{", "unexpected end of JSON input"},
      {"5", "found a number, expected an object"},
      {"[]", "found a list, expected an object"},
      {R"({"limit":"x"})", "limit: found a text, expected an integer"},
      {R"({"limit":1.5})", "limit: found a number, expected an integer"},
      {R"({"cid":-1})", "cid: found a number, expected an integer of 0 or more"},
      {R"({"auth":1})", "auth: found a number, expected true or false"},
      {R"({"sort":{}})", "sort: found an object, expected a text"},
      {R"({"tags":"a"})", "tags: found a text, expected a list of texts"},
      {R"({"tags":["a",true]})", "tags: found true or false, expected a text in the list"},
      {R"({"state":7})", "state: expected 0 (open), 1 (closed) or 2 (all)"},
      {R"({"limit":"x","auth":1})", "limit: found a text, expected an integer"},
  };
  for (const auto& each : rows) {
    CAPTURE(each.payload);
    request_options of(each.payload);
    CHECK(of.integer("limit") == 0);
    CHECK(of.unsigned_integer("cid") == 0);
    CHECK_FALSE(of.boolean("auth"));
    CHECK(of.text("sort").empty());
    CHECK(of.texts("tags").empty());
    CHECK(of.state("state") == state_filter::open);
    CHECK(of.error() == each.error);
  }
}

TEST_CASE("request options: what isn't JSON is said to be none") {
  for (const std::string_view payload : {"x", "{]", "{}{}", R"({"a":1,})"}) {
    CAPTURE(payload);
    const request_options of(payload);
    CHECK(of.error().starts_with("invalid JSON: "));
  }
}
