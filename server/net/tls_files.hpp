#pragma once

#include "tls_context.hpp"

#include <nuncio/server/tls.hpp>

#include <cstdint>
#include <ctime>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

namespace nuncio::server {

/// TLS as its files have it now: whoever begins with a handshake takes the latest that was good.
///
/// Thread safety: now() from any thread; look() from one at a time.
class tls_files {
 public:
  /// Null if something is wrong; that and what is doubtful is added to `problems`.
  [[nodiscard]] static std::shared_ptr<tls_files> make(const tls_options& options,
                                                       std::vector<tls_problem>& problems);
  tls_files(const tls_files&) = delete;
  tls_files& operator=(const tls_files&) = delete;
  ~tls_files() = default;

  [[nodiscard]] std::shared_ptr<const tls_context> now() const;

  /// Are the files others, or of other content, than those of `before` when they were read last?
  /// Any thread.
  [[nodiscard]] bool differs_from(const tls_files& before) const;

  enum class outcome : std::uint8_t {
    same,     ///< or still being written
    renewed,  ///< handshakes take the new ones from now on
    kept,     ///< the new ones can't be used, for what is in `problems`
  };
  /// Reads the files anew if they have changed. Not at once: who replaces one often replaces
  /// another one next, so they must have stayed the same since the last look.
  outcome look(std::vector<tls_problem>& problems);

  /// Which of the server's own certificates are over, or will be within 30 days.
  struct notice {
    std::string text;
    bool is_over = false;
  };
  [[nodiscard]] std::vector<notice> expiring(std::time_t at) const;
  /// When the first of them is over.
  [[nodiscard]] std::time_t end() const;

 private:
  // What tells that a file is another one; all zero if it isn't there.
  struct stamp {
    std::int64_t seconds = 0;
    std::int64_t nanoseconds = 0;
    std::int64_t size = 0;
    std::uint64_t inode = 0;

    friend bool operator==(const stamp&, const stamp&) = default;
  };
  using stamps = std::vector<stamp>;

  explicit tls_files(const tls_options& options);
  [[nodiscard]] stamps take_stamps() const;

  const tls_options options_;
  std::vector<std::string> names_;
  stamps seen_;              // by the last look
  mutable std::mutex lock_;  // guards `read_` and `now_`
  stamps read_;              // of those that were read last, whether they were good or not
  std::shared_ptr<const tls_context> now_;
};

}  // namespace nuncio::server
