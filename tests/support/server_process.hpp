#pragma once

#include <poll.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <csignal>
#include <cstdint>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <stdexcept>
#include <string>
#include <thread>
#include <utility>
#include <vector>

namespace nuncio::test {

/// A server of NATS' kind in a process of its own, on a port of its own: nuncio-server or
/// nats-server, whose flags are the same. Throws std::runtime_error if it doesn't start.
class server_process {
 public:
  explicit server_process(std::string program, std::vector<std::string> flags = {}, int port = -1)
      : program_(std::move(program)), flags_(std::move(flags)) {
    start(port);
  }
  server_process(const server_process&) = delete;
  server_process& operator=(const server_process&) = delete;
  ~server_process() { kill(SIGKILL); }

  [[nodiscard]] std::uint16_t port() const noexcept { return port_; }
  /// Of another listener, by nats-server's name for its kind, as `websocket` or `cluster`; on
  /// 127.0.0.1. 0 if there is none.
  [[nodiscard]] std::uint16_t port_of(const std::string& kind) const {
    const auto at = ports_.find('"' + kind + '"');
    return at == std::string::npos ? std::uint16_t{0} : port_in(ports_.substr(at));
  }
  [[nodiscard]] std::string url() const { return "nats://127.0.0.1:" + std::to_string(port_); }

  /// Ends it; with SIGKILL as a crash would.
  void kill(int how) {
    if (pid_ <= 0) return;
    ::kill(pid_, how);
    ::waitpid(pid_, nullptr, 0);
    pid_ = -1;
  }
  void signal(int what) const { ::kill(pid_, what); }
  /// Waits until it has ended by itself, for so long; its exit status, -1 if it goes on.
  int await_end(std::chrono::seconds patience) {
    // glibc 2.36 declares pidfd_open() for C only.
    pollfd end{static_cast<int>(::syscall(SYS_pidfd_open, pid_, 0)), POLLIN, 0};
    const int ended =
        ::poll(&end, 1, static_cast<int>(std::chrono::milliseconds(patience).count()));
    ::close(end.fd);
    if (ended != 1) return -1;
    int status = 0;
    ::waitpid(pid_, &status, 0);
    pid_ = -1;
    return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
  }
  /// Starts it again, on the port that it had.
  void restart() { start(port_); }
  /// Stops it where it is, as a machine that hangs would.
  void freeze() const {
    ::kill(pid_, SIGSTOP);
    ::waitpid(pid_, nullptr, WUNTRACED);  // until it has stopped
  }

 private:
  void start(int port) {
    auto pattern = (std::filesystem::temp_directory_path() / "nuncio-test-XXXXXX").string();
    if (::mkdtemp(pattern.data()) == nullptr) throw std::runtime_error("mkdtemp failed");
    const std::filesystem::path folder = pattern;
    std::vector<std::string> words{
        program_, "-a", "127.0.0.1",     "-p", std::to_string(port), "--ports_file_dir",
        pattern,  "-l", pattern + "/log"};
    words.insert(words.end(), flags_.begin(), flags_.end());
    std::vector<char*> raw;
    for (auto& word : words) raw.push_back(word.data());
    raw.push_back(nullptr);
    pid_ = ::fork();
    if (pid_ == 0) {
      ::prctl(PR_SET_PDEATHSIG, SIGKILL);  // a test that crashes leaves nothing behind
      ::execv(program_.c_str(), raw.data());
      ::_exit(127);
    }
    // The ports file appears whole once clients are welcome.
    const auto until = std::chrono::steady_clock::now() + std::chrono::seconds(20);
    while (!read_port(folder)) {
      const bool died = ::waitpid(pid_, nullptr, WNOHANG) == pid_;
      if (died) pid_ = -1;
      if (died || std::chrono::steady_clock::now() > until) {
        throw std::runtime_error(program_ + " doesn't start");
      }
      std::this_thread::sleep_for(std::chrono::milliseconds(5));
    }
    std::filesystem::remove_all(folder);
  }
  bool read_port(const std::filesystem::path& folder) {
    for (const auto& each : std::filesystem::directory_iterator(folder)) {
      if (each.path().extension() != ".ports") continue;
      std::ifstream file(each.path());
      ports_.assign(std::istreambuf_iterator<char>(file), {});
      port_ = port_in(ports_);
      return port_ != 0;
    }
    return false;
  }
  static std::uint16_t port_in(const std::string& text) {
    const auto at = text.find("127.0.0.1:");
    if (at == std::string::npos) return 0;
    return static_cast<std::uint16_t>(std::strtoul(text.c_str() + at + 10, nullptr, 10));
  }

  const std::string program_;
  const std::vector<std::string> flags_;
  pid_t pid_ = -1;
  std::uint16_t port_ = 0;
  std::string ports_;  // the ports file
};

}  // namespace nuncio::test
