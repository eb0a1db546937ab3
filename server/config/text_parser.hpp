#pragma once

#include "cursor.hpp"
#include "parsing.hpp"
#include "scalar.hpp"

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <unordered_set>
#include <utility>
#include <vector>

namespace nuncio::server::config {

/// A map that is being read. Its keys are looked up for variables.
struct open_map {
  value is{.what = kind::map};
  std::unordered_map<std::string, std::size_t> index;  ///< of members, by key
  std::unordered_set<std::string> broken;              ///< keys with a value that was wrong

  void set(member one) {
    const auto [found, is_new] = index.emplace(one.key, is.members.size());
    if (is_new) {
      is.members.push_back(std::move(one));
    } else {
      is.members[found->second] = std::move(one);
    }
  }
};

/// Where a key may stand.
enum class scope : std::uint8_t {
  top,
  braces,  ///< `{ }` around the whole document, as in JSON
  map,
};

/// Reads one text: a file, or the value of an environment variable.
///
/// The grammar has few characters with a meaning of their own, so a mistake often is a valid
/// beginning of something else. `end_statement` therefore looks back when something doesn't fit.
class text_parser {
 public:
  /// `depth` is how deep in others this text is read. A text that is in no file has an empty path,
  /// and all of it is at `fixed_place`.
  text_parser(parsing& shared,
              std::string_view text,
              const std::string& path,
              std::size_t depth,
              std::vector<problem>& problems,
              std::optional<place> fixed_place = {});
  text_parser(const text_parser&) = delete;
  text_parser& operator=(const text_parser&) = delete;
  ~text_parser() = default;

  /// The whole text.
  open_map read();

 private:
  /// A key with its value, or an include.
  struct statement {
    std::string key;
    std::size_t key_start = 0;
    std::size_t key_end = 0;  ///< behind the key and its quote
    std::size_t value_start = 0;
    bool is_raw_key = false;   ///< without quotes
    bool is_scalar = false;    ///< its value is neither a list nor a map
    std::size_t problems = 0;  ///< how many there were before it
  };

  [[nodiscard]] place place_of(std::size_t offset) const;
  void complain(std::size_t offset, std::string what);
  void complain(std::size_t offset, std::string_view found, std::string_view expected);
  void unexpected(std::string_view expected);
  /// The text ends too early. Said once: what else is open is so for the same reason.
  void unexpected_end(std::string_view expected);

  // The grammar: text_parser.cpp.

  /// Top level: statements, and braces around them, which say nothing.
  void read_document();
  /// Behind the braces within others comes a `,`, a comment, or the end of the others.
  void end_inner_braces();
  /// The point is behind a `{`, and afterwards behind the `}`.
  value read_map(std::size_t start, std::size_t depth, bool in_list);
  /// The point is behind a `[`, and afterwards behind the `]`.
  value read_list(std::size_t start, std::size_t depth);
  void end_item();
  void skip_to_end_of_item() { in_.skip_to_any_of(",]}"); }
  /// A key, what is between, a value, and what ends it. The point is at the key.
  void read_statement(scope where, std::size_t depth, bool in_list);
  /// False if there is none; the point is then behind what was there.
  bool read_key(scope where, statement& said);
  /// From behind a key to its value. False if there is none, which is then reported.
  bool find_value(scope where, statement& said);
  /// False if it was wrong; then nothing should be made of it.
  bool read_value(value& into, std::size_t depth, bool in_list);
  static std::string too_deep();
  /// What comes behind a value, or why something else does. False if the value is no value.
  bool end_statement(scope where, const statement& said, std::size_t depth, bool in_list);
  /// Something doesn't fit behind a value. True if the mistake was earlier; it is reported then.
  bool explain(scope where, const statement& said, std::size_t depth, bool in_list);
  /// Whether what stands there may be a secret, or a part of one, and is quoted by no message.
  [[nodiscard]] bool hides(std::size_t offset) const;
  /// In quotes, or in general where the key may be the rest of a secret.
  [[nodiscard]] std::string value_for(const statement& said) const;
  /// Forgets what was made of a statement that is to be read in another way.
  void take_back(const statement& said);

  // Variables and includes: text_parser_sources.cpp.

  bool resolve(const std::string& name, std::size_t start, std::size_t depth, value& into);
  bool copy(const value& from,
            const std::string& name,
            std::size_t start,
            std::size_t depth,
            value& into);
  void complain_of_copies(std::size_t start);
  /// The text of an environment variable is read as the value of a key.
  bool resolve_in_environment(const std::string& name,
                              std::size_t start,
                              std::size_t depth,
                              value& into);
  /// The point is behind the keyword.
  void read_include(std::size_t depth);
  void include(const std::string& path, std::size_t start, std::size_t depth);

  parsing& shared_;
  cursor in_;
  std::filesystem::path folder_;
  std::size_t depth_;
  std::vector<problem>& problems_;
  std::optional<place> fixed_place_;
  complaints complain_;
  std::uint32_t file_ = 0;
  std::vector<open_map*> maps_;  ///< from outside to inside
  /// Where the value begins that is being read and is a secret's.
  std::optional<std::size_t> secret_start_;
  /// Where the last one ended, or would have, had it been in quotes.
  std::size_t secret_end_ = 0;
  bool has_told_end_ = false;
  bool has_given_up_ = false;
};

}  // namespace nuncio::server::config
