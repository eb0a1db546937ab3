#include <nuncio/protocol/headers.hpp>

#include <doctest/doctest.h>

#include <iterator>
#include <string>
#include <vector>

using namespace nuncio::protocol;

namespace {

header_view parsed(std::string_view block) {
  CAPTURE(block);
  header_view view;
  REQUIRE(parse_headers(block, view));
  return view;
}

std::vector<header_field> fields_of(const header_view& view) {
  return {view.begin(), view.end()};
}

}  // namespace

TEST_CASE("headers: fields come in order, with repeated keys as repeated fields") {
  const auto view = parsed("NATS/1.0\r\nA: 1\r\nB: 2\r\nA: 3\r\n\r\n");
  CHECK(fields_of(view) == std::vector<header_field>{{"A", "1"}, {"B", "2"}, {"A", "3"}});
  CHECK(view.find("A") == "1");
  CHECK(view.find("B") == "2");
  CHECK(view.find_all("A") == std::vector<std::string_view>{"1", "3"});
  CHECK(view.find_all("C").empty());
  CHECK(view.status().empty());
  CHECK_FALSE(view.empty());
}

TEST_CASE("headers: keys are case-sensitive") {
  const auto view = parsed("NATS/1.0\r\nkey: 1\r\nKey: 2\r\n\r\n");
  CHECK(view.find("Key") == "2");
  CHECK(view.find("key") == "1");
  CHECK_FALSE(view.find("KEY"));
}

TEST_CASE("headers: a value loses its leading blanks and keeps the others") {
  const auto view = parsed("NATS/1.0\r\na:x\r\nb: \t y  \r\nc:\r\nd: u:v\r\n\r\n");
  CHECK(view.find("a") == "x");
  CHECK(view.find("b") == "y  ");
  CHECK(view.find("c") == "");
  CHECK(view.find("d") == "u:v");
}

TEST_CASE("headers: a block without fields may have a status and a description") {
  CHECK(parsed("NATS/1.0\r\n\r\n").empty());
  const auto bare = parsed("NATS/1.0 503\r\n\r\n");
  CHECK(bare.status() == "503");
  CHECK(bare.description().empty());
  const auto full = parsed("NATS/1.0  408   Request Timeout \r\nA: b\r\n\r\n");
  CHECK(full.status() == "408");
  CHECK(full.description() == "Request Timeout");
  CHECK(full.find("A") == "b");
  CHECK(parsed("NATS/1.0 503No\r\n\r\n").description() == "No");
  CHECK(parsed("NATS/1.0503\r\n\r\n").status() == "503");
}

TEST_CASE("headers: lines with an empty key are passed over") {
  const auto view = parsed("NATS/1.0\r\n: x\r\na: 1\r\n:\r\n\r\n");
  CHECK(fields_of(view) == std::vector<header_field>{{"a", "1"}});
  CHECK(parsed("NATS/1.0\r\n:\r\n\r\n").empty());
}

TEST_CASE("headers: a bare LF ends a line too") {
  const auto view = parsed("NATS/1.0\na: 1\nb: 2\r\n\n");
  CHECK(fields_of(view) == std::vector<header_field>{{"a", "1"}, {"b", "2"}});
}

TEST_CASE("headers: what follows the empty line is ignored") {
  CHECK(fields_of(parsed("NATS/1.0\r\na: 1\r\n\r\nb: 2\r\n\r\n")) ==
        std::vector<header_field>{{"a", "1"}});
}

TEST_CASE("headers: a block that isn't one is refused, and the view stays as it was") {
  header_view view = parsed("NATS/1.0\r\na: 1\r\n\r\n");
  for (const std::string_view block : {
           "",
           "NATS/1.0",
           "NATS/1.0\r\n",
           "NATS/1.0\r\na: 1\r\n",
           "NATS/1.0\r\na: 1\r\n\r",
           "nats/1.0\r\n\r\n",
           "NATS/1.1\r\n\r\n",
           "NATS/1.\r\n\r\n",
           " NATS/1.0\r\n\r\n",
           "NATS/1.0\r\nno colon\r\n\r\n",
           "\r\n\r\n",
           "NATS/1.0\r\n a\r\n\r\n",
       }) {
    CAPTURE(block);
    CHECK_FALSE(parse_headers(block, view));
    CHECK(view.find("a") == "1");
  }
}

TEST_CASE("headers: a view without a block is empty") {
  const header_view view;
  CHECK(view.empty());
  CHECK(view.status().empty());
  CHECK_FALSE(view.find("a"));
}

TEST_CASE("headers: the iterator is a forward one") {
  static_assert(std::forward_iterator<header_view::iterator>);
  const auto view = parsed("NATS/1.0\r\na: 1\r\nb: 2\r\n\r\n");
  auto at = view.begin();
  const auto first = at++;
  CHECK(first->key == "a");
  CHECK(at->key == "b");
  CHECK(first == view.begin());
  CHECK(++at == view.end());
}

TEST_CASE("headers: the builder writes what the view reads") {
  headers_builder builder;
  CHECK(builder.empty());
  CHECK(builder.block() == "NATS/1.0\r\n\r\n");
  CHECK(builder.add("A", "1"));
  CHECK(builder.add("B-b", "two words "));
  CHECK(builder.add("A", ""));
  CHECK_FALSE(builder.empty());
  CHECK(builder.block() == "NATS/1.0\r\nA: 1\r\nB-b: two words \r\nA: \r\n\r\n");
  CHECK(fields_of(parsed(builder.block())) ==
        std::vector<header_field>{{"A", "1"}, {"B-b", "two words "}, {"A", ""}});
}

TEST_CASE("headers: the builder writes a status line") {
  CHECK(headers_builder("503").block() == "NATS/1.0 503\r\n\r\n");
  CHECK(headers_builder("408", "Request Timeout").block() ==
        "NATS/1.0 408 Request Timeout\r\n\r\n");
}

TEST_CASE("headers: the builder refuses what would break the block") {
  headers_builder builder;
  for (const std::string_view key : {"", "a b", "a:", "a\r", "a\n", "\t", "\xC3\xA4", "\x7F"}) {
    CAPTURE(key);
    CHECK_FALSE(builder.add(key, "x"));
  }
  for (const std::string_view value : {"a\r\nB: 1", "\n", "\r"}) {
    CAPTURE(value);
    CHECK_FALSE(builder.add("A", value));
  }
  CHECK(builder.block() == "NATS/1.0\r\n\r\n");
  CHECK(builder.add("A", "\xC3\xA4\t"));
}
