#pragma once

#include <cstdint>
#include <string>
#include <vector>

/// Files that tell other programs about a running server.
/// Source: nats-server 2.15.2, server/server.go, logPid and logPorts.
namespace nuncio::server::daemon {

/// Writes the process id, in decimal, without a line end. It stays when the server ends.
/// Errors: std::system_error naming the file.
void write_pid_file(const std::string& path);
/// Removes the file if it has our process id, and isn't `kept` by another name.
void remove_pid_file(const std::string& path, const std::string& kept) noexcept;

/// A port that is listened on.
struct listened {
  std::string what;    ///< as the file calls it: `nats`, `monitoring`, `websocket`
  std::string scheme;  ///< of its URLs
  std::string host;
  std::uint16_t port = 0;
};

/// `<name of the program>_<pid>.ports` in a directory: who listens where, as JSON. Removed again by
/// the destructor.
class ports_file {
 public:
  /// Nothing is written yet.
  ports_file(const std::string& program, const std::vector<listened>& ports);
  ports_file(const ports_file&) = delete;
  ports_file& operator=(const ports_file&) = delete;
  ~ports_file();

  /// To another directory, or to none if the name is empty.
  /// Errors: std::system_error naming the file; all stays as it was.
  void move_to(const std::string& directory);

 private:
  const std::string name_;
  std::string text_;
  std::string path_;  // empty: there is none
};

}  // namespace nuncio::server::daemon
