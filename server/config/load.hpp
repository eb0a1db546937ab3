#pragma once

#include "parser.hpp"
#include "settings.hpp"

#include <functional>
#include <string>
#include <vector>

namespace nuncio::server::config {

/// A configuration file as options.
struct loaded {
  settings options;
  std::vector<std::string> files;  ///< that problems refer to
  /// Ordered by place; the first hundred errors and warnings each, and behind them how many more
  /// there are.
  std::vector<problem> problems;
  std::string digest;     ///< of the file; empty if its grammar is wrong
  bool is_empty = false;  ///< there is no value in it, or no file

  [[nodiscard]] bool has_errors() const noexcept;
};

/// What a file means, changed by `override`, which is what the command line says; then everything
/// is checked. An empty document is a node without a file.
/// Errors:  in `problems`; warnings too. What isn't in the file, but on the command line, has line
/// 0. Thread:  any.
[[nodiscard]] loaded interpret(document read,
                               const std::function<void(settings&)>& override = nullptr);

/// `file:line:column: text`, or just the text if it is in no file.
[[nodiscard]] std::string to_string(const problem& what, const std::vector<std::string>& files);

}  // namespace nuncio::server::config
