#pragma once

#include "parser.hpp"

#include <functional>
#include <map>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace nuncio::server::config {

/// Collects what is wrong while values become options.
class reading {
 public:
  /// The option that is being read, as the user wrote it; messages begin with it.
  std::string_view key;

  void error(const place& at, std::string text) { add(at, std::move(text), false); }
  void warn(const place& at, std::string text) { add(at, std::move(text), true); }
  /// `key: found …, expected …`
  void expected(const value& found, std::string_view what);
  void not_supported(const place& at, std::string_view what);

  /// Where the options of the top level were given, by their first names.
  std::map<std::string_view, place> seen;
  /// Where each file of `tls` was named.
  std::map<std::string, place, std::less<>> files;
  /// Where each of access_options::users was given.
  std::vector<place> users;

  [[nodiscard]] std::vector<problem>& problems() noexcept { return problems_; }

 private:
  void add(const place& at, std::string text, bool is_warning);

  std::vector<problem> problems_;
};

/// As messages show it: `"text"`, `12`, `a map`.
[[nodiscard]] std::string shown(const value& found);

}  // namespace nuncio::server::config
