// Any bytes as a configuration: reading ends, always in the same way, and says what is wrong where.
//
// `\n---\n` parts the input: the file, the files `a` and `b`, the variables `$A` and `$B`.

#include "config/digest.hpp"
#include "config/parser.hpp"
#include "require.hpp"

#include <algorithm>
#include <array>
#include <cstdint>
#include <string>

using namespace nuncio::server::config;

namespace {

constexpr std::string_view separator = "\n---\n";

struct parts {
  explicit parts(std::string_view input) {
    for (auto& part : all) {
      const auto end = std::min(input.find(separator), input.size());
      part = input.substr(0, end);
      input.remove_prefix(std::min(input.size(), end + separator.size()));
    }
  }

  std::array<std::string, 5> all;
};

/// Whether a place is in a text; just behind its end is, too.
bool is_in(std::string_view text, place at) {
  if (at.line == 0 || at.column == 0) return false;
  for (std::uint32_t line = 1; line < at.line; ++line) {
    const auto end = text.find('\n');
    if (end == text.npos) return false;
    text.remove_prefix(end + 1);
  }
  // A line's end belongs to it.
  return at.column <= std::min(text.find('\n'), text.size()) + 1;
}

std::size_t depth_of(const value& what) {
  std::size_t deepest = 0;
  for (const auto& item : what.items) deepest = std::max(deepest, depth_of(item));
  for (const auto& one : what.members) deepest = std::max(deepest, depth_of(one.is));
  return deepest + (what.what == kind::list || what.what == kind::map ? 1 : 0);
}

void require_places(const document& read, const value& what, const parts& input) {
  const auto require_place = [&](place at) {
    NUNCIO_FUZZ_REQUIRE(at.file < read.files.size());
    const auto& name = read.files[at.file];
    NUNCIO_FUZZ_REQUIRE(is_in(input.all[name == "a" ? 1 : name == "b" ? 2 : 0], at));
  };
  for (const auto& found : read.problems) {
    require_place(found.at);
    NUNCIO_FUZZ_REQUIRE(found.text.starts_with("found "));
    NUNCIO_FUZZ_REQUIRE(found.text.find(", expected ") != std::string::npos);
    NUNCIO_FUZZ_REQUIRE(found.text.find('\n') == std::string::npos);
  }
  require_place(what.at);
  for (const auto& item : what.items) require_places({.files = read.files}, item, input);
  for (const auto& one : what.members) {
    require_place(one.at);
    NUNCIO_FUZZ_REQUIRE(what.find(one.key) == &one);
    require_places({.files = read.files}, one.is, input);
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const parts input(nuncio::fuzz::text(data, size));
  const surroundings world{
      .read = [&](const std::string& path) -> surroundings::read_result {
        if (path == "a") return {.content = input.all[1]};
        if (path == "b") return {.content = input.all[2]};
        return {.failure = "it is not there"};
      },
      .variable = [&](const std::string& name) -> std::optional<std::string> {
        if (name == "A") return input.all[3];
        if (name == "B") return input.all[4];
        return {};
      },
  };
  const auto read = parse_text(input.all[0], "main", world);
  const bool has_errors = std::any_of(read.problems.begin(), read.problems.end(),
                                      [](const problem& p) { return !p.is_warning; });
  NUNCIO_FUZZ_REQUIRE(read.digest.empty() == has_errors);
  NUNCIO_FUZZ_REQUIRE(read.root.what == kind::map);
  NUNCIO_FUZZ_REQUIRE(depth_of(read.root) <= 65);
  NUNCIO_FUZZ_REQUIRE(read.problems.size() <= 1000);
  require_places(read, read.root, input);

  const auto again = parse_text(input.all[0], "main", world);
  NUNCIO_FUZZ_REQUIRE(again.problems.size() == read.problems.size());
  NUNCIO_FUZZ_REQUIRE(again.files == read.files);
  NUNCIO_FUZZ_REQUIRE(to_json(again.root) == to_json(read.root));
  return 0;
}
