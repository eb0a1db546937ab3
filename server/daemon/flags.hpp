#pragma once

#include "config/settings.hpp"

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

/// The command line of nuncio-server. Flags are spelled as nats-server's.
/// Source: nats-server 2.15.2, `--help` and server/opts.go, ConfigureOptions.
namespace nuncio::server::daemon {

/// What the command line says.
struct flags {
  /// A flag and its value, which is known to be good.
  struct setting {
    std::string_view flag;
    std::string value;
  };

  std::string config_file;        ///< empty: none
  bool check_only = false;        ///< the file is checked, and that is all
  std::string signal;             ///< set: send this to a server that runs, and that is all
  std::string compared_file;      ///< set: what would it take to go over to this one? That is all
  std::vector<setting> settings;  ///< in their order

  /// Puts what the flags say over what a file says.
  void apply(config::settings& to) const;
};

/// What to do after the command line was read.
struct outcome {
  enum class kind : std::uint8_t {
    run,             ///< with `options`
    print_and_exit,  ///< print `text`, exit with `exit_status`
  };

  kind what = kind::run;
  flags options;
  std::string text;  ///< whole lines
  int exit_status = 0;
  bool to_stderr = false;
};

/// Reads the command line.
///
/// Single and double dashes are the same for every flag, a value follows after a blank or `=`, and
/// a flag without a value takes one only with `=`, as in `-D=false`. The last of several wins.
/// Pre:     argv[0] is the program's name, as main() gets it.
/// Errors:  one sentence in `text`, for stderr, and exit status 1.
/// Thread:  any.
[[nodiscard]] outcome parse_flags(int argc, const char* const* argv);

}  // namespace nuncio::server::daemon
