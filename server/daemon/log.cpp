#include "log.hpp"

#include "file_sink.hpp"
#include "json_formatter.hpp"
#include "remote_sink.hpp"

#include <fmt/format.h>
#include <spdlog/pattern_formatter.h>
#include <spdlog/sinks/stdout_color_sinks.h>
#include <spdlog/sinks/syslog_sink.h>
#include <spdlog/spdlog.h>

#include <array>
#include <cstdio>
#include <exception>
#include <iterator>
#include <string>
#include <utility>

namespace nuncio::server::daemon {
namespace {

// In the order of log_level.
constexpr std::array spdlog_levels{spdlog::level::trace, spdlog::level::debug,
                                   spdlog::level::info,  spdlog::level::warn,
                                   spdlog::level::err,   spdlog::level::critical};
constexpr std::array<std::string_view, 6> names{"TRC", "DBG", "INF", "WRN", "ERR", "FTL"};

// `%*` in a pattern: the three letters that stand for a level.
class level_flag final : public spdlog::custom_flag_formatter {
 public:
  void format(const spdlog::details::log_msg& line,
              const std::tm&,
              spdlog::memory_buf_t& out) override {
    const auto name = names.at(static_cast<std::size_t>(line.level));
    out.append(name.data(), name.data() + name.size());
  }
  [[nodiscard]] std::unique_ptr<custom_flag_formatter> clone() const override {
    return spdlog::details::make_unique<level_flag>();
  }
};

// Names and payloads come from clients: what they hold must not pass for a line of ours, nor reach
// a terminal.
std::string on_one_line(std::string_view text) {
  std::string out;
  out.reserve(text.size());
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    if (byte >= 0x20 && byte != 0x7f) {
      out += c;
    } else if (c == '\r' || c == '\n' || c == '\t') {
      out += c == '\r' ? "\\r" : c == '\n' ? "\\n" : "\\t";
    } else {
      fmt::format_to(std::back_inserter(out), "\\x{:02x}", byte);
    }
  }
  return out;
}

// Facility "daemon".
constexpr int syslog_facility = LOG_DAEMON;

std::shared_ptr<spdlog::sinks::sink> open_sink(const config::log_settings& settings) {
  if (!settings.file.empty()) {
    return std::make_shared<file_sink>(settings.file,
                                       file_sink::limits{settings.size_limit, settings.max_files});
  }
  if (!settings.remote_syslog.empty()) {
    return std::make_shared<remote_sink>(settings.remote_syslog);
  }
  if (settings.syslog) {
    // The system's log has its own time, process id and level: of a text, nothing is added to it.
    const bool is_formatted = settings.format == config::log_format::json;
    return std::make_shared<spdlog::sinks::syslog_sink_mt>("nuncio-server", LOG_PID,
                                                           syslog_facility, is_formatted);
  }
  return std::make_shared<spdlog::sinks::stderr_color_sink_mt>();
}

std::unique_ptr<spdlog::formatter> make_formatter(const config::log_settings& settings) {
  if (settings.format == config::log_format::json) {
    const bool is_syslog =
        settings.file.empty() && settings.remote_syslog.empty() && settings.syslog;
    return std::make_unique<json_formatter>(settings.time, is_syslog ? "" : "\n");
  }
  auto out = std::make_unique<spdlog::pattern_formatter>(
      settings.utc ? spdlog::pattern_time_type::utc : spdlog::pattern_time_type::local);
  const bool is_remote = settings.file.empty() && !settings.remote_syslog.empty();
  // The system's log elsewhere has time and process id of its own.
  out->add_flag<level_flag>('*').set_pattern(is_remote ? "[%*] %v"
                                             : settings.time
                                                 ? "[%P] %Y/%m/%d %H:%M:%S.%f [%^%*%$] %v"
                                                 : "[%P] [%^%*%$] %v");
  return out;
}

std::shared_ptr<spdlog::logger> make_logger(const config::log_settings& settings) {
  auto logger = std::make_shared<spdlog::logger>("nuncio", open_sink(settings));
  logger->set_formatter(make_formatter(settings));
  logger->set_level(spdlog::level::trace);  // enabled() chooses
  logger->flush_on(spdlog::level::trace);
  return logger;
}

}  // namespace

log::log(const config::log_settings& settings)
    : settings_(settings),
      is_json_(settings.format == config::log_format::json),
      debug_(settings.debug),
      trace_(settings.trace),
      logger_(make_logger(settings_)) {}
log::~log() = default;

bool log::enabled(log_level level) const noexcept {
  // Debugging and tracing are two switches: either may be on alone.
  if (level == log_level::debug) return debug_.load(std::memory_order_relaxed);
  if (level == log_level::trace) return trace_.load(std::memory_order_relaxed);
  return true;
}

void log::write(log_level level, std::string_view text) noexcept {
  if (!enabled(level)) return;
  try {
    // JSON has escapes of its own.
    const bool is_json = is_json_.load(std::memory_order_relaxed);
    std::atomic_load(&logger_)->log(spdlog_levels.at(static_cast<std::size_t>(level)), "{}",
                                    is_json ? std::string(text) : on_one_line(text));
  } catch (...) {
    std::fputs("nuncio-server: a log line could not be written\n", stderr);
  }
}

void log::reconfigure(const config::log_settings& settings) {
  std::atomic_store(&logger_, make_logger(settings));
  settings_ = settings;
  is_json_.store(settings.format == config::log_format::json, std::memory_order_relaxed);
  debug_.store(settings.debug, std::memory_order_relaxed);
  trace_.store(settings.trace, std::memory_order_relaxed);
}

void log::reopen() noexcept {
  if (settings_.file.empty()) {
    return write(log_level::info, "File log re-open ignored, not a file logger");
  }
  try {
    std::atomic_store(&logger_, make_logger(settings_));
    write(log_level::info, "File log re-opened");
  } catch (const std::exception& failure) {
    write(log_level::error, failure.what());
  }
}

}  // namespace nuncio::server::daemon
