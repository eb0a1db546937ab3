#pragma once

#include <nuncio/server/log.hpp>

#include <exception>
#include <string>
#include <utility>

namespace nuncio::server::monitor {

/// Completes a coroutine that nobody waits for: what it throws is an error in the log.
class report_to {
 public:
  /// `log` outlives this. `what` comes first in the line.
  report_to(log_sink& log, std::string what) : log_(log), what_(std::move(what)) {}

  void operator()(const std::exception_ptr& why) const {
    if (why == nullptr) return;
    try {
      std::rethrow_exception(why);
    } catch (const std::exception& failure) {
      log_.write(log_level::error, what_ + failure.what());
    } catch (...) {
      log_.write(log_level::error, what_ + "unknown failure");
    }
  }

 private:
  log_sink& log_;
  std::string what_;
};

}  // namespace nuncio::server::monitor
