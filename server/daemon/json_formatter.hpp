#pragma once

#include <spdlog/formatter.h>

#include <memory>
#include <string_view>

namespace nuncio::server::daemon {

/// Log lines as JSON objects, one a line: `time` in UTC, `level`, `pid`, `message`; and of a line
/// about a client `client`, its address, and `cid`, or `wid` if it came by WebSocket. `end` is what
/// comes behind each.
class json_formatter final : public spdlog::formatter {
 public:
  explicit json_formatter(bool with_time, std::string_view end = "\n")
      : with_time_(with_time), end_(end) {}

  void format(const spdlog::details::log_msg& line, spdlog::memory_buf_t& out) override;
  [[nodiscard]] std::unique_ptr<formatter> clone() const override {
    return std::make_unique<json_formatter>(with_time_, end_);
  }

 private:
  const bool with_time_;
  const std::string_view end_;
};

}  // namespace nuncio::server::daemon
