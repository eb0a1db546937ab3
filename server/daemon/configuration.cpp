#include "configuration.hpp"

#include "config/reload.hpp"
#include "log.hpp"
#include "run_files.hpp"

#include <nuncio/server/server.hpp>

#include <cstdint>
#include <cstdio>
#include <exception>
#include <utility>

namespace nuncio::server::daemon {
namespace {

constexpr std::string_view not_reloaded = "Failed to reload server configuration: ";

// Those that keep `after` from counting without a restart, as one sentence.
std::string needing_restart(const std::vector<config::difference>& all) {
  std::string out;
  for (const auto& each : all) {
    if (each.when != config::change::restart) continue;
    if (!out.empty()) out += "; ";
    out += to_string(each);
  }
  return out;
}

// An empty file is good enough to start with, but not to go over to.
bool takes_all_away(const config::loaded& before, const config::loaded& after) {
  return after.is_empty && !before.is_empty && !after.has_errors();
}

}  // namespace

config::loaded load(const flags& line) {
  config::document read;
  read.root.what = config::kind::map;
  if (!line.config_file.empty()) {
    read = config::parse_file(line.config_file, config::real_surroundings());
  }
  auto out = config::interpret(std::move(read), [&line](config::settings& to) { line.apply(to); });
  // Tracing is a matter of the log, but connections write the traces.
  out.options.node.trace = out.options.log.trace;
  return out;
}

bool report(const config::loaded& from, bool strict) {
  bool is_good = true;
  for (const auto& each : from.problems) {
    std::fprintf(stderr, "nuncio-server: %s%s\n", each.is_warning ? "warning: " : "",
                 config::to_string(each, from.files).c_str());
    is_good = is_good && each.is_warning && !strict;
  }
  return is_good;
}

// Source: nats-server 2.15.2, server/const.go, MAX_PAYLOAD_MAX_SIZE.
void warn_of_large_payloads(const options& of, log& to) {
  constexpr std::int64_t most = 8 * 1024 * 1024;
  if (of.max_payload <= most) return;
  to.write(log_level::warn,
           "Maximum payloads over 8.00 MB are generally discouraged and could lead to poor "
           "performance");
}

int check_reload(const flags& line) {
  auto new_line = line;
  new_line.config_file = line.compared_file;
  const auto from = load(line);
  const auto to = load(new_line);
  const bool old_is_good = report(from, false);
  if (!report(to, false) || !old_is_good) return 1;
  const auto changes = config::compare(from.options, to.options);
  for (const auto& each : changes) {
    const std::string_view when = config::to_string(each.when);
    std::printf("%-22.*s %s\n", static_cast<int>(when.size()), when.data(),
                to_string(each).c_str());
  }
  return needing_restart(changes).empty() && !takes_all_away(from, to) ? 0 : 1;
}

std::string reload(
    const flags& line, config::loaded& current, server& node, ports_file& ports, log& to) {
  std::string wrong;
  const auto fail = [&](const std::string& why) {
    to.write(log_level::error, std::string(not_reloaded) + why);
    wrong.append(wrong.empty() ? "" : "; ").append(why);
    return wrong;
  };
  if (line.config_file.empty()) return fail("there is no configuration file");
  auto next = load(line);
  // Who writes a file by emptying it first would otherwise open a node for a moment, or for long.
  if (takes_all_away(current, next)) {
    return fail(next.files.front() + ": found no values, expected at least one");
  }
  for (const auto& each : next.problems) {
    const auto text = config::to_string(each, next.files);
    if (each.is_warning) {
      to.write(log_level::warn, text);
    } else {
      fail(text);
    }
  }
  if (next.has_errors()) return wrong;
  const auto changes = config::compare(current.options, next.options);
  if (const auto names = needing_restart(changes); !names.empty()) {
    return fail("needs a restart: " + names);
  }
  const bool log_differs = next.options.log != current.options.log;
  const auto& old_pid_file = current.options.pid_file;
  const auto& new_pid_file = next.options.pid_file;
  const bool pid_file_differs = old_pid_file != new_pid_file;
  bool log_is_new = false;
  bool pid_file_is_new = false;
  try {
    if (log_differs) to.reconfigure(next.options.log);
    log_is_new = log_differs;
    if (pid_file_differs) write_pid_file(new_pid_file);
    pid_file_is_new = pid_file_differs;
    ports.move_to(next.options.ports_file_dir);
    node.reload(next.options.node);
  } catch (const std::exception& failure) {
    // All or nothing: the log goes back to where it was, too.
    if (pid_file_is_new) remove_pid_file(new_pid_file, old_pid_file);
    try {
      if (log_is_new) to.reconfigure(current.options.log);
      ports.move_to(current.options.ports_file_dir);
    } catch (const std::exception& lost) {
      fail(lost.what());
    }
    return fail(failure.what());
  }
  if (pid_file_differs) remove_pid_file(old_pid_file, new_pid_file);
  if (next.options.node.max_payload != current.options.node.max_payload) {
    warn_of_large_payloads(next.options.node, to);
  }
  for (const auto& each : changes) to.write(log_level::info, "Reloaded: " + to_string(each));
  to.write(log_level::info, "Reloaded server configuration (" + next.digest + ")");
  current = std::move(next);
  return {};
}

}  // namespace nuncio::server::daemon
