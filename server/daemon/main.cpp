#include "configuration.hpp"
#include "flags.hpp"
#include "log.hpp"
#include "run_files.hpp"
#include "send_signal.hpp"
#include "service_manager.hpp"

#include <nuncio/server/server.hpp>

#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/signal_set.hpp>

#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>
#include <csignal>
#include <cstdint>
#include <cstdio>
#include <ctime>
#include <exception>
#include <string>
#include <system_error>
#include <utility>
#include <vector>

namespace {

using nuncio::server::log_level;
using nuncio::server::server;
namespace asio = boost::asio;
namespace config = nuncio::server::config;
namespace daemon_room = nuncio::server::daemon;

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

// With the time, so that its answer to this is told from that to an earlier one.
std::string reloading() {
  timespec now{};
  ::clock_gettime(CLOCK_MONOTONIC, &now);
  return "RELOADING=1\nMONOTONIC_USEC=" +
         std::to_string(std::int64_t{now.tv_sec} * 1'000'000 + now.tv_nsec / 1000);
}

struct signal_loop {
  asio::io_context& io;
  asio::signal_set& signals;
  daemon_room::log& log;
  server& node;
  const daemon_room::flags& line;
  config::loaded& current;
  daemon_room::ports_file& ports;
  bool lame_duck = false;
};

std::string reload_now(signal_loop& loop) {
  daemon_room::tell_service_manager(reloading());
  auto wrong = daemon_room::reload(loop.line, loop.current, loop.node, loop.ports, loop.log);
  daemon_room::tell_service_manager("READY=1");
  return wrong;
}

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
        reload_now(loop);
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

// Of users in a list, as nats-server looks.
bool has_plain_passwords(const nuncio::server::access_options& access) {
  return std::any_of(access.users.begin(), access.users.end(), [](const auto& user) {
    return !user.password.empty() && !user.password.starts_with("$2");
  });
}

bool is_stderr(const config::log_settings& log) noexcept {
  return log.file.empty() && log.remote_syslog.empty() && !log.syslog;
}

// Who is there, with what configuration, and what is doubtful in that.
void greet(daemon_room::log& log, const server& node, const config::loaded& from) {
  log.write(log_level::info, "Starting nuncio-server");
  log.write(log_level::info, std::string("  Version:  ") + nuncio::server::compatible_version +
                                 " (nuncio " NUNCIO_VERSION ")");
  log.write(log_level::info, "  Git:      [not set]");
  log.write(log_level::info, "  Name:     " + node.name());
  log.write(log_level::info, "  ID:       " + node.id());
  if (has_plain_passwords(from.options.node.access)) {
    log.write(log_level::warn, "Plaintext passwords detected, use nkeys or bcrypt");
  }
  daemon_room::warn_of_large_payloads(from.options.node, log);
  if (!from.files.empty()) {
    log.write(log_level::info,
              "Using configuration file: " + from.files.front() + " (" + from.digest + ")");
  }
  for (const auto& each : from.problems) {
    log.write(log_level::warn, config::to_string(each, from.files));
  }
}

int run(const daemon_room::flags& line, config::loaded from, const char* program) {
  const auto options = from.options;
  daemon_room::log log(options.log);
  asio::io_context io(1);
  asio::signal_set signals(io, SIGINT, SIGTERM, SIGHUP);
  signals.add(SIGUSR1);
  signals.add(SIGUSR2);
  std::signal(SIGPIPE, SIG_IGN);  // NOLINT(concurrency-mt-unsafe): before any thread
  raise_file_limit();

  signal_loop* active = nullptr;  // once there is one; of the thread of `io`
  try {
    server node(options.node, log);
    greet(log, node, from);
    node.set_reload_handler([&io, &active](auto done) {
      asio::post(io, [&active, done = std::move(done)] {
        done(active == nullptr ? "the server is starting" : reload_now(*active));
      });
    });
    try {
      node.start();
    } catch (const std::system_error& failure) {
      // Which of the addresses it is, is in there.
      log.write(log_level::fatal, std::string("Error listening on port: ") + failure.what());
      return 1;
    }
    daemon_room::write_pid_file(options.pid_file);
    const auto& websocket = options.node.websocket;
    const std::string scheme = websocket.tls ? "wss" : "ws";
    std::vector<daemon_room::listened> listened{
        {"nats", options.node.tls ? "tls" : "nats", options.node.host, node.port()}};
    if (websocket.port != 0) {
      listened.push_back({"websocket", scheme, websocket.host, node.websocket_port()});
      log.write(log_level::info, "Listening for websocket clients on " + scheme + "://" +
                                     shown_address(websocket.host, node.websocket_port()));
      if (!websocket.tls) {
        log.write(log_level::warn, "Websocket not configured with TLS. DO NOT USE IN PRODUCTION!");
      }
    }
    if (const auto& pages = options.node.monitor; pages.is_on()) {
      const std::string kind = pages.https_port != 0 ? "https" : "http";
      const auto& host = monitor_host(options.node);
      listened.push_back({"monitoring", kind, host, node.monitor_port()});
      log.write(log_level::info,
                "Starting " + kind + " monitor on " + shown_address(host, node.monitor_port()));
    }
    daemon_room::ports_file ports(program, listened);
    try {
      ports.move_to(options.ports_file_dir);
    } catch (const std::exception& failure) {
      // Clients can do without it.
      log.write(log_level::error, std::string("Error writing ports file: ") + failure.what());
    }
    log.write(log_level::info, "Listening for client connections on " +
                                   shown_address(options.node.host, node.port()));
    if (options.node.tls) log.write(log_level::info, "TLS required for client connections");
    log.write(log_level::info, "Server is ready");
    signal_loop loop{io, signals, log, node, line, from, ports};
    active = &loop;
    serve_signals(loop);
    daemon_room::tell_service_manager("READY=1");
    io.run();
    daemon_room::tell_service_manager("STOPPING=1");
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
    const auto& line = what.options;
    if (!line.signal.empty()) {
      const auto sent = daemon_room::send_signal(line.signal, argv[0]);
      if (sent.failure.empty()) return 0;
      std::fprintf(stderr, "nuncio-server: %s\n", sent.failure.c_str());
      return 1;
    }
    if (!line.compared_file.empty()) {
      return daemon_room::check_reload(line);
    }
    auto from = daemon_room::load(line);
    // Where the log is stderr, it says what is doubtful: once is enough.
    const bool is_said_by_log =
        !line.check_only && !from.has_errors() && is_stderr(from.options.log);
    if (!is_said_by_log && !daemon_room::report(from, line.check_only)) return 1;
    if (line.check_only) {
      std::fprintf(stderr, "nuncio-server: configuration file %s is valid (%s)\n",
                   line.config_file.c_str(), from.digest.c_str());
      return 0;
    }
    return run(line, std::move(from), argv[0]);
  } catch (const std::exception& failure) {
    std::fprintf(stderr, "nuncio-server: %s\n", failure.what());
    return 1;
  }
}
