#include "config/digest.hpp"
#include "config/parser.hpp"
#include "temporary_file.hpp"

#include <doctest/doctest.h>

#include <sys/stat.h>
#include <unistd.h>

#include <chrono>
#include <csignal>
#include <fstream>
#include <map>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

using namespace nuncio::server::config;
using namespace std::chrono_literals;
using nuncio::test::temporary_file;

namespace {

using strings = std::vector<std::string>;
using texts = std::map<std::string, std::string>;

/// Files and variables that exist only here.
struct fake_world {
  texts files;
  texts environment;

  [[nodiscard]] surroundings as_surroundings() const {
    return {.read = [this](const std::string& path) -> surroundings::read_result {
              const auto found = files.find(path);
              if (found == files.end()) return {.failure = "it is not there"};
              return {.content = found->second};
            },
            .variable = [this](const std::string& name) -> std::optional<std::string> {
              const auto found = environment.find(name);
              if (found == environment.end()) return {};
              return found->second;
            }};
  }

  [[nodiscard]] document parse(std::string_view text) const {
    return parse_text(text, "main.conf", as_surroundings());
  }
};

document parse(std::string_view text) {
  return fake_world{}.parse(text);
}

/// A value with its types: texts in quotes, `@` before a time, `~` before a number with a point,
/// `*` behind a key that was used as a variable.
std::string shown(const value& what) {
  std::string out;
  switch (what.what) {
    case kind::boolean:
    case kind::integer:
      return to_json(what);
    case kind::real:
      return "~" + to_json(what);
    case kind::time:
      return "@" + what.text;
    case kind::text:
      return to_json(what);
    case kind::list:
      for (const auto& item : what.items) out += (out.empty() ? "" : ", ") + shown(item);
      return "[" + out + "]";
    case kind::map:
      for (const auto& one : what.members) {
        out += (out.empty() ? "" : ", ") + one.key + (one.is_variable ? "*" : "") + ": ";
        out += shown(one.is);
      }
      return "{" + out + "}";
  }
  return out;
}

strings problems_of(const document& read) {
  strings out;
  for (const auto& found : read.problems) {
    out.push_back(read.files.at(found.at.file) + ":" + std::to_string(found.at.line) + ":" +
                  std::to_string(found.at.column) + ": " + (found.is_warning ? "warning: " : "") +
                  found.text);
  }
  return out;
}

/// The problems of `main.conf`, without its name.
strings problems_in(std::string_view text, const fake_world& world = {}) {
  auto out = problems_of(world.parse(text));
  for (auto& line : out) {
    if (line.starts_with("main.conf:")) line.erase(0, std::string_view("main.conf:").size());
  }
  return out;
}

struct row {
  std::string_view text;
  std::string_view shown;
};

void check_values(const std::vector<row>& rows, const fake_world& world = {}) {
  for (const auto& [text, expected] : rows) {
    CAPTURE(text);
    const auto read = world.parse(text);
    CHECK(problems_of(read) == strings{});
    CHECK(shown(read.root) == expected);
    CHECK(read.digest == digest_of(read.root));
  }
}

struct bad_row {
  std::string_view text;
  strings problems;
};

void check_problems(const std::vector<bad_row>& rows, const fake_world& world = {}) {
  for (const auto& [text, expected] : rows) {
    CAPTURE(text);
    CHECK(problems_in(text, world) == expected);
    CHECK(world.parse(text).digest.empty());
  }
}

std::string repeated(std::string_view piece, std::size_t count) {
  std::string out;
  for (std::size_t i = 0; i < count; ++i) out += piece;
  return out;
}

}  // namespace

TEST_CASE("config: a key and its value are separated by a sign or by white space") {
  check_values({{"a: 1", "{a: 1}"},
                {"a=1", "{a: 1}"},
                {"a 1", "{a: 1}"},
                {"a\t= \t1", "{a: 1}"},
                {"a\n\n1", "{a: 1}"},
                {"a\n: 1", "{a: 1}"},
                {"a {b:\n\n1}", "{a: {b: 1}}"},
                {"a\xC2\xA0: 1", "{a: 1}"},
                {"a\xE2\x80\xA8"
                 "1",
                 "{a: 1}"}});
}

TEST_CASE("config: a key runs to white space or a separator, or is in quotes") {
  check_values({{"a.b-c>: 1", "{a.b-c>: 1}"},
                {"a#b: 1", "{a#b: 1}"},
                {"a\"b\": 1", "{a\"b\": 1}"},
                {"a{b: 1", "{a{b: 1}"},
                {"\"a : b\": 1", "{a : b: 1}"},
                {"'a = b' 1", "{a = b: 1}"},
                {"'a\\': 1", "{a\\: 1}"},
                {"\"\": 1", "{: 1}"},
                {"\"a\"1", "{a: 1}"},
                {"ключ: 1", "{ключ: 1}"}});
}

TEST_CASE("config: a value ends with the line, a comma, a semicolon or the map") {
  check_values({{"a: 1\nb: 2", "{a: 1, b: 2}"},
                {"a: 1\r\nb: 2\r\n", "{a: 1, b: 2}"},
                {"a: 1, b: 2; c: 3", "{a: 1, b: 2, c: 3}"},
                {"a: x,b: y;c: z", "{a: \"x\", b: \"y\", c: \"z\"}"},
                {"a {b 1, c 2; d 3\n e 4}", "{a: {b: 1, c: 2, d: 3, e: 4}}"},
                {"a {b x}\nc 1", "{a: {b: \"x\"}, c: 1}"},
                {"a: 1 } b: 2", "{a: 1, b: 2}"}});
}

TEST_CASE("config: nothing between a separator and what ends a value is an empty text") {
  check_values({{"a:", "{a: \"\"}"},
                {"a: ", "{a: \"\"}"},
                {"a: , b: 1", "{a: \"\", b: 1}"},
                {"a {b: ; c: 1}", "{a: {b: \"\", c: 1}}"}});
}

TEST_CASE("config: comments stand where a key may begin and behind a value") {
  check_values({{"# one\n// two\na: 1 # three\nb: 2 // four", "{a: 1, b: 2}"},
                {"a { # one\nb: 1 // two\n# three\n}", "{a: {b: 1}}"},
                {"a [ # one\nx # two\n// three\n y // four\n]", "{a: [\"x\", \"y\"]}"},
                {"a: 'x'# one", "{a: \"x\"}"}});
}

TEST_CASE("config: in an unquoted text comment signs are letters") {
  check_values({{"a: x#y", "{a: \"x#y\"}"},
                {"a: nats://x", "{a: \"nats://x\"}"},
                {"a: #x", "{a: \"#x\"}"},
                {"a: 1#x", "{a: \"1#x\"}"},
                {"a: //x", "{a: \"//x\"}"}});
}

TEST_CASE("config: braces around a document say nothing") {
  check_values({{"{a: 1}", "{a: 1}"},
                {"{\"a\": 1, \"b\": {\"c\": [true]}}\n", "{a: 1, b: {c: [true]}}"},
                {"{ {a: 1}, b: 2 }", "{a: 1, b: 2}"},
                {"{ {a: 1} # x\n b: 2 }", "{a: 1, b: 2}"},
                {"{a: 1\n", "{a: 1}"},
                {"a: 1\n}\n", "{a: 1}"},
                {"a {b: 1}}", "{a: {b: 1}}"}});
}

TEST_CASE("config: an empty document is a warning") {
  for (const std::string_view text : {"", " \n", "# only this", "{}", "}"}) {
    CAPTURE(text);
    const auto read = parse(text);
    CHECK(problems_of(read) ==
          strings{"main.conf:1:1: warning: found no values, expected at least one"});
    CHECK(read.digest == "sha256:ca3d163bab055381827226140568f3bef7eaac187cebd76878e0b63e9e442356");
  }
}

TEST_CASE("config: maps and lists nest") {
  check_values(
      {{"a {}", "{a: {}}"},
       {"a:{b:{c {d 1}}}", "{a: {b: {c: {d: 1}}}}"},
       {"a\n{\nb 1\n}", "{a: {b: 1}}"},
       {"a []", "{a: []}"},
       {"a: [x, 1 , true, 1.5, {b: 1}, [y]]", "{a: [\"x\", 1, true, ~1.5, {b: 1}, [\"y\"]]}"},
       {"a: [x\n\ny,\nz,\n]", "{a: [\"x\", \"y\", \"z\"]}"},
       {"a: [{b: 1}\n{b: 2}]", "{a: [{b: 1}, {b: 2}]}"},
       {"a: [1, -2, 3]", "{a: [1, -2, 3]}"}});
}

TEST_CASE("config: of a key's values the last one counts, at the place of the first") {
  check_values({{"a: 1\nb: 2\na: 3", "{a: 3, b: 2}"},
                {"a {x: 1}\na {y: 2}", "{a: {y: 2}}"},
                {"a: 1\nA: 2", "{a: 1, A: 2}"}});
}

TEST_CASE("config: booleans have three words each, in any case and without quotes") {
  check_values({{"a: true, b: YES, c: On", "{a: true, b: true, c: true}"},
                {"a: False, b: no, c: OFF", "{a: false, b: false, c: false}"},
                {"a: 'true', b: \"on\", c: truth, d: tr\\x75e",
                 "{a: \"true\", b: \"on\", c: \"truth\", d: \"true\"}"}});
}

TEST_CASE("config: whole numbers have 64 bits") {
  check_values({{"a: 0, b: -0, c: 007", "{a: 0, b: 0, c: 7}"},
                {"a: 9223372036854775807", "{a: 9223372036854775807}"},
                {"a: -9223372036854775808", "{a: -9223372036854775808}"}});
  const std::string range = ", expected a number between -2^63 and 2^63 - 1";
  check_problems({{"a: 9223372036854775808", {"1:4: found \"9223372036854775808\"" + range}},
                  {"a: -9223372036854775809", {"1:4: found \"-9223372036854775809\"" + range}},
                  {"a: 10e", {"1:4: found \"10e\"" + range}}});
}

TEST_CASE("config: a unit's letter alone is a power of 1000, with more letters of 1024") {
  check_values({{"a: 1k, b: 1m, c: 1g", "{a: 1000, b: 1000000, c: 1000000000}"},
                {"a: 1kb, b: 2Ki, c: 3KiB", "{a: 1024, b: 2048, c: 3072}"},
                {"a: 1MB, b: 1gi", "{a: 1048576, b: 1073741824}"},
                {"a: 1t, b: 1tb", "{a: 1000000000000, b: 1099511627776}"},
                {"a: 1p, b: 1pib", "{a: 1000000000000000, b: 1125899906842624}"},
                {"a: 1E, b: 1eb", "{a: 1000000000000000000, b: 1152921504606846976}"},
                {"a: -5k", "{a: -5000}"},
                {"a: 5e7bcd, b: 8m4dwr, c: 10s, d: 1h30m",
                 "{a: \"5e7bcd\", b: \"8m4dwr\", c: \"10s\", d: \"1h30m\"}"},
                {"a: [64k]", "{a: [\"64k\"]}"}});
  CHECK(parse("a: 2m").root.find("a")->is.text == "2m");
  check_problems({{"a: 64 kb", {"1:7: found \"kb\", expected a new line or \",\""}},
                  {"a: 5kbb",
                   {"1:4: found \"5kbb\", expected a number with a unit of k, kb, ki, kib, or "
                    "the same with m, g, t, p, e"}}});
}

TEST_CASE("config: numbers with a point have digits on both sides of it") {
  check_values({{"a: 1.5, b: -0.25", "{a: ~1.5, b: ~-0.25}"},
                {"a: 0." + repeated("0", 400) + "1", "{a: ~0}"},
                {"a: -0." + repeated("0", 400) + "1", "{a: ~-0}"}});
  check_problems(
      {{"a: .5", {"1:4: found \".5\", expected a digit before the point, or quotes"}},
       {"a: 1.", {"1:4: found \"1.\", expected a digit after the point, or quotes"}},
       {"a: -x", {"1:4: found \"-x\", expected a digit after \"-\", or quotes"}},
       {"a: 1.5k", {"1:4: found \"1.5k\", expected a number, or quotes"}},
       {"a: -5x", {"1:4: found \"-5x\", expected a number, or quotes"}},
       {"a: " + repeated("9", 400) + ".0",
        {"1:4: found \"" + repeated("9", 40) + "...\", expected a number of at most 1.8e308"}}});
}

TEST_CASE("config: a number that turns into an address is a text") {
  check_values({{"a: 127.0.0.1", "{a: \"127.0.0.1\"}"},
                {"a: 1.2.3.4:4222", "{a: \"1.2.3.4:4222\"}"},
                {"a: 1.2.3.4:-1", "{a: \"1.2.3.4:-1\"}"}});
  check_problems(
      {{"a: 10.0.0.0/8", {"1:4: found \"10.0.0.0/8\", expected an address, or quotes"}}});
}

TEST_CASE("config: dates and times are of UTC, and in the calendar") {
  check_values({{"a: 2024-02-29T23:59:59Z", "{a: @2024-02-29T23:59:59Z}"},
                {"a: [2000-02-29T00:00:00Z]", "{a: [@2000-02-29T00:00:00Z]}"}});
  for (const std::string word :
       {"2023-02-29T10:00:00Z", "1900-02-29T10:00:00Z", "2024-13-01T10:00:00Z",
        "2024-04-31T10:00:00Z", "2024-01-00T10:00:00Z", "2024-01-01T24:00:00Z",
        "2024-01-01T23:60:00Z", "2024-01-01T23:00:60Z", "2024-01-01T23:00:00z",
        "2024-01-01T23:00:00", "2024-01-01", "1-2"}) {
    check_problems({{"a: " + word,
                     {"1:4: found \"" + word +
                      "\", expected a date and time as in 2006-01-02T15:04:05Z, or quotes"}}});
  }
}

TEST_CASE("config: texts in double quotes and without quotes have escapes, in single quotes none") {
  check_values({{R"(a: "\n\t\r\"\\\x41")", R"({a: "\n\t\r\"\\A"})"},
                {R"(a: x\ty\x41)", R"({a: "x\tyA"})"},
                {R"(a: '\n"')", R"({a: "\\n\""})"},
                {"a: \"two\nlines\"", R"({a: "two\nlines"})"},
                {"a: 'two\nlines'", R"({a: "two\nlines"})"},
                {"a: \"\", b: ''", R"({a: "", b: ""})"},
                {"a: x'", R"({a: "x"})"},
                {"a: foo.*.>", R"({a: "foo.*.\u003e"})"}});
  const std::string escapes = R"(, expected one of \n \t \r \" \\ \xHH)";
  check_problems(
      {{R"(a: "x\q\'y")", {R"(1:6: found "\q")" + escapes, R"(1:8: found "\'")" + escapes}},
       {R"(a: "\xg0")", {R"(1:5: found "\xg0")" + escapes}},
       {R"(a: C:\dir)", {R"(1:6: found "\d")" + escapes}},
       {R"(a: x\)", {R"(1:5: found "\")" + escapes}}});
}

TEST_CASE("config: a block is raw up to a bracket that is alone on its line") {
  check_values({{"a (\nx \"'{#\n )\n)\nb: 1", "{a: \"\\nx \\\"'{#\\n )\\n\", b: 1}"},
                {"a: (x\n)", "{a: \"x\\n\"}"},
                {"a: [(\n)\n]", "{a: [\"\\n\"]}"}});
  const std::string open = ": found \"(\" without its end, expected a line with nothing but \")\"";
  check_problems(
      {{"a: (\nx y z\n: :", {"1:4" + open}},
       {"a: (x)\nb: 1 2", {"1:4" + open, "2:6: found \"2\", expected a new line or \",\""}},
       {"m {a: (\nx\n)}\nb: 1 2", {"1:7" + open, "4:6: found \"2\", expected a new line or \",\""}},
       {"a: (\r\nx\r\n)\r\n", {"1:4" + open}}});
}

TEST_CASE("config: a variable is a key further up in the same or an outer map") {
  check_values({{"x: 5\na: $x", "{x*: 5, a: 5}"},
                {"x: {y: [1, z]}\na: [$x, $x]",
                 "{x*: {y: [1, \"z\"]}, a: [{y: [1, \"z\"]}, {y: [1, "
                 "\"z\"]}]}"},
                {"x: 1\nm {a: $x\nx: 2\nb: $x}", "{x*: 1, m: {a: 1, x*: 2, b: 2}}"},
                {"l [{x: 1, a: $x}]", "{l: [{x*: 1, a: 1}]}"},
                {"x: 1\nx: $x", "{x: 1}"},
                {"x: 1\na: $x\nx: 2", "{x: 2, a: 1}"},
                {"x: 1\ny: $x\nz: $y", "{x*: 1, y*: 1, z: 1}"}});
  const std::string unknown =
      ", expected a key further up or a variable of the environment with this name, or quotes";
  check_problems({{"a: $x\nx: 1", {"1:4: found \"$x\"" + unknown}},
                  {"m {x: 1}\na: $x", {"2:4: found \"$x\"" + unknown}},
                  {"x: 1\na: $X", {"2:4: found \"$X\"" + unknown}},
                  {"a: $", {"1:4: found \"$\"" + unknown}}});
}

TEST_CASE("config: quotes make a text of what looks like a variable, and so does bcrypt's prefix") {
  check_values({{"x: 1\na: '$x', b: \"$x\", c: y$x", "{x: 1, a: \"$x\", b: \"$x\", c: \"y$x\"}"},
                {"a: $2a$11$abc", "{a: \"$2a$11$abc\"}"},
                {"a: $2b$11$abc", "{a: \"$2b$11$abc\"}"},
                {"a: $2x$11$abc", "{a: \"$2x$11$abc\"}"},
                {"a: $2y$11$abc", "{a: \"$2y$11$abc\"}"}});
  CHECK(problems_in("a: $2c$11$abc").size() == 1);
}

TEST_CASE("config: a variable's value is where it is referred to, and its inside where it is") {
  const auto read = parse("x: {y: 1}\n  a: $x");
  const auto& a = read.root.find("a")->is;
  CHECK(a.at.line == 2);
  CHECK(a.at.column == 6);
  CHECK(a.find("y")->at.line == 1);
  CHECK(a.find("y")->at.column == 5);
}

TEST_CASE("config: the text of a variable of the environment is read as a value") {
  const fake_world world{.environment = {{"NUMBER", "8192"},
                                         {"TEXT", "\"a b\""},
                                         {"MAP", "{a: [x], b: $NUMBER}"},
                                         {"EMPTY", ""},
                                         {"x", "1"}}};
  check_values({{"a: $NUMBER", "{a: 8192}"},
                {"a: [$TEXT]", "{a: [\"a b\"]}"},
                {"a: $MAP", "{a: {a: [\"x\"], b: 8192}}"},
                {"a: $EMPTY", "{a: \"\"}"},
                {"x: 2\na: $x", "{x*: 2, a: 2}"}},
               world);
  const auto inside = world.parse("\na: $MAP").root.find("a")->is.find("b")->at;
  CHECK(inside.line == 2);
  CHECK(inside.column == 4);
}

TEST_CASE("config: a mistake in a variable's text is at the reference, as is a circle of them") {
  const fake_world world{
      .environment = {{"BAD", "a b"}, {"OUTER", "[$BAD]"}, {"A", "[$B]"}, {"B", "$A"}}};
  const std::string bad =
      "found what may be a secret in the environment's \"$BAD\", expected a new line or \",\", or "
      "quotes around the whole value";
  check_problems({{"a: $BAD\nb: 1", {"1:4: " + bad}},
                  {"a: $OUTER", {"1:4: " + bad}},
                  {"a: $A",
                   {"1:4: found the variables \"A\" > \"B\" > \"A\" in the environment's \"$B\", "
                    "expected no variable of the environment to refer to itself"}}},
                 world);
}

TEST_CASE("config: what may be a secret is quoted by no mistake in the grammar") {
  const fake_world world{.environment = {{"PW", "my SECRET"}, {"QUOTED", "\"SECRET"}}};
  const std::vector<std::string_view> values{
      "my SECRET", "my,SECRET",     "my;SECRET:", "my}SECRET",  "my]SECRET", ".SECRET",
      "-SECRET",   "12-SECRET",     "12.SECRET",  "12SECRET",   "\"SECRET",  "'SECRET",
      "'a'SECRET", "\"a\"SECRET",   "(SECRET",    "{SECRET",    "[SECRET",   "[a SECRET",
      "$SECRET",   "$1b$SECRET",    "/SECRET x",  "\\SECRET x", "$PW",       "$QUOTED",
      "a\\SECRET", "=SECRET SECRET"};
  for (const std::string key :
       {"password", "pass", "TOKEN", "key", "\"db_secret\"", "seed", "url"}) {
    for (const auto value : values) {
      for (const std::string around : {"", "m { ", "l [ { a: 1, "}) {
        auto text = around + key + ": " + std::string(value) + "\nb: \"c\"\n";
        if (!around.empty()) text += "}";
        CAPTURE(text);
        const auto read = world.parse(text);
        for (const auto& each : read.problems) {
          CAPTURE(each.text);
          const bool names_it = each.text.find("SECRET") != std::string::npos;
          CHECK_FALSE(names_it);
        }
      }
    }
  }
  check_problems(
      {{"m { password: my SECRET }",
        {"1:18: found what may be a secret, expected a new line, \",\" or \"}\", or quotes around "
         "the whole value"}},
       {"m { password: \"SECRET", {"1:15: found what may be a secret, expected a closing \""}},
       {"m { password: a, other x y }", {"1:26: found \"y\", expected a new line, \",\" or \"}\""}},
       {"m { password:\n}", {"2:1: found \"}\", expected a value for \"password\""}}},
      world);
}

TEST_CASE("config: includes are merged into the map they stand in") {
  const fake_world world{.files = {{"x.conf", "x: 1\ny: 2"},
                                   {"sub/y.conf", "include z.conf\nINCLUDE '../x.conf'"},
                                   {"sub/z.conf", "z: 3"},
                                   {"abs.conf", "abs: 1"},
                                   {"empty.conf", ""}}};
  check_values({{"include x.conf", "{x: 1, y: 2}"},
                {"include 'x.conf'; a: 1", "{x: 1, y: 2, a: 1}"},
                {"Include \"./x.conf\" # here\na: 1", "{x: 1, y: 2, a: 1}"},
                {"y: 1\ninclude x.conf", "{y: 2, x: 1}"},
                {"include x.conf\ny: 1", "{x: 1, y: 1}"},
                {"m { include x.conf\n a: 1 }", "{m: {x: 1, y: 2, a: 1}}"},
                {"m {include x.conf}", "{m: {x: 1, y: 2}}"},
                {"include sub/y.conf", "{z: 3, x: 1, y: 2}"},
                {"include /abs.conf", "{abs: 1}"},
                {"include empty.conf\na: 1", "{a: 1}"},
                {"include: x.conf", "{include: \"x.conf\"}"},
                {"'include' x.conf", "{include: \"x.conf\"}"}},
               world);
  const auto read = world.parse("a: 1\ninclude sub/y.conf\ninclude x.conf");
  CHECK(read.files == strings{"main.conf", "sub/y.conf", "sub/z.conf", "x.conf"});
  CHECK(read.root.find("z")->at.file == 2);
}

TEST_CASE("config: an included file doesn't see variables of who includes it, but these see its") {
  const fake_world world{.files = {{"x.conf", "x: 1\nx2: $x"}, {"needs.conf", "b: $a"}}};
  check_values({{"include x.conf\na: $x", "{x*: 1, x2: 1, a: 1}"}}, world);
  check_problems({{"a: 1\ninclude needs.conf",
                   {"needs.conf:1:4: found \"$a\", expected a key further up or a variable of the "
                    "environment with this name, or quotes"}}},
                 world);
}

TEST_CASE("config: includes are relative to the folder of who includes them") {
  const fake_world world{.files = {{"/etc/n/main.conf", "include a/b.conf"},
                                   {"/etc/n/a/b.conf", "include ../c.conf"},
                                   {"/etc/n/c.conf", "c: 1"}}};
  const auto read = parse_file("/etc/n/main.conf", world.as_surroundings());
  CHECK(problems_of(read) == strings{});
  CHECK(shown(read.root) == "{c: 1}");
  CHECK(read.files == strings{"/etc/n/main.conf", "/etc/n/a/b.conf", "/etc/n/c.conf"});
}

TEST_CASE("config: a file that can't be read is a problem where it is named") {
  check_problems({{"a: 1\ninclude none.conf\nb: 1 2",
                   {"2:9: found no readable file \"none.conf\" (it is not there), expected one to "
                    "include",
                    "3:6: found \"2\", expected a new line or \",\""}}});
  const fake_world world;
  const auto read = parse_file("none.conf", world.as_surroundings());
  CHECK(problems_of(read) ==
        strings{"none.conf:0:0: found no readable file \"none.conf\" (it is not there), expected a "
                "configuration"});
  CHECK(read.digest.empty());
}

TEST_CASE("config: a file that includes itself is an error that names the way") {
  const fake_world world{.files = {{"a.conf", "include b.conf\na: 1"},
                                   {"b.conf", "b: 1\ninclude a.conf"},
                                   {"self.conf", "include ./self.conf"},
                                   {"back.conf", "include main.conf"}}};
  const std::string end = ", expected no file to include itself";
  check_problems(
      {{"include a.conf",
        {"b.conf:2:9: found the includes \"a.conf\" > \"b.conf\" > \"a.conf\"" + end}},
       {"include self.conf",
        {"self.conf:1:9: found the includes \"self.conf\" > \"self.conf\"" + end}},
       {"include back.conf",
        {"back.conf:1:9: found the includes \"main.conf\" > \"back.conf\" > \"main.conf\"" + end}}},
      world);
}

TEST_CASE("config: includes have a name") {
  const std::string name = ", expected the name of a file";
  check_problems(
      {{"include ", {"1:9: found the end of the file" + name}},
       {"include\na: 1", {"1:8: found a new line" + name}},
       {"include ''", {"1:9: found \"''\"" + name}},
       {"include {x: 1}\na: 1", {"1:9: found \"{\"" + name + ", or quotes"}},
       {"include 9.conf", {"1:9: found \"9.conf\"" + name + ", or quotes"}},
       {"include 'x\na: 1", {"1:9: found \"'x\" without its end, expected a closing '"}}});
}

TEST_CASE("config: mistakes in included files are told with the others, in the order of reading") {
  const fake_world world{.files = {{"x.conf", "x: 1 2\ny: 1 2"}}};
  const std::string end = ", expected a new line or \",\"";
  check_problems({{"a: 1 2\ninclude x.conf\nb: 1 2",
                   {"1:6: found \"2\"" + end, "x.conf:1:6: found \"2\"" + end,
                    "x.conf:2:6: found \"2\"" + end, "3:6: found \"2\"" + end}}},
                 world);
}

TEST_CASE("config: one mistake is one problem, and the next statement is read") {
  const std::string end = ", expected a new line or \",\"";
  const std::string map_end = ", expected a new line, \",\" or \"}\"";
  const std::string list_end = ", expected a new line, \",\" or \"]\"";
  check_problems({
      {"a: x y z\nb: 1 2", {"1:6: found \"y\"" + end, "2:6: found \"2\"" + end}},
      {"a: x y, b: 1 2", {"1:6: found \"y\"" + end, "1:14: found \"2\"" + end}},
      {"a: 'x'y", {"1:7: found \"y\"" + end}},
      {"m {a: 1 b: 2, c: 3 4}\nd: 5",
       {"1:9: found \"b:\"" + map_end, "1:20: found \"4\"" + map_end}},
      {"l [a b, c d\ne f]",
       {"1:6: found \"b\"" + list_end, "1:11: found \"d\"" + list_end,
        "2:3: found \"f\"" + list_end}},
      {"a b {\n c: d e\n}\nf: 1", {"1:5: found \"{\"" + end}},
      {"l [{a: 1} {b: 2, c: [3]}]", {"1:11: found \"{\"" + list_end}},
      {"a: 1 \"} , {\" # , b c\nd: 1", {"1:6: found '\"'" + end}},
      {": 1\nb: 2", {"1:1: found \":\", expected a key"}},
      {"m {= 1, b: 2}", {"1:4: found \"=\", expected a key"}},
      {"/x: 1\nb: 2", {"1:1: found \"/x:\", expected a key"}},
  });
}

TEST_CASE("config: a missing value is told at its key") {
  const std::string value = ", expected a value for \"port\"";
  check_problems({{"port:\nb: 2", {"1:6: found a new line" + value}},
                  {"port\nb: 2\nc: 3", {"1:5: found a new line" + value}},
                  {"m {\n port:\n b: 2\n}", {"2:7: found a new line" + value}},
                  {"m {port: }\nb: 1", {"1:10: found \"}\"" + value}},
                  {"m {port: , b: 1}", {"1:10: found \",\"" + value}},
                  {"port", {"1:5: found the end of the file" + value}},
                  {"{port", {"1:6: found the end of the file" + value}},
                  {"m {port", {"1:8: found the end of the file" + value}},
                  {"port:\n{ b: 1 }\nc: 2", {"1:6: found a new line" + value}}});
  // What was meant as the value is read as such.
  CHECK(shown(parse("port:\n{ b: 1 }\nc: 2").root) == "{port: {b: 1}, c: 2}");
}

TEST_CASE("config: a quote that is not closed takes no more than its line") {
  const std::string end = " without its end, expected a closing \"";
  check_problems({{"a: \"x\nb: \"y\"\nc: 1 2",
                   {"1:4: found '\"x'" + end, "3:6: found \"2\", expected a new line or \",\""}},
                  {"a: \"x\nb: 1", {"1:4: found '\"x'" + end}},
                  {"\"a: x\nb: 1", {"1:1: found '\"a:'" + end}},
                  {"m {\n a: \"x\n}\nb: 1", {"2:5: found '\"x'" + end}},
                  {"a: 'x\nb: 1", {"1:4: found \"'x\" without its end, expected a closing '"}}});
}

TEST_CASE("config: a brace glued to its key is told as that, and opens the map") {
  const auto read = parse("cluster{\n name: x\n port: 1 2\n}\na: 1");
  CHECK(problems_of(read) ==
        strings{"main.conf:1:8: found \"cluster{\", expected a blank or \":\" before \"{\"",
                "main.conf:3:10: found \"2\", expected a new line, \",\" or \"}\""});
  CHECK(shown(read.root) == "{cluster: {name: \"x\", port: 1}, a: 1}");
}

TEST_CASE("config: brackets that don't match are told once") {
  check_problems({
      {"m {\n a: 1\n", {"3:1: found the end of the file, expected \"}\" for the \"{\" on line 1"}},
      {"m {\n l [\n {\n",
       {"4:1: found the end of the file, expected \"}\" for the \"{\" on line 3"}},
      {"l [\n x\n", {"3:1: found the end of the file, expected \"]\" for the \"[\" on line 1"}},
      {"{a: 1", {"1:6: found the end of the file, expected a new line or \"}\""}},
      {"{ {a: 1}\n", {"2:1: found the end of the file, expected \"}\""}},
      {"m {l [x }\nb: 1", {"1:9: found \"}\", expected \"]\""}},
      {"l [{a: 1 ]\nb: 1", {"1:10: found \"]\", expected a key or \"}\""}},
      {"m {a: 1\n]\n}\nb: 1", {"2:1: found \"]\", expected a key or \"}\""}},
      {"a: 1\n}\nb: 2", {"2:1: found \"}\", expected a key"}},
      {"a: ]\nb: 2", {"1:4: found \"]\", expected a new line or \",\""}},
      {"{ {a: 1}\n b: 2 }", {"2:2: found \"b:\", expected \",\" or \"}\""}},
  });
}

TEST_CASE("config: lists have something between commas") {
  const std::string item = ", expected a value or \"]\"";
  check_problems({{"a: [,x]", {"1:5: found \",\"" + item}},
                  {"a: [x,,y]", {"1:7: found \",\"" + item}},
                  {"a: [x\n,y]", {"2:1: found \",\"" + item}},
                  {"a: [;]", {"1:5: found \";\"" + item}},
                  {"a: [/x, y]", {"1:5: found \"/x\", expected a value in quotes"}}});
}

TEST_CASE("config: what was wrong is left out, and no variable is missed for it") {
  const auto read = parse("x: 1.x\na: $x\nb: [1, -y, 2]\nc: 3");
  CHECK(problems_of(read).size() == 2);
  CHECK(shown(read.root) == "{b: [1, 2], c: 3}");
}

TEST_CASE("config: a byte of zero is no text") {
  using namespace std::string_view_literals;
  check_problems({{"a: 1\nb\0: 2"sv, {"2:2: found a byte of zero, expected text in UTF-8"}}});
}

TEST_CASE("config: messages stay on one line and show no control characters") {
  check_problems({{"a: 1 \x01\x7F", {"1:6: found \"\\x01\\x7F\", expected a new line or \",\""}}});
  const auto long_word = problems_in("a: 1 " + repeated("é", 100)).front();
  CHECK(long_word == "1:6: found \"" + repeated("é", 20) + "...\", expected a new line or \",\"");
}

TEST_CASE("config: a mark of UTF-8 at the beginning of a file says nothing") {
  const std::string mark = "\xEF\xBB\xBF";
  const fake_world world{.files = {{"other.conf", mark + "# comment\nb: 2"}}};
  const auto read = world.parse(mark + "a: 1\ninclude other.conf");
  CHECK(problems_of(read) == strings{});
  CHECK(shown(read.root) == "{a: 1, b: 2}");
  CHECK(read.root.find("a")->at.column == 1);
  CHECK(read.digest == world.parse("a: 1\ninclude other.conf").digest);
  // Anywhere else it is a letter.
  CHECK(shown(parse("a: 1\n" + mark + "b: 2").root) ==
        "{a: 1, \xEF\xBB\xBF"
        "b: 2}");
}

TEST_CASE("config: places count lines and bytes from one") {
  const auto read = parse("é: 1\r\n  m { key: x\n\t'q': [ 2 ] }");
  const auto* m = read.root.find("m");
  REQUIRE(m != nullptr);
  const auto check = [](place at, std::uint32_t line, std::uint32_t column) {
    CHECK(at.file == 0);
    CHECK(at.line == line);
    CHECK(at.column == column);
  };
  check(read.root.find("é")->is.at, 1, 5);
  check(m->at, 2, 3);
  check(m->is.at, 2, 5);
  check(m->is.find("key")->at, 2, 7);
  check(m->is.find("key")->is.at, 2, 12);
  check(m->is.find("q")->at, 3, 2);
  check(m->is.find("q")->is.items.at(0).at, 3, 9);
}

TEST_CASE("config: nesting has a limit that is told") {
  CHECK(problems_in("a: " + repeated("[", 64) + repeated("]", 64)).empty());
  const std::string limit = "expected no more than 64 maps and lists in each other";
  check_problems(
      {{"a: " + repeated("[", 65) + repeated("]", 65) + "\nb: 1 2",
        {"1:68: found \"[\", " + limit, "2:6: found \"2\", expected a new line or \",\""}},
       {"a: " + repeated("[", 100000), {"1:68: found \"[\", " + limit}},
       {"a " + repeated("{a ", 100000), {"1:195: found \"{\", " + limit}}});
  // A brace is no map when it is a part of a key, but is taken for one.
  CHECK(problems_in(repeated("a{ b ", 100000)).size() <= 1000);
  std::string chain = "a0: []\n";
  for (int i = 1; i <= 70; ++i) {
    chain += "a" + std::to_string(i) + ": [$a" + std::to_string(i - 1) + "]\n";
  }
  CHECK(problems_in(chain) == strings{"65:7: found \"$a63\", whose value is nested, " + limit});
}

TEST_CASE("config: includes have a limit of depth and of number") {
  fake_world world;
  for (int i = 0; i < 40; ++i) {
    world.files["f" + std::to_string(i)] = "include f" + std::to_string(i + 1);
  }
  CHECK(problems_in("include f0", world) ==
        strings{"f31:1:9: found \"f32\", expected no more than 32 files that include each other"});
  for (int i = 0; i < 20; ++i) {
    const auto next = "include f" + std::to_string(i + 1) + "\n";
    world.files["f" + std::to_string(i)] = next + next;
  }
  world.files["f20"] = "a: 1";
  const auto found = problems_in("include f0", world);
  REQUIRE_FALSE(found.empty());
  CHECK(found.front().ends_with(", expected no more than 1000 includes"));
}

TEST_CASE("config: variables in variables can't make a document explode") {
  std::string text = "a0: [x, y, z]\n";
  for (int i = 1; i < 30; ++i) {
    const auto before = "$a" + std::to_string(i - 1) + ", ";
    text += "a" + std::to_string(i) + ": [";
    text += repeated(before, 3) + "]\n";
  }
  const auto found = problems_in(text);
  REQUIRE_FALSE(found.empty());
  CHECK(found.front().find("expected variables to stand for no more than 64 MiB in all") !=
        std::string::npos);
}

TEST_CASE("config: after a thousand mistakes the rest is not told") {
  const auto found = problems_in(repeated("a: 1 2\n", 5000));
  REQUIRE(found.size() == 1000);
  CHECK(found.back().ends_with("; there are more mistakes than are worth telling"));
}

TEST_CASE("config: no text takes time by the square of its size") {
  const auto start = std::chrono::steady_clock::now();
  for (const std::string_view piece :
       {"a b {\n", "a: (\n", "a: \"\\\"\n", "\\\"", "a: 1 '\"", "{", "a {", "a: [", "a: \"x\n",
        "a\n", "a:1 2,", "'", "[[}", "a{ b{ ", "\n)x", "/"}) {
    CAPTURE(piece);
    for (const std::string_view prefix : {"", "a: 1 2 ", "a: (\n", "m {"}) {
      static_cast<void>(parse(std::string(prefix) + repeated(piece, 100000)));
    }
  }
  // A minute's worth of squares takes far longer; a busy machine with sanitizers does not.
  CHECK(std::chrono::steady_clock::now() - start < std::chrono::seconds(60));
}

TEST_CASE("config: the digest is that of Go's JSON with sorted keys") {
  const auto json = [](std::string_view text) { return to_json(parse(text).root); };
  CHECK(json("b: 1\na: x\nB: [true, 1.5]") == R"({"B":[true,1.5],"a":"x","b":1})");
  CHECK(json(R"(a: "<&>\x00\x08\x0c\x1f\x7f\"\\/")") ==
        "{\"a\":\"\\u003c\\u0026\\u003e\\u0000\\b\\f\\u001f\x7F\\\"\\\\/\"}");
  CHECK(json(R"(a: "\xff\xc3\xa9\xed\xa0\x80\xe2\x80\xa8")") ==
        "{\"a\":\"\\ufffdé\\ufffd\\ufffd\\ufffd\\u2028\"}");
  CHECK(json("a: 2024-01-31T10:00:00Z") == R"({"a":"2024-01-31T10:00:00Z"})");
  CHECK(parse("x: 1\na: $x").digest == digest_of(parse("x: 1\na: 1").root));
  CHECK(parse("a: 1.5\nc: [64k]").digest ==
        "sha256:6c2b14ba50fa1eba225b8743f3e048d1e5935d56e807a9eb63d98e3354cf5783");
}

TEST_CASE("config: numbers are written as Go writes them") {
  const std::vector<std::pair<double, std::string_view>> rows{
      {0.0, "0"},
      {-0.0, "-0"},
      {1.0, "1"},
      {1.5, "1.5"},
      {-0.25, "-0.25"},
      {0.1, "0.1"},
      {0.000001, "0.000001"},
      {0.0000001, "1e-7"},
      {1.25e-9, "1.25e-9"},
      {1e20, "100000000000000000000"},
      {1e21, "1e+21"},
      {1.5e300, "1.5e+300"},
      {123456789.125, "123456789.125"},
      {5e-324, "5e-324"},
      {1234567890123456789012.0, "1.2345678901234568e+21"}};
  for (const auto& [number, expected] : rows) CHECK(to_json(number) == expected);
}

TEST_CASE("config: the file system and the environment are read as they are") {
  const auto world = real_surroundings();
  CHECK(world.variable("PATH").has_value());
  CHECK_FALSE(world.variable("NUNCIO_NOBODY_SETS_THIS").has_value());
  CHECK(world.read("/").failure == "Is a directory");
  CHECK(world.read("/nobody/has/this").failure == "No such file or directory");
  CHECK(world.read("/proc/self/cmdline").content.has_value());
  CHECK(world.read("/dev/zero").failure == "larger than 64 MiB");
  CHECK(world.read("/dev/null").content == "");
}

TEST_CASE("config: a pipe is read to its end, but nobody waits for one that is silent") {
  const temporary_file file("");
  const auto path = file.path() + ".pipe";
  REQUIRE(::mkfifo(path.c_str(), 0600) == 0);
  CHECK(real_surroundings(10ms).read(path).failure == "nothing came from it for 1 s");

  const auto world = real_surroundings();
  std::thread writer([&] { std::ofstream(path) << std::string(200'000, 'x'); });
  CHECK(world.read(path).content == std::string(200'000, 'x'));
  writer.join();
  std::thread mute([&] { std::ofstream{path}; });
  CHECK(world.read(path).failure == "a pipe with nothing in it");
  mute.join();
  std::thread endless([&] {
    sigset_t broken_pipe;
    sigemptyset(&broken_pipe);
    sigaddset(&broken_pipe, SIGPIPE);
    ::pthread_sigmask(SIG_BLOCK, &broken_pipe, nullptr);
    std::ofstream out(path);
    const std::string piece(1 << 20, 'x');
    while (out << piece << std::flush) {
    }
  });
  CHECK(world.read(path).failure == "larger than 64 MiB");
  endless.join();
  ::unlink(path.c_str());
}
