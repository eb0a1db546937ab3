#include <nuncio/protocol/subject.hpp>

#include <doctest/doctest.h>

#include <string>
#include <string_view>
#include <vector>

using namespace nuncio::protocol;

namespace {

struct pair {
  std::string_view a;
  std::string_view b;
};

// All subjects of up to three tokens out of these.
std::vector<std::string> all_of(const std::vector<std::string>& tokens) {
  std::vector<std::string> out = tokens;
  for (std::size_t begin = 0, round = 0; round < 2; ++round) {
    const std::size_t end = out.size();
    for (std::size_t i = begin; i < end; ++i) {
      for (const auto& token : tokens) out.push_back(out[i] + "." + token);
    }
    begin = end;
  }
  return out;
}

}  // namespace

TEST_CASE("subject: a token is a wildcard only if that is all there is of it") {
  for (const std::string_view literal :
       {"foo", "foo.bar", "foo*", "*foo", "a.b>", ">a", "**", ""}) {
    CAPTURE(literal);
    CHECK(is_literal(literal));
  }
  for (const std::string_view pattern :
       {"*", ">", "foo.*", "*.foo", "foo.>", "foo.*.bar", ">.foo"}) {
    CAPTURE(pattern);
    CHECK_FALSE(is_literal(pattern));
  }
}

TEST_CASE("subject: what may be subscribed to, and what a pedantic server lets publish") {
  for (const std::string_view good :
       {"foo", "foo.bar", "*", ">", "foo.*.bar.>", "foo.>bar", "a b"}) {
    CAPTURE(good);
    CHECK(is_valid_subscription(good));
  }
  for (const std::string_view bad : {"", ".", "foo.", ".foo", "foo..bar", "foo.>.bar", ">.>"}) {
    CAPTURE(bad);
    CHECK_FALSE(is_valid_subscription(bad));
    CHECK_FALSE(is_valid_publish(bad));
  }
  CHECK(is_valid_publish("foo.b*r.baz>"));
  CHECK_FALSE(is_valid_publish("foo.*"));
  CHECK_FALSE(is_valid_publish("foo.>"));
  CHECK(has_only_full_tokens("foo.*"));
  CHECK_FALSE(has_only_full_tokens("foo."));
  CHECK_FALSE(has_only_full_tokens(""));
}

TEST_CASE("subject: what a client publishes to has full tokens and no blanks") {
  for (const auto* const good : {"foo", "foo.bar", "a.b.c", "foo.*", ">", "$SYS.x"}) {
    CAPTURE(good);
    CHECK(is_publishable(good));
    CHECK(has_only_full_tokens(good));
    CHECK_FALSE(has_blank(good));
  }
  for (const auto* const gap : {"", ".", "..", ".foo", "foo.", "foo..bar"}) {
    CAPTURE(gap);
    CHECK_FALSE(is_publishable(gap));
    CHECK_FALSE(has_only_full_tokens(gap));
    CHECK_FALSE(has_blank(gap));
  }
  for (const auto* const words : {"foo bar", " foo", "foo\t", "foo\r", "foo.\n.bar", "a.  .b"}) {
    CAPTURE(words);
    CHECK_FALSE(is_publishable(words));
    CHECK(has_only_full_tokens(words));
    CHECK(has_blank(words));
  }
}

TEST_CASE("subject: * is one token, > one or more at the end, never none") {
  for (const auto& [subject, pattern] : std::vector<pair>{{"foo", "foo"},
                                                          {"foo.bar", "foo.*"},
                                                          {"foo.bar", "*.*"},
                                                          {"foo.bar", "foo.>"},
                                                          {"foo.bar.baz", "foo.>"},
                                                          {"foo.bar.baz", "*.bar.*"},
                                                          {"foo", ">"},
                                                          {"a.*", "a.*"},
                                                          {"a.*", "a.>"}}) {
    CAPTURE(subject);
    CAPTURE(pattern);
    CHECK(matches(subject, pattern));
  }
  for (const auto& [subject, pattern] : std::vector<pair>{{"foo", "bar"},
                                                          {"foo", "foo.*"},
                                                          {"foo", "foo.>"},
                                                          {"foo.bar", "*"},
                                                          {"foo.bar", "foo"},
                                                          {"foo.bar.baz", "foo.*"},
                                                          {"foo.bar", "foo.b*"},
                                                          {"a.*", "a.b"},
                                                          {"Foo", "foo"}}) {
    CAPTURE(subject);
    CAPTURE(pattern);
    CHECK_FALSE(matches(subject, pattern));
  }
}

TEST_CASE("subject: covers and overlaps mean what they say, tried on all short subjects") {
  const auto literals = all_of({"a", "b"});
  const auto patterns = all_of({"a", "*", ">"});
  for (const auto& p : patterns) {
    if (!is_valid_subscription(p)) continue;
    for (const auto& q : patterns) {
      if (!is_valid_subscription(q)) continue;
      bool covered = true;
      bool both = false;
      for (const auto& s : literals) {
        covered = covered && (!matches(s, q) || matches(s, p));
        both = both || (matches(s, p) && matches(s, q));
      }
      // `>` also matches what is longer than any subject tried here.
      const bool unbounded = q.back() == '>' && p.back() != '>';
      CAPTURE(p);
      CAPTURE(q);
      CHECK(covers(p, q) == (covered && !unbounded));
      CHECK(overlaps(p, q) == both);
    }
  }
}

TEST_CASE("subject: tokens, also empty ones") {
  CHECK(first_token("foo.bar") == "foo");
  CHECK(first_token("foo") == "foo");
  CHECK(first_token(".foo").empty());
  CHECK(count_tokens("foo") == 1);
  CHECK(count_tokens("a.b.c") == 3);
  CHECK(count_tokens("") == 1);
  std::vector<std::string_view> tokens;
  for (token_reader reader{"a..b."}; reader.has_next();) tokens.push_back(reader.next());
  CHECK(tokens == std::vector<std::string_view>{"a", "", "b", ""});
}
