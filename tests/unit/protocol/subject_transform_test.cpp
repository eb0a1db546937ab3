#include "seed.hpp"

#include <nuncio/protocol/subject.hpp>
#include <nuncio/protocol/subject_transform.hpp>

#include <doctest/doctest.h>

#include <cstdint>
#include <random>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

using namespace nuncio::protocol;

namespace {

std::uint32_t no_random(std::uint32_t) {
  FAIL("drew a number");
  return 0;
}

std::string transform(std::string_view source,
                      std::string_view destination,
                      std::string_view subject) {
  std::string error;
  const auto made = subject_transform::parse(source, destination, error);
  if (!made) return error;
  std::string out = "what was there before";
  made->apply(subject, out, no_random);
  return out;
}

std::string error_of(std::string_view source, std::string_view destination) {
  std::string error;
  return subject_transform::parse(source, destination, error) ? "none" : error;
}

struct row {
  std::string_view source;
  std::string_view destination;
  std::string_view subject;
  std::string_view becomes;
};

}  // namespace

// What nats-server 2.15.2 makes of the same.
TEST_CASE("transform: each function does what its name says") {
  const std::vector<row> rows{
      {"a", "b", "a", "b"},
      {"a", "b.c*", "a", "b.c*"},
      {"a.*", "b", "a.x", "b"},
      {"a.*", "b.$1", "a.x", "b.x"},
      {"a.*", "b.$1", "a.*", "b.*"},
      {"*", "$1.b", "x", "x.b"},
      {"a.*", "b.$01", "a.x", "b.x"},
      {"a.*", "b.$+1", "a.x", "b.x"},
      {"a.*.*", "b.$2.$1", "a.x.y", "b.y.x"},
      {"a.*", "b.$1.$1", "a.x", "b.x.x"},
      {"a.*", "b.{{wildcard(1)}}", "a.x", "b.x"},
      {"a.*", "b.{{ wildcard ( 1 ) }}", "a.x", "b.x"},
      {"a.*", "b.{{wildcard(1) }}", "a.x", "b.x"},
      {"a.*", "b.{{wildcard(+1)}}", "a.x", "b.x"},
      {"a.*.>", "b.$1.>", "a.x.y", "b.x.y"},
      {"a.*.>", "b.$1.>", "a.x.y.z", "b.x.y.z"},
      {"a.*.>", "b.>", "a.x.y.z", "b.y.z"},
      {"a.*.>", ">", "a.x.y.z", "y.z"},
      {">", "b.>", "a.b", "b.a.b"},
      {"a.>", "b.>", "a.*", "b.*"},
      {"p.*", "q.{{partition(10,1)}}", "p.abc", "q.1"},
      {"p.*", "q.{{partition(10,1)}}", "p.hello", "q.3"},
      {"p.*", "q.{{partition(10,1)}}", "p.x", "q.5"},
      {"p.*", "q.{{partition(10,1)}}", "p.é", "q.7"},
      {"p.*", "q.{{partition( 10 , 1 )}}", "p.abc", "q.1"},
      {"p.*", "q.{{partition(1000000,1)}}", "p.abc", "q.920331"},
      {"p.*", "q.{{partition(2147483647,1)}}", "p.abc", "q.440920331"},
      {"p.*.*", "q.{{partition(10,1,2)}}", "p.ab.c", "q.1"},
      {"p.*.*", "q.{{partition(10,1,2)}}", "p.a.bc", "q.1"},
      {"p.*.*", "q.{{partition(10,2,1)}}", "p.ab.c", "q.5"},
      {"p.*.*", "q.{{partition(10,2,1)}}", "p.a.bc", "q.7"},
      {"p.*", "q.{{partition(0,1)}}", "p.abc", "q.0"},
      {"*", "q.{{partition(7)}}", "pp", "q.6"},
      {"a.*", "q.{{partition(7)}}", "a.b", "q.5"},
      {"a.>", "q.{{partition(7)}}.>", "a.b", "q.5.b"},
      {"a.b", "q.{{partition(1000)}}", "a.b", "q.692"},
      {"*.*.>", "{{partition(10)}}.>", "a.x.y.z", "1.y.z"},
      {"a.*", "{{split(1,-)}}", "a.-a--b-c-", "a.b.c"},
      {"a.*", "b.{{split(1,-)}}.c", "a.-a--b-c-", "b.a.b.c.c"},
      {"a.*", "b.{{split(1,-)}}.c", "a.abc", "b.abc.c"},
      {"a.*", "b.{{split(1,--)}}.c", "a.-a--b-c-", "b.-a.b-c-.c"},
      {"a.*", "b.{{split(1,--)}}.c", "a.---", "b.-.c"},
      {"a.*", "b.{{split(1,-)}}.c", "a.---", "b..c"},
      {"a.*", "{{split(1,-)}}", "a.---", ""},
      {"a.*", "b.{{split(1, -)}}", "a.q-s", "b.q.s"},
      {"a.*", "b.{{split(1,)}}", "a.qrs", "b.q.r.s"},
      {"a.*", "b.{{split(1, )}}", "a.qrs", "b.q.r.s"},
      {"a.*", "b.{{split(1,)}}", "a.éx", "b.é.x"},
      {"a.*", "b.{{split(1,))}}", "a.q)s", "b.q.s"},
      {"a.*", "b.{{split(1,()}}", "a.q(s", "b.q.s"},
      {"a.*", "b.{{split(1,})}}", "a.q}s", "b.q.s"},
      {"a.*", "b.{{split(1,*)}}", "a.q*s", "b.q.s"},
      {"a.*", "b.{{splitfromleft(1,2)}}", "a.a", "b.a"},
      {"a.*", "b.{{splitfromleft(1,2)}}", "a.ab", "b.ab"},
      {"a.*", "b.{{splitfromleft(1,2)}}", "a.abcdef", "b.ab.cdef"},
      {"a.*", "b.{{splitfromleft(1,2)}}", "a.é1", "b.é.1"},
      {"a.*", "b.{{splitfromleft(1,0)}}", "a.abc", "b.abc"},
      {"a.*", "b.{{splitfromright(1,2)}}", "a.a", "b.a"},
      {"a.*", "b.{{splitfromright(1,2)}}", "a.ab", "b.ab"},
      {"a.*", "b.{{splitfromright(1,2)}}", "a.abcdef", "b.abcd.ef"},
      {"a.*", "b.{{splitfromright(1,0)}}", "a.abc", "b.abc"},
      {"a.*", "b.{{slicefromleft(1,3)}}", "a.a", "b.a"},
      {"a.*", "b.{{slicefromleft(1,3)}}", "a.abc", "b.abc"},
      {"a.*", "b.{{slicefromleft(1,3)}}", "a.abcdef", "b.abc.def"},
      {"a.*", "b.{{slicefromleft(1,3)}}", "a.abcdefgh", "b.abc.def.gh"},
      {"a.*", "b.{{slicefromleft(1,0)}}", "a.abc", "b.abc"},
      {"a.*", "b.{{slicefromright(1,3)}}", "a.a", "b.a"},
      {"a.*", "b.{{slicefromright(1,3)}}", "a.abc", "b.abc"},
      {"a.*", "b.{{slicefromright(1,3)}}", "a.abcd", "b.a.bcd"},
      {"a.*", "b.{{slicefromright(1,3)}}", "a.abcdefgh", "b.ab.cde.fgh"},
      {"a.*", "b.{{slicefromright(1,0)}}", "a.abc", "b.abc"},
      {"l.*", "l.{{left(1,2)}}", "l.abcd", "l.ab"},
      {"l.*", "l.{{left(1,2)}}", "l.a", "l.a"},
      {"l.*", "l.{{left(1,0)}}", "l.abc", "l.abc"},
      {"l.*", "l.{{left(1,3)}}", "l.éé", "l.é\xC3"},
      {"l.*", "l.{{right(1,2)}}", "l.abcd", "l.cd"},
      {"l.*", "l.{{right(1,2)}}", "l.a", "l.a"},
      {"l.*", "l.{{right(1,0)}}", "l.abc", "l.abc"},
      {"a.*", "b.{{random(0)}}", "a.x", "b.0"},
      {"a.*", "$SYS.$.$x.$1x.x$1.$$1", "a.q", "$SYS.$.$x.$1x.x$1.$$1"},
      {"a.*.*", "{{left(2,1)}}.{{split(1,-)}}.{{split(2,+)}}.x", "a.p-q.r+s", "r.p.q.r.s.x"},
  };
  for (const auto& each : rows) {
    CAPTURE(each.source);
    CAPTURE(each.destination);
    CAPTURE(each.subject);
    CHECK(transform(each.source, each.destination, each.subject) == each.becomes);
  }
}

TEST_CASE("transform: a function's name may have capitals where its words begin") {
  for (const std::string_view name :
       {"SplitFromLeft", "splitFromLeft", "SplitFromleft", "splitfromleft", "Splitfromleft"}) {
    CAPTURE(name);
    CHECK(transform("a.*", "{{" + std::string(name) + "(1,1)}}", "a.xyz") == "x.yz");
  }
  for (const std::string_view name :
       {"Wildcard(1)", "Partition(1,1)", "Split(1,-)", "SplitFromRight(1,1)", "SliceFromLeft(1,1)",
        "SliceFromRight(1,1)", "Left(1,1)", "Right(1,1)", "Random(1)"}) {
    CAPTURE(name);
    CHECK(error_of("a.*", "{{" + std::string(name) + "}}") == "none");
  }
  for (const std::string_view name : {"WILDCARD", "wildCard", "wIldcard", "splitfromleFt", ""}) {
    CAPTURE(name);
    CHECK(error_of("a.*", "{{" + std::string(name) + "(1)}}")
              .starts_with("found \"" + std::string(name) + "\" in \"{{"));
  }
}

TEST_CASE("transform: random takes its numbers from whom it is given") {
  std::string error;
  const auto made = subject_transform::parse("a", "b.{{random(12)}}.{{random(3)}}", error);
  REQUIRE(made);
  std::vector<std::uint32_t> bounds;
  std::string out;
  made->apply("a", out, [&bounds](std::uint32_t bound) {
    bounds.push_back(bound);
    return bound - 1;
  });
  CHECK(out == "b.11.2");
  CHECK(bounds == std::vector<std::uint32_t>{12, 3});
}

TEST_CASE("transform: a destination that is always the same is known as such") {
  const auto constant = [](std::string_view source, std::string_view destination) {
    std::string error;
    const auto made = subject_transform::parse(source, destination, error);
    return std::string(made ? made->constant().value_or("(varies)") : error);
  };
  CHECK(constant("a.*", "b.c.d") == "b.c.d");
  CHECK(constant("a.*", "b.$1") == "(varies)");
  CHECK(constant("a.*", "{{random(2)}}") == "(varies)");
  CHECK(constant("a", "b.{{partition(2)}}") == "(varies)");
}

TEST_CASE("transform: what is wrong is said with what was found and what was expected") {
  struct wrong {
    std::string_view source;
    std::string_view destination;
    std::string_view error;
  };
  const std::string functions =
      "one of wildcard, partition, split, splitfromleft, splitfromright, slicefromleft, "
      "slicefromright, left, right and random";
  const std::string unknown = "found \"nope\" in \"{{nope(1)}}\", expected " + functions;
  const std::vector<wrong> rows{
      {"a..b", "b", "found \"a..b\", expected a subject, such as \"orders.*\""},
      {"a b", "b", "found \"a b\", expected a subject, such as \"orders.*\""},
      {"", "b", "found \"\", expected a subject, such as \"orders.*\""},
      {"a", "", "found \"\", expected a subject"},
      {"a", "b..c", "found \"b..c\", expected no empty token"},
      {"a", "b.", "found \"b.\", expected no empty token"},
      {"a", "b c", "found \"b c\", expected a subject without blanks"},
      {"a.*", "b.*", "found \"*\" in \"b.*\", expected a wildcard by its number, as in \"$1\""},
      {"a", "b.*", "found \"*\" in \"b.*\", expected a wildcard by its number, as in \"$1\""},
      {"a", "b.>", "found \">\" in \"b.>\", expected no \">\", because \"a\" has none"},
      {"a.>", "b.>.c", "found \"b.>.c\", expected \">\" at its end only"},
      {"a.>", "b", "found \"b\", expected \">\" at its end, because \"a.>\" has one"},
      {"a.*", "b.$2", "found wildcard 2 in \"$2\", expected 1, because \"a.*\" has 1 \"*\""},
      {"a.*", "b.$0", "found wildcard 0 in \"$0\", expected 1, because \"a.*\" has 1 \"*\""},
      {"a.*", "b.$-1", "found wildcard -1 in \"$-1\", expected 1, because \"a.*\" has 1 \"*\""},
      {"a.*.*", "$3", "found wildcard 3 in \"$3\", expected 1 to 2, because \"a.*.*\" has 2 \"*\""},
      {"a.>", "$1.>", "found wildcard 1 in \"$1\", expected none, because \"a.>\" has no \"*\""},
      {"a", "{{partition(3,1)}}",
       "found wildcard 1 in \"{{partition(3,1)}}\", expected none, because \"a\" has no \"*\""},
      {"a.*", "{{wildcard(2)}}",
       "found wildcard 2 in \"{{wildcard(2)}}\", expected 1, because \"a.*\" has 1 \"*\""},
      {"a.*", "{{wildcard()}}",
       "found \"\" in \"{{wildcard()}}\", expected the number of a wildcard"},
      {"a.*", "{{wildcard(x)}}",
       "found \"x\" in \"{{wildcard(x)}}\", expected the number of a wildcard"},
      {"a.*", "{{wildcard(1,2)}}",
       "found \"1,2\" in \"{{wildcard(1,2)}}\", expected the number of a wildcard"},
      {"a.*", "{{nope(1)}}", unknown},
      {"a.*", "{{partition()}}",
       "found \"\" in \"{{partition()}}\", expected the number of partitions, and numbers of "
       "wildcards"},
      {"a.*", "{{partition(x)}}",
       "found \"x\" in \"{{partition(x)}}\", expected a number from 0 to 2147483647"},
      {"a.*", "{{partition(-1,1)}}",
       "found \"-1\" in \"{{partition(-1,1)}}\", expected a number from 0 to 2147483647"},
      {"a.*", "{{partition(2147483648,1)}}",
       "found \"2147483648\" in \"{{partition(2147483648,1)}}\", expected a number from 0 to "
       "2147483647"},
      {"a.*", "{{partition(3,x)}}",
       "found \"x\" in \"{{partition(3,x)}}\", expected the number of a wildcard"},
      {"a.*", "{{split(1)}}",
       "found \"1\" in \"{{split(1)}}\", expected the number of a wildcard, and a separator"},
      {"a.*", "{{split(1,-,x)}}",
       "found \"1,-,x\" in \"{{split(1,-,x)}}\", expected the number of a wildcard, and a "
       "separator"},
      {"a.*", "{{split(x,-)}}",
       "found \"x\" in \"{{split(x,-)}}\", expected the number of a wildcard"},
      {"a.*", "{{split(1,- )}}",
       "found \"- \" in \"{{split(1,- )}}\", expected a separator without blanks"},
      {"a.*", "{{left(1)}}",
       "found \"1\" in \"{{left(1)}}\", expected the number of a wildcard, and one of bytes"},
      {"a.*", "{{right(1,x)}}",
       "found \"x\" in \"{{right(1,x)}}\", expected a number from 0 to 2147483647"},
      {"a.*", "{{random()}}",
       "found \"\" in \"{{random()}}\", expected a number from 0 to 2147483647"},
      {"a.*", "{{random(3,1)}}", "found \"3,1\" in \"{{random(3,1)}}\", expected a number"},
  };
  for (const auto& each : rows) {
    CAPTURE(each.source);
    CAPTURE(each.destination);
    CHECK(error_of(each.source, each.destination) == each.error);
  }
}

TEST_CASE("transform: braces that are no function are not taken literally") {
  for (const std::string_view token :
       {"{{}}", "{{x}}", "{{wildcard(1)", "{{wildcard(1)}", "x{{wildcard(1)}}", "{{wildcard(1)}}x",
        "{{wildcard(1)}}{{wildcard(1)}}", "{{wildcard(1)x}}", "{{}", "}}{{", "{{("}) {
    CAPTURE(token);
    CHECK(error_of("a.*", "b." + std::string(token)) ==
          "found \"" + std::string(token) +
              "\", expected a function as a whole token, as in \"{{wildcard(1)}}\"");
  }
  // A dot ends a token.
  CHECK(error_of("a.*", "{{split(1,.)}}").starts_with("found \"{{split(1,\", expected a function"));
}

namespace {

using texts = std::vector<std::string>;

std::string joined(const texts& tokens) {
  std::string out;
  for (const auto& each : tokens) out += (out.empty() ? "" : ".") + each;
  return out;
}

// Words of `letters`, which may end up with the separator in them.
std::string word(std::mt19937_64& random, std::string_view letters = "ab-") {
  std::string out;
  for (auto left = random() % 7 + 1; left > 0; --left) out += letters[random() % letters.size()];
  return out;
}

// A token of a destination, and what it becomes with these wildcards, the plain way.
struct piece {
  std::string token;
  std::string becomes;
};

piece random_piece(std::mt19937_64& random, const texts& wildcards) {
  const auto index = random() % wildcards.size();
  const auto& text = wildcards[index];
  const auto n = random() % 8;
  const auto name = std::to_string(index + 1);
  const auto call = [&](const std::string& function) {
    return "{{" + function + "(" + name + "," + std::to_string(n) + ")}}";
  };
  const bool stays = n == 0 || n >= text.size();
  texts pieces;
  switch (random() % 9) {
    case 0:
      return {"$" + name, text};
    case 1:
      return {"{{wildcard(" + name + ")}}", text};
    case 2: {
      std::string kept;
      for (const char c : text + "-") {
        if (c != '-') {
          kept += c;
        } else if (!kept.empty()) {
          pieces.push_back(std::exchange(kept, {}));
        }
      }
      return {"{{split(" + name + ",-)}}", joined(pieces)};
    }
    case 3:
      return {call("splitfromleft"), stays ? text : text.substr(0, n) + "." + text.substr(n)};
    case 4:
      return {call("splitfromright"),
              stays ? text : text.substr(0, text.size() - n) + "." + text.substr(text.size() - n)};
    case 5:
      if (stays) return {call("slicefromleft"), text};
      for (std::size_t i = 0; i < text.size(); i += n) pieces.push_back(text.substr(i, n));
      return {call("slicefromleft"), joined(pieces)};
    case 6: {
      if (stays) return {call("slicefromright"), text};
      std::string out;
      for (std::size_t i = 0; i < text.size(); ++i) {
        if (i != 0 && (text.size() - i) % n == 0) out += '.';
        out += text[i];
      }
      return {call("slicefromright"), out};
    }
    case 7:
      return {call("left"), stays ? text : text.substr(0, n)};
    default:
      return {call("right"), stays ? text : text.substr(text.size() - n)};
  }
}

}  // namespace

TEST_CASE("transform: random patterns and destinations agree with a plain implementation") {
  const auto seed = nuncio::test::test_seed();
  CAPTURE(nuncio::test::seed_text(seed));
  std::mt19937_64 random(seed);
  for (int round = 0; round < 20'000; ++round) {
    texts source;
    texts subject;
    texts wildcards;
    for (auto left = random() % 5 + 1; left > 0; --left) {
      subject.push_back(word(random));
      const bool is_wild = random() % 2 == 0;
      source.push_back(is_wild ? "*" : subject.back());
      if (is_wild) wildcards.push_back(subject.back());
    }
    texts rest;
    if (random() % 3 == 0) {
      source.emplace_back(">");
      for (auto left = random() % 3 + 1; left > 0; --left) rest.push_back(word(random));
      subject.insert(subject.end(), rest.begin(), rest.end());
    }
    std::string destination;
    std::string expected;
    const auto add = [&](const std::string& token, const std::string& becomes) {
      const std::string_view dot = destination.empty() ? "" : ".";
      destination.append(dot).append(token);
      expected.append(dot).append(becomes);
    };
    for (auto left = random() % 4 + 1; left > 0; --left) {
      if (wildcards.empty() || random() % 3 == 0) {
        const auto text = word(random, "xyz");
        add(text, text);
      } else {
        const auto one = random_piece(random, wildcards);
        add(one.token, one.becomes);
      }
    }
    if (!rest.empty()) add(">", joined(rest));
    CAPTURE(joined(source));
    CAPTURE(destination);
    CAPTURE(joined(subject));
    REQUIRE(matches(joined(subject), joined(source)));
    REQUIRE(transform(joined(source), destination, joined(subject)) == expected);
  }
}
