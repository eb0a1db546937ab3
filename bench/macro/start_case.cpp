// start: from exec to the first PONG, and the memory the server has then.
#include "cases.hpp"
#include "connection.hpp"
#include "failure.hpp"
#include "process_stats.hpp"

#include <fcntl.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>

#include <algorithm>
#include <charconv>
#include <string>
#include <vector>

namespace nuncio::bench {
namespace {

// A server on a port it chooses itself; ended and waited for by the destructor.
class child_server {
 public:
  child_server(const std::string& path, const std::vector<std::string>& args) {
    int ends[2];
    if (::pipe2(ends, O_CLOEXEC) != 0) fail_by_errno("pipe2");
    log_.reset(ends[0]);
    const unique_fd write_end(ends[1]);
    std::vector<std::string> words{path, "-p", "-1"};
    words.insert(words.end(), args.begin(), args.end());
    std::vector<char*> argv;
    for (std::string& w : words) argv.push_back(w.data());
    argv.push_back(nullptr);
    pid_ = ::fork();
    if (pid_ < 0) fail_by_errno("fork");
    if (pid_ == 0) {
      ::prctl(PR_SET_PDEATHSIG, SIGKILL);  // whatever ends us ends it too
      ::dup2(write_end.get(), STDOUT_FILENO);
      ::dup2(write_end.get(), STDERR_FILENO);
      ::execv(path.c_str(), argv.data());
      ::_exit(127);
    }
  }
  child_server(const child_server&) = delete;
  child_server& operator=(const child_server&) = delete;
  ~child_server() {
    ::kill(pid_, SIGTERM);
    // It may still have something to log; a full pipe must not keep it.
    log_.reset();
    int status = 0;
    for (int waited_ms = 0; ::waitpid(pid_, &status, WNOHANG) == 0; waited_ms += 5) {
      if (waited_ms == 5000) ::kill(pid_, SIGKILL);
      ::usleep(5000);
    }
  }

  pid_t pid() const { return pid_; }

  // Reads the log until it tells the port.
  std::uint16_t wait_for_port() {
    constexpr std::string_view announcement = "Listening for client connections on ";
    std::string text;
    for (;;) {
      wait_readable(log_.get());
      char part[4096];
      const ssize_t n = ::read(log_.get(), part, sizeof part);
      if (n <= 0) fail("the server ended: " + text);
      text.append(part, static_cast<std::size_t>(n));
      const auto at = text.find(announcement);
      if (at == std::string::npos) continue;
      const auto line_end = text.find('\n', at);
      if (line_end == std::string::npos) continue;
      const auto colon = text.rfind(':', line_end);
      std::uint16_t port = 0;
      std::from_chars(text.data() + colon + 1, text.data() + line_end, port);
      if (port == 0) fail("no port in: " + text.substr(at, line_end - at));
      return port;
    }
  }

 private:
  pid_t pid_ = 0;
  unique_fd log_;
};

double median(std::vector<double> values) {
  std::sort(values.begin(), values.end());
  return values[values.size() / 2];
}

}  // namespace

void run_start(const options& o, result& into) {
  if (o.executable.empty()) fail("--server is needed");
  std::vector<double> milliseconds, cpu_milliseconds, rss, pss;
  for (std::size_t i = 0; i < o.count_or(20); ++i) {
    const nanoseconds start = now_ns();
    child_server server(o.executable, o.server_args);
    const connection client = open_client({.port = server.wait_for_port()});
    milliseconds.push_back(static_cast<double>(now_ns() - start) / 1e6);
    cpu_milliseconds.push_back(static_cast<double>(process_cpu_ns(server.pid())) / 1e6);
    const memory_use memory = process_memory(server.pid());
    rss.push_back(static_cast<double>(memory.rss));
    pss.push_back(static_cast<double>(memory.pss));
  }
  into.add("starts", static_cast<double>(milliseconds.size()));
  into.add("start_ms", median(milliseconds));
  into.add("start_ms_worst", *std::max_element(milliseconds.begin(), milliseconds.end()));
  into.add("start_cpu_ms", median(cpu_milliseconds));
  into.add("rss_bytes", median(rss));
  into.add("pss_bytes", median(pss));
}

}  // namespace nuncio::bench
