#pragma once

#include <nuncio/server/options.hpp>

#include <cstdint>
#include <string>

namespace nuncio::server::config {

/// How lines of the log look.
enum class log_format : std::uint8_t {
  text,  ///< as nats-server's
  json   ///< an object each
};

/// What is logged, where and how.
struct log_settings {
  std::string file;  ///< empty: stderr
  bool debug = false;
  bool trace = false;
  bool trace_verbose = false;  ///< the system account too
  bool time = true;
  bool utc = false;
  std::int64_t size_limit = 0;  ///< bytes of a file before it is put aside; 0: it grows
  std::int64_t max_files = 0;   ///< that are kept, the one in use included; 0: all
  bool syslog = false;          ///< instead of stderr
  std::string remote_syslog;    ///< `udp://host:port` or `tcp://…`, instead of these; empty: none
  log_format format = log_format::text;

  friend bool operator==(const log_settings&, const log_settings&) = default;
};

/// Everything that a configuration file and a command line can say of a node.
struct settings {
  options node;
  log_settings log;
  std::string pid_file;        ///< empty: none
  std::string ports_file_dir;  ///< empty: no ports file
};

}  // namespace nuncio::server::config
