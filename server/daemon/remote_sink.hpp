#pragma once

#include <spdlog/sinks/base_sink.h>

#include <sys/socket.h>

#include <chrono>
#include <cstdint>
#include <mutex>
#include <string>
#include <string_view>

namespace nuncio::server::daemon {

/// A system's log elsewhere, by UDP or TCP, which never stops the server: what can't be sent at
/// once is counted, and said once sending works again. TCP that was closed is connected anew.
/// Source: nats-server 2.15.2 with `-r`, run: `<priority>time host program[pid]: text`.
class remote_sink final : public spdlog::sinks::base_sink<std::mutex> {
 public:
  /// `udp://host:port` or `tcp://host:port`.
  /// Errors: std::runtime_error if it is neither, or can't be connected to.
  explicit remote_sink(std::string url);
  ~remote_sink() override;
  remote_sink(const remote_sink&) = delete;
  remote_sink& operator=(const remote_sink&) = delete;

 private:
  void sink_it_(const spdlog::details::log_msg& line) override;
  void flush_() override {}

  void connect();
  [[nodiscard]] bool is_connected();
  bool send(spdlog::level::level_enum level, std::string_view text);
  void close() noexcept;

  const std::string url_;
  std::string host_;  // this one's
  sockaddr_storage address_{};
  socklen_t address_size_ = 0;
  int kind_ = SOCK_DGRAM;
  int socket_ = -1;
  bool is_connecting_ = false;
  std::chrono::steady_clock::time_point tried_;
  std::uint64_t lost_ = 0;  // lines, since the last one that was sent
};

}  // namespace nuncio::server::daemon
