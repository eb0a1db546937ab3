#include "parser.hpp"

#include <fcntl.h>
#include <poll.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstdlib>
#include <system_error>
#include <utility>

namespace nuncio::server::config {

namespace {

using result = surroundings::read_result;

/// In bytes. More is a wrong file, or a device without an end.
constexpr std::size_t largest_file = 64UL * 1024 * 1024;

result failed(int code) {
  return {.failure = std::generic_category().message(code)};
}

/// A descriptor that is closed at the end.
class open_file {
 public:
  /// Who opens a pipe would wait for somebody who writes, perhaps for ever.
  explicit open_file(const std::string& path)
      : file_(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY)) {}
  open_file(const open_file&) = delete;
  open_file& operator=(const open_file&) = delete;
  ~open_file() {
    if (file_ >= 0) ::close(file_);
  }

  /// Reads it to its end, or says why not.
  [[nodiscard]] result read_all(std::chrono::milliseconds patience) const {
    struct stat about{};
    if (file_ < 0 || ::fstat(file_, &about) != 0) return failed(errno);
    if (S_ISDIR(about.st_mode)) return failed(EISDIR);
    std::string content;
    std::array<char, 64 * 1024> piece{};
    for (;;) {
      if (!S_ISREG(about.st_mode) && !has_input(patience)) {
        return {.failure =
                    "nothing came from it for " +
                    std::to_string(std::chrono::ceil<std::chrono::seconds>(patience).count()) +
                    " s"};
      }
      const auto got = ::read(file_, piece.data(), piece.size());
      if (got == 0) break;
      if (got < 0 && errno != EINTR && errno != EAGAIN) return failed(errno);
      if (got > 0) content.append(piece.data(), static_cast<std::size_t>(got));
      if (content.size() > largest_file) return {.failure = "larger than 64 MiB"};
    }
    // A reload would else take what was read once for a file without a word.
    if (S_ISFIFO(about.st_mode) && content.empty()) return {.failure = "a pipe with nothing in it"};
    return {.content = std::move(content)};
  }

 private:
  /// Waits for something to read, or for the end.
  [[nodiscard]] bool has_input(std::chrono::milliseconds patience) const {
    pollfd one{.fd = file_, .events = POLLIN, .revents = 0};
    int got = 0;
    do {
      got = ::poll(&one, 1, static_cast<int>(patience.count()));
    } while (got < 0 && errno == EINTR);
    return got != 0;
  }

  int file_;
};

std::optional<std::string> environment_variable(const std::string& name) {
  // Nobody changes the environment while the server runs.
  const char* const found = std::getenv(name.c_str());  // NOLINT(concurrency-mt-unsafe)
  if (found == nullptr) return {};
  return found;
}

}  // namespace

surroundings real_surroundings(std::chrono::milliseconds patience) {
  return {
      .read = [patience](const std::string& path) { return open_file(path).read_all(patience); },
      .variable = environment_variable};
}

}  // namespace nuncio::server::config
