#pragma once

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <stdexcept>
#include <string>

namespace nuncio::test {

/// A certification authority of its own, and certificates that it signs, as files that go with it.
/// Made by the openssl tool.
class certificates {
 public:
  struct pair {
    std::string certificate;
    std::string key;
  };

  certificates() {
    auto pattern = (std::filesystem::temp_directory_path() / "nuncio-certs-XXXXXX").string();
    if (::mkdtemp(pattern.data()) == nullptr) throw std::runtime_error("mkdtemp failed");
    folder_ = pattern;
    openssl("req -x509 " + new_key + " -keyout ca.key -out ca.pem -subj /CN=test-ca -days 2");
  }
  certificates(const certificates&) = delete;
  certificates& operator=(const certificates&) = delete;
  ~certificates() {
    std::error_code ignored;
    std::filesystem::remove_all(folder_, ignored);
  }

  [[nodiscard]] std::string ca() const { return path("ca.pem"); }
  /// For these, as in `IP:127.0.0.1` or `DNS:name`; over after so many days.
  [[nodiscard]] pair sign(const std::string& names, int days = 2) {
    const auto file = std::to_string(++count_);
    openssl("req -new " + new_key + " -keyout " + file + ".key -out " + file +
            ".csr -subj /CN=test-" + file + " -addext subjectAltName=" + names);
    openssl("x509 -req -in " + file + ".csr -CA ca.pem -CAkey ca.key -CAcreateserial" +
            " -copy_extensions copy -days " + std::to_string(days) + " -out " + file + ".pem");
    return {path(file + ".pem"), path(file + ".key")};
  }

 private:
  static inline const std::string new_key =
      "-newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes";

  [[nodiscard]] std::string path(const std::string& name) const { return folder_ + "/" + name; }
  void openssl(const std::string& words) const {
    const auto command = "cd " + folder_ + " && openssl " + words + " >log 2>&1 </dev/null";
    // NOLINTNEXTLINE(concurrency-mt-unsafe,bugprone-command-processor,cert-env33-c): tests only
    if (std::system(command.c_str()) == 0) return;
    std::ifstream log(path("log"));
    throw std::runtime_error("openssl " + words + ": " +
                             std::string(std::istreambuf_iterator<char>(log), {}));
  }

  std::string folder_;
  int count_ = 0;
};

}  // namespace nuncio::test
