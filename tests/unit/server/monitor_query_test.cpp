#include "monitor/query.hpp"

#include <doctest/doctest.h>

#include <string>
#include <string_view>
#include <vector>

using namespace nuncio::server::monitor;

namespace {

struct row {
  std::string query;
  std::string error;
};

}  // namespace

TEST_CASE("query: booleans are Go's words, and nothing else") {
  for (const std::string word : {"1", "t", "T", "true", "TRUE", "True"}) {
    CAPTURE(word);
    query of("auth=" + word);
    CHECK(of.boolean("auth"));
    CHECK(of.error().empty());
  }
  for (const std::string word : {"0", "f", "F", "false", "FALSE", "False", ""}) {
    CAPTURE(word);
    query of("auth=" + word);
    CHECK_FALSE(of.boolean("auth"));
    CHECK(of.error().empty());
  }
}

// As nats-server 2.15.2 writes them.
TEST_CASE("query: a bad boolean is answered with the words of Go") {
  const std::string begin = "Error decoding boolean for 'auth': strconv.ParseBool: parsing ";
  const std::string end = ": invalid syntax";
  const std::vector<row> rows{
      {"xx", R"("xx")"},
      {"yes", R"("yes")"},
      {"tRUE", R"("tRUE")"},
      {"%22", R"("\"")"},
      {"%5c", R"("\\")"},
      {"a%00b", R"("a\x00b")"},
      {"a%0Ab", R"("a\nb")"},
      {"%7f%07", R"("\x7f\a")"},
      {"%ff", R"("\xff")"},
      {"%E2%82%AC", "\"€\""},
      {"%C2%AD%E2%80%8B%F0%9F%98%80%C2%A0%EF%BF%BD", R"("\u00ad\u200b😀\u00a0�")"},
      {"%EE%80%80", R"("\ue000")"},
      {"%F3%A0%80%81", R"("\U000e0001")"},
      {"+", R"(" ")"},
      {"detail", R"("detail")"},
  };
  for (const auto& [value, quoted] : rows) {
    CAPTURE(value);
    query of("auth=" + value);
    CHECK_FALSE(of.boolean("auth"));
    CHECK(of.error() == begin + quoted + end);
  }
}

TEST_CASE("query: whole numbers") {
  const auto integer = [](std::string_view text) {
    query of(text);
    const auto out = of.integer("n");
    CHECK(of.error().empty());
    return out;
  };
  CHECK(integer("n=5") == 5);
  CHECK(integer("n=-3") == -3);
  CHECK(integer("n=%2B5") == 5);
  CHECK(integer("n=007") == 7);
  CHECK(integer("n=-0") == 0);
  CHECK(integer("n=") == 0);
  CHECK(integer("n") == 0);
  CHECK(integer("") == 0);
  CHECK(integer("n=9223372036854775807") == 9223372036854775807);
  query of("n=18446744073709551615");
  CHECK(of.unsigned_integer("n") == 18446744073709551615U);
  CHECK(of.error().empty());
}

TEST_CASE("query: a number of the wrong form is told from one that is too large") {
  const std::string atoi = "Error decoding int for 'limit': strconv.Atoi: parsing ";
  const std::string syntax = ": invalid syntax";
  const std::string range = ": value out of range";
  const std::vector<row> ints{
      {"xx", "\"xx\"" + syntax},
      {"1.5", "\"1.5\"" + syntax},
      {"+1", "\" 1\"" + syntax},
      {"%2B-5", "\"+-5\"" + syntax},
      {"%2B", "\"+\"" + syntax},
      {"-", "\"-\"" + syntax},
      {"0x10", "\"0x10\"" + syntax},
      {"1_0", "\"1_0\"" + syntax},
      {"%20", "\" \"" + syntax},
      {"a=b", "\"a=b\"" + syntax},
      {"9223372036854775808", "\"9223372036854775808\"" + range},
      {"-99999999999999999999", "\"-99999999999999999999\"" + range},
      {"99999999999999999999x", "\"99999999999999999999x\"" + range},
      {"%2B99999999999999999999", "\"+99999999999999999999\"" + range},
  };
  for (const auto& [value, error] : ints) {
    CAPTURE(value);
    query of("limit=" + value);
    CHECK(of.integer("limit") == 0);
    CHECK(of.error() == atoi + error);
  }
  const std::string parse_uint = "Error decoding uint64 for 'cid': strconv.ParseUint: parsing ";
  const std::vector<row> uints{
      {"-1", "\"-1\"" + syntax},
      {"%2B5", "\"+5\"" + syntax},
      {"-99999999999999999999", "\"-99999999999999999999\"" + syntax},
      {"99999999999999999999", "\"99999999999999999999\"" + range},
  };
  for (const auto& [value, error] : uints) {
    CAPTURE(value);
    query of("cid=" + value);
    CHECK(of.unsigned_integer("cid") == 0);
    CHECK(of.error() == parse_uint + error);
  }
}

TEST_CASE("query: states of connections, in any case") {
  const auto state = [](std::string_view text) {
    query of(text);
    const auto out = of.state("state");
    CHECK(of.error().empty());
    return out;
  };
  CHECK(state("") == state_filter::open);
  CHECK(state("state=") == state_filter::open);
  CHECK(state("state=Open") == state_filter::open);
  CHECK(state("state=CLOSED") == state_filter::closed);
  CHECK(state("state=all") == state_filter::all);
  CHECK(state("state=any") == state_filter::all);
  for (const std::string bad : {"zz", "1", "opened", "a\nb"}) {
    query of("state=" + bad);
    CHECK(of.state("state") == state_filter::open);
    CHECK(of.error() == "Error decoding state for " + bad);
  }
}

TEST_CASE("query: subscriptions are a boolean, or in detail") {
  const auto subs = [](std::string_view text) {
    query of(text);
    const auto out = of.subscriptions("subs");
    CHECK(of.error().empty());
    return out;
  };
  CHECK(subs("") == subscription_list::none);
  CHECK(subs("subs=0") == subscription_list::none);
  CHECK(subs("subs=1") == subscription_list::subjects);
  CHECK(subs("subs=Detail") == subscription_list::detail);
  query of("subs=xx");
  CHECK(of.subscriptions("subs") == subscription_list::none);
  CHECK(of.error() ==
        "Error decoding boolean for 'subs': strconv.ParseBool: parsing \"xx\": invalid syntax");
}

TEST_CASE("query: names and values are decoded, and what can't be is passed over") {
  CHECK(query("a=1&b=2").text("b") == "2");
  CHECK(query("%61=x%2Fy+z").text("a") == "x/y z");
  CHECK(query("a=%zz&b=2").text("a").empty());
  CHECK(query("a=%2&b=2").text("b") == "2");
  CHECK(query("a=%").text("a").empty());
  CHECK(query("a=1;b=2").text("a").empty());
  CHECK(query("&&a=1&").text("a") == "1");
  CHECK(query("=1").text("") == "1");
  CHECK(query("A=1").text("a").empty());
}

TEST_CASE("query: the first value of a name counts, even if it is empty") {
  CHECK(query("a=1&a=2").text("a") == "1");
  query of("limit=7&limit=x");
  CHECK(of.integer("limit") == 7);
  CHECK(of.error().empty());
  query empty("limit=&limit=x");
  CHECK(empty.integer("limit") == 0);
  CHECK(empty.error().empty());
}

TEST_CASE("query: the first error is the one that is answered, and all after it are defaults") {
  query of("a=x&n=5&b=y&state=closed&subs=detail&cid=7");
  CHECK_FALSE(of.boolean("a"));
  const auto first = of.error();
  CHECK(first.find("'a'") != std::string::npos);
  CHECK(of.integer("n") == 0);
  CHECK_FALSE(of.boolean("b"));
  CHECK(of.state("state") == state_filter::open);
  CHECK(of.subscriptions("subs") == subscription_list::none);
  CHECK(of.unsigned_integer("cid") == 0);
  of.fail("too late");
  CHECK(of.error() == first);
  query own("");
  own.fail("a page's own");
  CHECK(own.error() == "a page's own");
}
