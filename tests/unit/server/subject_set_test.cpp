#include "core/subject_set.hpp"

#include <nuncio/protocol/subject.hpp>

#include <doctest/doctest.h>

#include <algorithm>
#include <cstdint>
#include <random>
#include <string>
#include <string_view>
#include <vector>

namespace {

using namespace nuncio;
using server::subject_set;
using places = std::vector<std::uint32_t>;

places matching(const subject_set& set, std::string_view subject) {
  places found;
  set.each_match(subject, [&found](std::uint32_t place) {
    found.push_back(place);
    return true;
  });
  std::sort(found.begin(), found.end());
  return found;
}

places covering(const subject_set& set, std::string_view subject) {
  places found;
  set.each_cover(subject, [&found](std::uint32_t place) {
    found.push_back(place);
    return true;
  });
  std::sort(found.begin(), found.end());
  return found;
}

// Of a few tokens that begin alike, so that subjects meet; some are longer than 8 bytes.
class random_subjects {
 public:
  explicit random_subjects(unsigned seed) : random_(seed) {}

  std::string next(bool wildcards) {
    static const std::vector<std::string> tokens{"a",  "b", "ab", "orders", "orders-of-europe",
                                                 "*x", "",  "x"};
    std::string subject;
    const auto count = 1 + random_() % 4;
    for (unsigned i = 0; i < count; ++i) {
      if (i != 0) subject += '.';
      const auto kind = random_() % 10;
      if (wildcards && kind == 0) {
        subject += '>';
      } else if (wildcards && kind < 3) {
        subject += '*';
      } else {
        subject += tokens[random_() % tokens.size()];
      }
    }
    return subject;
  }

 private:
  std::mt19937 random_;
};

}  // namespace

TEST_CASE("subject_set: an empty one matches and covers nothing") {
  const subject_set none;
  CHECK(none.empty());
  CHECK_FALSE(none.matches("a"));
  CHECK_FALSE(none.matches(""));
  CHECK_FALSE(none.covers(">"));
  CHECK(subject_set(std::vector<std::string>{}).empty());
}

TEST_CASE("subject_set: a literal matches itself only, also where it is the beginning of another") {
  const subject_set set({"foo", "orders.created"});
  CHECK(set.matches("foo"));
  CHECK(set.matches("orders.created"));
  for (const auto* const other :
       {"", "fo", "fooo", "foo.bar", "orders.create", "orders.created.x"}) {
    CAPTURE(other);
    CHECK_FALSE(set.matches(other));
  }
}

TEST_CASE("subject_set: wildcards in what is published are plain characters") {
  const subject_set set({"a.b", "c.*"});
  CHECK_FALSE(set.matches("a.*"));
  CHECK_FALSE(set.matches(">"));
  CHECK(set.matches("c.*"));
  CHECK(set.matches("c.>"));
}

TEST_CASE("subject_set: a wildcard is covered by an equal or a wider one only") {
  const subject_set set({"a.*", "b.>", "c"});
  CHECK(set.covers("a.*"));
  CHECK(set.covers("a.x"));
  CHECK_FALSE(set.covers("a.>"));
  CHECK_FALSE(set.covers("a.*.*"));
  CHECK(set.covers("b.*.x"));
  CHECK(set.covers("b.>"));
  CHECK_FALSE(set.covers("*"));
  CHECK_FALSE(set.covers(">"));
}

TEST_CASE("subject_set: each entry that applies is visited once, those that are equal too") {
  const subject_set set({"a.*", "a.b", ">", "b", "a.b"});
  CHECK(matching(set, "a.b") == places{0, 1, 2, 4});
  CHECK(matching(set, "b") == places{2, 3});
  CHECK(covering(set, "a.*") == places{0, 2});
  CHECK(covering(set, "*.b") == places{2});
}

TEST_CASE("subject_set: a visit ends where the visitor says so") {
  const subject_set set({">", "*", "a"});
  int visits = 0;
  set.each_match("a", [&visits](std::uint32_t) { return ++visits < 2; });
  CHECK(visits == 2);
}

TEST_CASE("subject_set: short and long lists answer as a plain loop does") {
  for (const std::size_t size : {std::size_t{1}, std::size_t{5}, subject_set::max_scanned,
                                 subject_set::max_scanned + 1, std::size_t{400}}) {
    CAPTURE(size);
    for (unsigned seed = 0; seed < 20; ++seed) {
      random_subjects subjects(static_cast<unsigned>(size) * 100 + seed);
      std::vector<std::string> patterns;
      while (patterns.size() < size) patterns.push_back(subjects.next(true));
      const subject_set set(patterns);
      for (int i = 0; i < 200; ++i) {
        const auto subject = subjects.next(true);
        CAPTURE(subject);
        places matched;
        places covered;
        for (std::uint32_t place = 0; place < patterns.size(); ++place) {
          if (protocol::matches(subject, patterns[place])) matched.push_back(place);
          if (protocol::covers(patterns[place], subject)) covered.push_back(place);
        }
        REQUIRE(matching(set, subject) == matched);
        REQUIRE(covering(set, subject) == covered);
        REQUIRE(set.matches(subject) == !matched.empty());
        REQUIRE(set.covers(subject) == !covered.empty());
      }
    }
  }
}
