#include "flags.hpp"
#include "log.hpp"
#include "run_files.hpp"

#include <nuncio/server/server.hpp>

#include <boost/asio/io_context.hpp>
#include <boost/asio/signal_set.hpp>

#include <sys/resource.h>
#include <unistd.h>

#include <csignal>
#include <cstdio>
#include <exception>
#include <string>
#include <system_error>
#include <utility>

namespace {

using nuncio::server::log_level;
using nuncio::server::server;
namespace asio = boost::asio;
namespace daemon_room = nuncio::server::daemon;

nuncio::server::options options_of(const daemon_room::flags& flags) {
  using std::chrono::duration_cast;
  using std::chrono::milliseconds;
  nuncio::server::options out;
  out.host = flags.host;
  out.port = flags.port;
  out.name = flags.name;
  out.shards = flags.shards.value_or(0);
  out.max_control_line = static_cast<std::uint32_t>(flags.max_control_line);
  out.max_payload = flags.max_payload;
  out.max_pending = flags.max_pending;
  out.max_connections = flags.max_connections;
  out.max_subscriptions = flags.max_subscriptions;
  out.ping_interval = duration_cast<milliseconds>(flags.ping_interval);
  out.write_deadline = duration_cast<milliseconds>(flags.write_deadline);
  out.busy_poll = duration_cast<std::chrono::microseconds>(flags.busy_poll);
  out.trace = flags.trace;
  out.max_traced_size = static_cast<std::size_t>(flags.max_traced_msg_len);
  return out;
}

// Each connection is a descriptor: the soft limit is for programs that select().
void raise_file_limit() {
  rlimit limit{};
  if (::getrlimit(RLIMIT_NOFILE, &limit) != 0) return;
  limit.rlim_cur = limit.rlim_max;
  ::setrlimit(RLIMIT_NOFILE, &limit);
}

std::string shown_address(const std::string& host, std::uint16_t port) {
  const bool v6 = host.find(':') != std::string::npos && host.front() != '[';
  return (v6 ? "[" + host + "]" : host) + ":" + std::to_string(port);
}

const char* name_of(int signal) {
  switch (signal) {
    case SIGINT:
      return "interrupt";
    case SIGTERM:
      return "terminated";
    case SIGHUP:
      return "hangup";
    case SIGUSR1:
      return "user defined signal 1";
    case SIGUSR2:
      return "user defined signal 2";
    default:
      return "unknown";
  }
}

struct signal_loop {
  asio::io_context& io;
  asio::signal_set& signals;
  daemon_room::log& log;
  server& node;
  bool lame_duck = false;
};

// Runs until INT, TERM, or the end of a lame duck.
void serve_signals(signal_loop& loop) {
  loop.signals.async_wait([&loop](const boost::system::error_code& failure, int signal) {
    auto& log = loop.log;
    if (failure) return;
    log.write(log_level::info, std::string("Trapped \"") + name_of(signal) + "\" signal");
    switch (signal) {
      case SIGUSR1:
        log.reopen();
        break;
      case SIGHUP:
        log.write(log_level::error,
                  "Failed to reload server configuration: there is no configuration file");
        break;
      case SIGUSR2:
        if (std::exchange(loop.lame_duck, true)) break;
        log.write(log_level::info, "Entering lame duck mode, stop accepting new clients");
        loop.node.enter_lame_duck([&loop] { loop.io.stop(); });
        break;
      case SIGTERM:
        if (!loop.lame_duck) return loop.io.stop();
        break;
      default:
        return loop.io.stop();
    }
    serve_signals(loop);
  });
}

int run(const daemon_room::flags& flags, const char* program) {
  daemon_room::log log(
      {flags.log_file, flags.debug, flags.trace, flags.logtime, flags.logtime_utc});
  asio::io_context io(1);
  asio::signal_set signals(io, SIGINT, SIGTERM, SIGHUP);
  signals.add(SIGUSR1);
  signals.add(SIGUSR2);
  std::signal(SIGPIPE, SIG_IGN);  // NOLINT(concurrency-mt-unsafe): before any thread
  raise_file_limit();

  try {
    server node(options_of(flags), log);
    log.write(log_level::info, "Starting nuncio-server");
    log.write(log_level::info, std::string("  Version:  ") + nuncio::server::compatible_version +
                                   " (nuncio " NUNCIO_VERSION ")");
    log.write(log_level::info, "  Git:      [not set]");
    log.write(log_level::info, "  Name:     " + node.name());
    log.write(log_level::info, "  ID:       " + node.id());
    try {
      node.start();
    } catch (const std::system_error& failure) {
      log.write(log_level::fatal, "Error listening on port: " + flags.host + ":" +
                                      std::to_string(flags.port) + ", \"" + failure.what() + "\"");
      return 1;
    }
    daemon_room::write_pid_file(flags.pid_file);
    const daemon_room::ports_file ports(flags.ports_file_dir, program, flags.host, node.port());
    log.write(log_level::info,
              "Listening for client connections on " + shown_address(flags.host, node.port()));
    log.write(log_level::info, "Server is ready");
    signal_loop loop{io, signals, log, node};
    serve_signals(loop);
    io.run();
    log.write(log_level::info, "Initiating Shutdown...");
    node.stop();
    log.write(log_level::info, "Server Exiting..");
    return 0;
  } catch (const std::exception& failure) {
    log.write(log_level::fatal, std::string("Error starting the server: ") + failure.what());
    return 1;
  }
}

}  // namespace

int main(int argc, char** argv) {
  const auto what = daemon_room::parse_flags(argc, argv);
  if (what.what == daemon_room::outcome::kind::print_and_exit) {
    std::fputs(what.text.c_str(), what.to_stderr ? stderr : stdout);
    return what.exit_status;
  }
  try {
    return run(what.options, argv[0]);
  } catch (const std::exception& failure) {
    std::fprintf(stderr, "nuncio-server: %s\n", failure.what());
    return 1;
  }
}
