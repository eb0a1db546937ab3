#pragma once

#include "config/settings.hpp"

#include <nuncio/server/log.hpp>

#include <atomic>
#include <memory>
#include <string>

namespace spdlog {
class logger;
}

namespace nuncio::server::daemon {

/// The reference's log lines: `[pid] 2026/01/31 10:00:00.000000 [INF] text`, colours only on a
/// terminal; or JSON, see json_formatter. Source: nats-server 2.15.2, logger/log.go.
class log final : public log_sink {
 public:
  /// Errors: std::runtime_error if the file can't be opened.
  explicit log(const config::log_settings& settings);
  ~log() override;

  [[nodiscard]] bool enabled(log_level level) const noexcept override;
  void write(log_level level, std::string_view text) noexcept override;
  /// Goes on with other settings, and elsewhere if they say so.
  /// Errors: std::runtime_error if the file can't be opened; all stays as it was.
  void reconfigure(const config::log_settings& settings);
  /// Opens the file anew, after it was moved away, and says what came of it. If it can't be opened,
  /// the old one goes on.
  void reopen() noexcept;

 private:
  config::log_settings settings_;  // of the thread that handles signals
  std::atomic<bool> is_json_;
  std::atomic<bool> debug_;
  std::atomic<bool> trace_;
  std::shared_ptr<spdlog::logger> logger_;
};

}  // namespace nuncio::server::daemon
