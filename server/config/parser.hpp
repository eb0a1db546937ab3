#pragma once

#include "value.hpp"

#include <chrono>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace nuncio::server::config {

/// Something wrong, or doubtful, in a file.
struct problem {
  place at;          ///< line 0: in no line of a file
  std::string text;  ///< what was found, what was expected; one line without its end
  bool is_warning = false;
};

/// A file with all that it includes.
struct document {
  value root;  ///< a map
  /// Names as users know them: the first as it was given, included ones joined to the folder of who
  /// includes them.
  std::vector<std::string> files;
  std::vector<problem> problems;  ///< of the grammar, in the order of the text
  /// `sha256:` and the hash of the whole as JSON with sorted keys, what was used as a variable
  /// included: the same as nats-server says. Empty if there are problems that are no warnings.
  std::string digest;
};

/// What a parser needs of the world.
struct surroundings {
  /// The content of a file, or why it can't be read.
  struct read_result {
    std::optional<std::string> content;
    std::string failure;
  };
  std::function<read_result(const std::string& path)> read;
  /// The value of an environment variable, if it is set.
  std::function<std::optional<std::string>(const std::string& name)> variable;
};

/// The file system and the environment of this process.
///
/// Directories are refused, and a pipe that stays silent for `patience`, or that ends without a
/// word, as one does that was read before.
[[nodiscard]] surroundings real_surroundings(
    std::chrono::milliseconds patience = std::chrono::seconds(10));

/// Reads a configuration: comments, maps, lists, includes, variables, units, block strings. A mark
/// of UTF-8 at the beginning of a file is passed over.
///
/// Errors:  in document::problems, all of them up to a thousand, each as `found …, expected …`:
///          after one the parser goes on at the next line. What is read then is still good enough
///          to look for further mistakes: it lacks the members whose values were wrong.
///          A document without values is one warning.
/// Limits:  lists and maps 64 deep, includes 32 deep and 1000 in all, files of 64 MiB, 64 MiB of
///          values that stand for variables. What is beyond is an error that says so.
/// Thread:  any.
/// Source:  nats-server 2.15.2, conf/, checked against a live one.
[[nodiscard]] document parse_file(const std::string& path, const surroundings& world);
/// The same of a text that is there already; `path` names it and is what includes are joined to.
[[nodiscard]] document parse_text(std::string_view text,
                                  const std::string& path,
                                  const surroundings& world);

}  // namespace nuncio::server::config
