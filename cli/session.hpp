#pragma once

#include <nuncio/client/blocking.hpp>

#include <boost/system/error_code.hpp>

#include <chrono>
#include <functional>
#include <mutex>
#include <stop_token>
#include <string>

namespace nuncio::cli {

struct common_options;
struct failure;

/// How long a server may take to answer a PING.
constexpr std::chrono::seconds answer_timeout{10};

/// A connection as all verbs want it. It ends when it is lost. What the server refuses with -ERR is
/// shown on stderr as it arrives.
///
/// Thread: the verb's; what a status event tells is kept under a lock.
class session {
 public:
  /// Connects.
  /// Errors:  throws failure if no server of the list can be talked to.
  explicit session(const common_options& common);
  session(const session&) = delete;
  session& operator=(const session&) = delete;
  ~session() = default;

  [[nodiscard]] blocking::connection& connection() noexcept { return connection_; }

  /// Publishes what fits.
  /// Errors:  throws failure if it is larger than the server takes, or has headers and the server
  ///          knows none.
  void publish(const client::message_view& m);
  /// Returns when the server has handled all that was said; false if it refused something.
  bool flush();

  /// Requested when the connection is lost, by finish(), and by a signal after stop_on_signal().
  [[nodiscard]] std::stop_token end() const noexcept { return end_.get_token(); }
  /// Requested once the server has said -ERR.
  [[nodiscard]] std::stop_token refusal() const noexcept { return refusal_.get_token(); }
  /// Thread: any.
  void finish() noexcept { end_.request_stop(); }
  /// From now on SIGINT and SIGTERM finish() instead of ending the process. A second one ends it.
  void stop_on_signal();

  /// What to tell the user of an error of the connection.
  [[nodiscard]] failure explain(boost::system::error_code error);

 private:
  void on_status(const client::status& s);

  std::stop_source end_;
  std::stop_source refusal_;
  std::mutex lock_;  // guards the three below
  std::string server_;
  std::string lost_;   // why it is
  std::string wrong_;  // with the options, a file of them for instance
  blocking::connection connection_;
};

/// Runs `body` on a connection, and explains what goes wrong there.
/// Errors:  throws failure.
int talk(const common_options& common, const std::function<int(session&)>& body);

}  // namespace nuncio::cli
