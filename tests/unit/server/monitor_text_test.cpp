#include "monitor/text_view.hpp"

#include <boost/json/array.hpp>
#include <boost/json/object.hpp>
#include <boost/json/value.hpp>
#include <doctest/doctest.h>

#include <string>
#include <string_view>

using namespace nuncio::server::monitor;
namespace json = boost::json;

TEST_CASE("text view: values stand in a column behind their keys") {
  CHECK(to_text_view({{"server_id", "NABC"},
                      {"port", 4222},
                      {"cpu", 0.5},
                      {"tls_required", true},
                      {"name", ""},
                      {"disk", nullptr},
                      {"urls", json::array{"a:1", "b:2"}},
                      {"connections", json::array{}},
                      {"cluster", json::object{}}}) ==
        "server_id:    NABC\n"
        "port:         4222\n"
        "cpu:          0.5\n"
        "tls_required: true\n"
        "name:         -\n"
        "disk:         -\n"
        "urls:         a:1, b:2\n"
        "connections:  -\n"
        "cluster:      -\n");
}

TEST_CASE("text view: objects are indented below their key") {
  CHECK(to_text_view({{"a", 1},
                      {"stats", {{"clients", 1}, {"of", {{"routes", 22}}}, {"x", 3}}},
                      {"longer", 2}}) ==
        "a:      1\n"
        "stats:\n"
        "  clients: 1\n"
        "  of:\n"
        "    routes: 22\n"
        "  x:       3\n"
        "longer: 2\n");
}

TEST_CASE("text view: a list of objects is a table of all keys that occur") {
  const json::array rows{
      {{"cid", 5}, {"ip", "127.0.0.1"}, {"subs", json::array{"a", "b"}}},
      {{"cid", 1234}, {"name", "é"}, {"sent", {{"msgs", 7}, {"to", {{"x", 1}}}}}},
      json::object{},
  };
  CHECK(to_text_view({{"n", 3}, {"connections", rows}}) ==
        "n: 3\n"
        "connections:\n"
        "   cid  ip         subs  name  sent.msgs  sent.to.x\n"
        "     5  127.0.0.1  a, b  -             -          -\n"
        "  1234  -          -     é             7          1\n"
        "     -  -          -     -             -          -\n");
}

TEST_CASE("text view: lists of other things stand on one line") {
  CHECK(to_text_view({{"mixed", json::array{1, json::object{{"b", "<"}}}}}) ==
        "mixed: [1,{\"b\":\"\\u003c\"}]\n");
  CHECK(to_text_view({{"rows", json::array{{{"list", json::array{json::object{{"a", 1}}}}}}}}) ==
        "rows:\n"
        "  list\n"
        "  [{\"a\":1}]\n");
  CHECK(to_text_view({}) == "-\n");
}

TEST_CASE("text view: names that clients choose can't play with the terminal") {
  using namespace std::string_view_literals;
  CHECK(to_text_view({{"name", "\x1b[2J\n\x7f\xc2\x9b\xff"sv}, {"a\tb", "x"}}) ==
        "name:   \\x1b[2J\\x0a\\x7f\\xc2\\x9b\\xff\n"
        "a\\x09b: x\n");
}
