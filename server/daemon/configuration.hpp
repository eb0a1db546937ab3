#pragma once

#include "config/load.hpp"
#include "flags.hpp"

#include <string>
#include <vector>

namespace nuncio::server {
class server;
}

namespace nuncio::server::daemon {

class log;
class ports_file;

/// What the file that the command line names says, with what the command line says over it.
[[nodiscard]] config::loaded load(const flags& line);

/// Prints what is wrong to stderr. True if nothing is, or, unless `strict`, nothing but warnings.
[[nodiscard]] bool report(const config::loaded& from, bool strict);

/// Says in the log that a max_payload of this size is not for the best.
void warn_of_large_payloads(const options& of, log& to);

/// Compares the two files that the command line names, with what it says over both, and prints to
/// stdout, for each option that differs, when it would count. The exit status: 0 if a running
/// server could go over from one to the other, 1 if it had to be restarted or one of the files is
/// wrong.
[[nodiscard]] int check_reload(const flags& line);

/// Reads the file again and puts all of it into force, or nothing: the log says what and why, and
/// so does what is returned, which is empty if all is in force.
/// `current` is what is in force, before and after.
std::string reload(
    const flags& line, config::loaded& current, server& node, ports_file& ports, log& to);

}  // namespace nuncio::server::daemon
