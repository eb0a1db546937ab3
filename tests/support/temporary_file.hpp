#pragma once

#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <stdexcept>
#include <string>
#include <string_view>

namespace nuncio::test {

/// A file of its own with this text, for as long as it lives.
class temporary_file {
 public:
  explicit temporary_file(std::string_view text)
      : path_((std::filesystem::temp_directory_path() / "nuncio-test-XXXXXX").string()) {
    const int file = ::mkstemp(path_.data());
    if (file < 0) throw std::runtime_error("mkstemp failed");
    ::close(file);
    write(text);
  }
  temporary_file(const temporary_file&) = delete;
  temporary_file& operator=(const temporary_file&) = delete;
  ~temporary_file() { ::unlink(path_.c_str()); }

  [[nodiscard]] const std::string& path() const noexcept { return path_; }
  void write(std::string_view text) const {
    std::ofstream file(path_, std::ios::binary | std::ios::trunc);
    if (!(file << text << std::flush))
      throw std::runtime_error("a temporary file can't be written");
  }

 private:
  std::string path_;
};

}  // namespace nuncio::test
