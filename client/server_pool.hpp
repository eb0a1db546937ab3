#pragma once

#include <nuncio/protocol/url.hpp>

#include <chrono>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

namespace nuncio::client {

/// Which server to try next, and when: those that the user named and those that servers tell of.
///
/// Pure; one thread. A round is one attempt at each server. The first round after a connection was
/// lost begins at once, with the server behind the lost one; before each later one there is a pause
/// that doubles up to a bound, of which a random part is left out, so that the clients of a server
/// that died don't come back as one.
class server_pool {
 public:
  using time = std::chrono::steady_clock::time_point;
  using milliseconds = std::chrono::milliseconds;
  /// Any number, as random as jitter needs.
  using random_source = std::function<std::uint64_t()>;

  struct settings {
    bool randomize = true;  ///< shuffle the user's servers once
    bool discover = true;   ///< use servers that others tell of
    int max_attempts = -1;  ///< failures in a row after which a server is given up; -1: never
    milliseconds first_pause{100};
    milliseconds longest_pause{8000};
  };
  struct attempt {
    protocol::server_url server;
    time not_before;
    /// What its certificate must be for: the URL's host, or for an address that a server told of
    /// the name of that server.
    std::string tls_name;
  };

  server_pool(std::vector<protocol::server_url> named, const settings& set, random_source random);

  /// The next attempt; nothing if every server has been given up.
  [[nodiscard]] std::optional<attempt> next(time now);
  /// True if every server had its attempt in this round.
  [[nodiscard]] bool round_is_over() const noexcept { return at_ >= entries_.size(); }

  /// What became of the last attempt.
  void failed();
  /// A failure, too; the second in a row gives the server up.
  void refused_credentials();
  void connected();
  /// The connection that was made last is gone: a new first round.
  void lost();

  /// What INFO says in connect_urls. Servers told of before and not any more are forgotten, unless
  /// it is the current one; an empty list changes nothing. True if there are new ones.
  /// Source: NATS client protocol, section 3.3; nats.go, processInfo.
  bool merge(const std::vector<std::string>& told);

  [[nodiscard]] std::vector<protocol::server_url> servers() const;

 private:
  struct entry {
    protocol::server_url url;
    bool told = false;  // by a server
    int failures = 0;   // in a row
    int refusals = 0;   // of credentials, in a row
    std::string tls_name;
  };

  void drop(std::size_t index);
  [[nodiscard]] milliseconds pause();
  [[nodiscard]] std::size_t below(std::size_t limit) { return random_() % limit; }

  settings set_;
  random_source random_;
  std::vector<entry> entries_;
  std::size_t at_ = 0;                  // the next attempt
  std::optional<std::size_t> current_;  // the last one
  int round_ = 0;
};

}  // namespace nuncio::client
