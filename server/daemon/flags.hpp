#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>

/// The command line of nuncio-server. Flags are spelled as nats-server's.
/// Source: nats-server 2.15.2, `--help` and server/opts.go, ConfigureOptions.
namespace nuncio::server::daemon {

/// What the command line says, with the defaults of what it leaves out.
struct flags {
  std::string host = "0.0.0.0";
  int port = 4222;             ///< -1: any free one
  std::string name;            ///< empty: as the server's id
  std::string pid_file;        ///< empty: none
  std::string ports_file_dir;  ///< empty: no ports file
  std::string log_file;        ///< empty: stderr
  bool debug = false;
  bool trace = false;
  bool trace_verbose = false;  ///< trace the system account too
  bool logtime = true;
  bool logtime_utc = false;
  std::optional<unsigned> shards;        ///< nothing: as many as there are cores
  std::int64_t max_payload = 1 << 20;    ///< bytes
  std::int64_t max_pending = 64 << 20;   ///< bytes
  int max_control_line = 4096;           ///< bytes
  std::int64_t max_connections = 65536;  ///< 0 or less: unlimited
  std::int64_t max_subscriptions = 0;    ///< of one connection; 0 or less: unlimited
  int max_traced_msg_len = 0;            ///< bytes; 0: unlimited
  std::chrono::nanoseconds ping_interval = std::chrono::minutes(2);
  std::chrono::nanoseconds write_deadline = std::chrono::seconds(10);
  std::chrono::nanoseconds busy_poll = std::chrono::microseconds(200);  ///< 0: never
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
/// a flag without a value takes one only with `=`, as in `-D=false`. The last of several wins. Pre:
/// argv[0] is the program's name, as main() gets it. Errors:  one sentence in `text`, for stderr,
/// and exit status 1. Thread:  any.
[[nodiscard]] outcome parse_flags(int argc, const char* const* argv);

}  // namespace nuncio::server::daemon
