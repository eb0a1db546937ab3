// What the command line says about one run.
#pragma once

#include "endpoint.hpp"

#include <sys/types.h>

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

namespace nuncio::bench {

struct options {
  std::string case_name;
  endpoint server;
  bool resumes = false;  // TLS by the tickets of earlier connections
  pid_t pid = 0;         // the server's process, whose CPU and memory are counted
  double seconds = 0;    // 0: the case's own default
  double warm_up = 0.3;
  std::size_t size = 16;  // payload
  std::size_t publishers = 1;
  std::size_t subscribers = 1;
  std::size_t requesters = 1;
  std::size_t outstanding = 1;
  std::size_t count = 0;   // subscriptions, connections or starts; 0: the case's own default
  double rate = 2000;      // messages/s of the open loop
  double guesses = 0;      // logins with a wrong password a second, beside the open loop
  std::string executable;  // what the `start` case runs
  std::vector<std::string> server_args;

  double seconds_or(double otherwise) const { return seconds > 0 ? seconds : otherwise; }
  std::size_t count_or(std::size_t otherwise) const { return count > 0 ? count : otherwise; }
};

// Throws a failure that names the argument which is not understood.
options parse_options(int argc, char** argv);

const char* usage();

}  // namespace nuncio::bench
