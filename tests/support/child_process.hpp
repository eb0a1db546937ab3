#pragma once

#include <boost/asio/io_context.hpp>

#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <exception>
#include <functional>
#include <stdexcept>

namespace nuncio::test {

/// A program of its own, in the code of the test: `body` is called there with a loop, and runs it.
/// What it checks is lost; it shows what it does by what the test hears of it.
///
/// Pre:     there is one thread.
class child_process {
 public:
  explicit child_process(const std::function<void(boost::asio::io_context&)>& body)
      : pid_(::fork()) {
    if (pid_ < 0) throw std::runtime_error("fork failed");
    if (pid_ > 0) return;
    ::prctl(PR_SET_PDEATHSIG, SIGKILL);  // a test that crashes leaves nothing behind
    try {
      boost::asio::io_context loop(1);
      body(loop);
    } catch (const std::exception&) {
      ::_exit(1);
    }
    ::_exit(0);
  }
  child_process(const child_process&) = delete;
  child_process& operator=(const child_process&) = delete;
  ~child_process() {
    kill(SIGKILL);
    ::waitpid(pid_, nullptr, 0);
  }

  void kill(int signal) const { ::kill(pid_, signal); }

 private:
  pid_t pid_;
};

}  // namespace nuncio::test
