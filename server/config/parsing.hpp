#pragma once

#include "parser.hpp"

#include <cstddef>
#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

namespace nuncio::server::config {

// What keeps every input within bounds. No configuration comes near.
constexpr std::size_t deepest_nesting = 64;
constexpr std::size_t deepest_include = 32;
constexpr std::size_t most_includes = 1000;
constexpr std::size_t most_problems = 1000;
/// Of errors and of warnings each, that a user is shown.
constexpr std::size_t most_shown = 100;
/// In bytes, of all values that stand for variables.
constexpr std::size_t most_copied = 64UL * 1024 * 1024;

/// What all files of a document share while they are read.
class parsing {
 public:
  explicit parsing(const surroundings& around) : world(around) {}

  const surroundings& world;
  std::vector<std::string> files;
  std::vector<std::string> including;  ///< the files that are being read, each by the one before
  std::vector<std::string> resolving;  ///< the same of environment variables
  std::size_t includes = 0;

  enum class copied : std::uint8_t { done, too_deep, too_much };
  /// Copies a variable's value to where it is referred to, `depth` deep in lists and maps.
  [[nodiscard]] copied copy(const value& from, std::size_t depth, value& into);
  /// Counts what stands for variables: a few of them in each other can make a document explode.
  /// False if it is too much by now.
  [[nodiscard]] bool count_copy(std::size_t bytes) noexcept;

 private:
  std::size_t copied_ = 0;
};

/// So that a file has one name only.
[[nodiscard]] std::string normal_path(const std::filesystem::path& path);

/// `"a" > "b" > "a"`: a chain from where its new last one is in it already.
[[nodiscard]] std::string circle(const std::vector<std::string>& chain, const std::string& last);

/// The first of the problems with a variable's text, and where that is from.
[[nodiscard]] std::string in_environment(const std::string& name,
                                         const std::vector<problem>& problems);

}  // namespace nuncio::server::config
