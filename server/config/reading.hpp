#pragma once

#include "parser.hpp"

#include <cstddef>
#include <functional>
#include <map>
#include <optional>
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

  /// Where options were given, by their first names: `websocket`, and `websocket.tls` in it.
  std::map<std::string, place, std::less<>> seen;
  /// The name of the block that is being read, for `seen`.
  std::string block;
  /// Where each file of `tls` was named, by file_of_option(): two options may name one file.
  std::map<std::string, place, std::less<>> files;
  /// What `system_account` says, even if another option takes it back.
  std::optional<value> system_account;
  /// Where each of access_options::users was given.
  std::vector<place> users;

  /// The first thousand errors and warnings each.
  [[nodiscard]] std::vector<problem>& problems() noexcept { return problems_; }
  /// Of all that were found.
  ///@{
  [[nodiscard]] std::size_t errors() const noexcept { return errors_; }
  [[nodiscard]] std::size_t warnings() const noexcept { return warnings_; }
  [[nodiscard]] std::size_t count() const noexcept { return errors_ + warnings_; }
  ///@}

 private:
  void add(const place& at, std::string text, bool is_warning);

  std::vector<problem> problems_;
  std::size_t errors_ = 0;
  std::size_t warnings_ = 0;
};

[[nodiscard]] inline std::string file_of_option(std::string_view option, std::string_view file) {
  return std::string(option).append(" ").append(file);
}

/// As messages show it: `"text"`, `12`, `a map`, `a text from the environment`.
[[nodiscard]] std::string shown(const value& found);

}  // namespace nuncio::server::config
