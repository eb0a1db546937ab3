#include "writable.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <filesystem>

namespace nuncio::server::config {
namespace {

std::error_code failure(int code) {
  return {code, std::generic_category()};
}

// As whom the process acts, not as whom it was started.
std::error_code why_no_access(const std::string& path, int how) {
  return failure(::faccessat(AT_FDCWD, path.c_str(), how, AT_EACCESS) == 0 ? 0 : errno);
}

}  // namespace

std::error_code why_no_files_in(const std::string& folder) {
  struct stat about{};
  if (::stat(folder.c_str(), &about) != 0) return failure(errno);
  if (!S_ISDIR(about.st_mode)) return failure(ENOTDIR);
  return why_no_access(folder, W_OK | X_OK);
}

std::error_code why_not_put(const std::string& file) {
  struct stat about{};
  if (::stat(file.c_str(), &about) == 0 && S_ISDIR(about.st_mode)) return failure(EISDIR);
  const auto folder = std::filesystem::path(file).parent_path().string();
  return why_no_files_in(folder.empty() ? "." : folder);
}

std::error_code why_not_opened(const std::string& file) {
  struct stat about{};
  if (::stat(file.c_str(), &about) != 0 || S_ISDIR(about.st_mode)) return why_not_put(file);
  return why_no_access(file, W_OK);
}

}  // namespace nuncio::server::config
