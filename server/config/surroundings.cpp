#include "parser.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstdlib>
#include <system_error>
#include <utility>

namespace nuncio::server::config {

namespace {

/// In bytes. More is a wrong file, or a device without an end.
constexpr std::size_t largest_file = 64UL * 1024 * 1024;

/// A descriptor that is closed at the end.
class open_file {
 public:
  explicit open_file(const std::string& path) : file_(::open(path.c_str(), O_RDONLY | O_CLOEXEC)) {}
  open_file(const open_file&) = delete;
  open_file& operator=(const open_file&) = delete;
  ~open_file() {
    if (file_ >= 0) ::close(file_);
  }

  /// Reads it to its end, or says why not.
  [[nodiscard]] std::errc read_all(std::string& into) const {
    if (file_ < 0) return std::errc{errno};
    std::array<char, 64 * 1024> piece{};
    for (;;) {
      const auto got = ::read(file_, piece.data(), piece.size());
      if (got == 0) return {};
      if (got < 0 && errno != EINTR) return std::errc{errno};
      if (got > 0) into.append(piece.data(), static_cast<std::size_t>(got));
      if (into.size() > largest_file) return std::errc::file_too_large;
    }
  }

 private:
  int file_;
};

surroundings::read_result read_file(const std::string& path) {
  std::string content;
  const auto failure = open_file(path).read_all(content);
  if (failure == std::errc{}) return {.content = std::move(content)};
  return {.failure = std::make_error_code(failure).message()};
}

std::optional<std::string> environment_variable(const std::string& name) {
  // Nobody changes the environment while the server runs.
  const char* const found = std::getenv(name.c_str());  // NOLINT(concurrency-mt-unsafe)
  if (found == nullptr) return {};
  return found;
}

}  // namespace

surroundings real_surroundings() {
  return {.read = read_file, .variable = environment_variable};
}

}  // namespace nuncio::server::config
