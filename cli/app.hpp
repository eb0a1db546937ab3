#pragma once

#include "session.hpp"

#include <nuncio/client/message.hpp>
#include <nuncio/client/options.hpp>

#include <chrono>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

// NOLINTBEGIN(readability-identifier-naming): names of another library
namespace CLI {
class App;
class Option;
}  // namespace CLI
// NOLINTEND(readability-identifier-naming)

/// What all verbs share.
namespace nuncio::cli {

/// Exit statuses. The help text lists them.
enum exit_status : int {
  exit_done = 0,
  exit_refused = 1,        ///< no responders, no reply in time, or the server said -ERR
  exit_usage = 2,          ///< the command line is wrong
  exit_no_connection = 3,  ///< no server, or the connection was lost
};

/// Ends the program with a sentence for the user.
struct failure {
  int status = exit_refused;
  std::string text;
};

/// Flags that every verb has.
struct common_options {
  std::string servers = "nats://127.0.0.1:4222";
  std::string user;
  std::string password;
  std::string token;
  std::string creds_file;
  std::string nkey_file;
  std::string ca_file;
  std::string certificate_file;
  std::string key_file;
  bool verbose = false;

  /// What a connection wants of them.
  /// Errors:  throws failure for a URL that can't be read.
  [[nodiscard]] client::options to_settings() const;
  /// Where the servers are, without anybody's secrets.
  /// Errors:  as to_settings().
  [[nodiscard]] std::string addresses() const;
};

/// What main() runs after the command line was read; returns the exit status.
using verb = std::function<int()>;

void add_pub(CLI::App& app, const common_options& common, verb& chosen);
void add_sub(CLI::App& app, const common_options& common, verb& chosen);
void add_request(CLI::App& app, const common_options& common, verb& chosen);
void add_reply(CLI::App& app, const common_options& common, verb& chosen);

/// Adds a flag that takes a duration with a unit, such as 2s or 250ms; a bare number is seconds.
CLI::Option* add_duration(CLI::App& app,
                          const std::string& flag,
                          std::chrono::nanoseconds& into,
                          const std::string& help);

/// Pre-checks of what can't be said in the protocol. Errors: throw failure.
void check_publish_subject(std::string_view subject);
void check_subscription_subject(std::string_view subject);
void check_queue(std::string_view queue);

/// The header block of `k:v` flags; empty if there are none.
/// Errors:  throws failure for one that can't be read.
[[nodiscard]] std::string to_header_block(const std::vector<std::string>& headers);

/// `body` as given; what stdin holds if it was not given and stdin is no terminal; else empty.
[[nodiscard]] std::string body_or_stdin(const std::string* body);

/// `text` with every `{{name}}` replaced. What was put in is not looked at again.
[[nodiscard]] std::string fill_in(std::string_view text,
                                  std::string_view name,
                                  std::string_view value);

/// A base-62 id of 22 characters that nobody can guess.
[[nodiscard]] std::string unique_id();

/// Writes the header fields of a message, one on each line, and an empty line, if it has any.
void print_headers(const client::message_view& received);

/// Writes `text` as a line to stdout.
void print_line(std::string_view text);

/// Writes `text` as a line to stderr: what is for the user, not for the next program.
void note(std::string_view text);

}  // namespace nuncio::cli
