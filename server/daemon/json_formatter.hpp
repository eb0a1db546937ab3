#pragma once

#include <spdlog/formatter.h>

#include <memory>

namespace nuncio::server::daemon {

/// Log lines as JSON objects, one a line: `time` in UTC, `level`, `pid`, `message`; and of a line
/// about a client `client`, its address, and `cid`, or `wid` if it came by WebSocket.
class json_formatter final : public spdlog::formatter {
 public:
  explicit json_formatter(bool with_time) : with_time_(with_time) {}

  void format(const spdlog::details::log_msg& line, spdlog::memory_buf_t& out) override;
  [[nodiscard]] std::unique_ptr<formatter> clone() const override {
    return std::make_unique<json_formatter>(with_time_);
  }

 private:
  const bool with_time_;
};

}  // namespace nuncio::server::daemon
