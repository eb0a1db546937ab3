#pragma once

#include <cstdint>
#include <string_view>

namespace nuncio::server {

/// How much a line matters; the last means that the server can't go on.
enum class log_level : std::uint8_t { trace, debug, info, warn, error, fatal };

/// Where a server writes what it has to say. Implementations must take calls from any thread.
class log_sink {
 public:
  log_sink() = default;
  log_sink(const log_sink&) = delete;
  log_sink& operator=(const log_sink&) = delete;
  virtual ~log_sink() = default;

  /// True if a line of this level is kept; ask before building an expensive one.
  [[nodiscard]] virtual bool enabled(log_level level) const noexcept = 0;
  /// Writes one line; `text` has no line end.
  virtual void write(log_level level, std::string_view text) noexcept = 0;
};

/// Keeps nothing. For embedding and tests.
class silent_log final : public log_sink {
 public:
  [[nodiscard]] bool enabled(log_level) const noexcept override { return false; }
  void write(log_level, std::string_view) noexcept override {}
};

}  // namespace nuncio::server
