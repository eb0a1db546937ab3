#pragma once

#include "raw_client.hpp"

#include <nuncio/server/server.hpp>

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <mutex>
#include <string>
#include <string_view>
#include <vector>

namespace nuncio::test {

/// Keeps the lines of a server's log.
class kept_log final : public server::log_sink {
 public:
  [[nodiscard]] bool enabled(server::log_level level) const noexcept override {
    return level >= server::log_level::info;
  }
  void write(server::log_level, std::string_view text) noexcept override {
    const std::scoped_lock held(lock_);
    lines_.emplace_back(text);
  }
  [[nodiscard]] std::size_t count(std::string_view part) const {
    const std::scoped_lock held(lock_);
    const auto found = std::count_if(lines_.begin(), lines_.end(), [part](const std::string& line) {
      return line.find(part) != std::string::npos;
    });
    return static_cast<std::size_t>(found);
  }

 private:
  mutable std::mutex lock_;  // guards `lines_`
  std::vector<std::string> lines_;
};

/// A server in this process, on a port of its own.
struct test_server {
  explicit test_server(server::options settings = {})
      : node(with_any_port(std::move(settings)), log) {
    node.start();
  }
  static server::options with_any_port(server::options settings) {
    settings.port = -1;
    return settings;
  }
  [[nodiscard]] std::uint16_t port() const { return node.port(); }

  kept_log log;
  server::server node;
};

/// True once `holds()` does. Between two looks the server answers a PING, so that it has done
/// something; gives up after half a minute.
template <class Holds>
bool comes_true(raw_client& client, Holds holds) {
  const auto until = std::chrono::steady_clock::now() + std::chrono::seconds(30);
  while (!holds()) {
    if (std::chrono::steady_clock::now() > until) return false;
    client.ping();
  }
  return true;
}

}  // namespace nuncio::test
