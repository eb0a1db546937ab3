#include "run_files.hpp"

#include <arpa/inet.h>
#include <fcntl.h>
#include <ifaddrs.h>
#include <netinet/in.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <filesystem>
#include <fstream>
#include <memory>
#include <string_view>
#include <system_error>
#include <vector>

namespace nuncio::server::daemon {
namespace {

// Written aside and renamed, so that who polls for the file never reads half of it.
void write_file(const std::string& path, std::string_view text, mode_t mode) {
  const std::string aside = path + ".new";
  const int file = ::open(aside.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, mode);
  const bool written =
      file >= 0 && ::write(file, text.data(), text.size()) == static_cast<ssize_t>(text.size());
  int failure = errno;
  if (file >= 0) ::close(file);
  if (written && ::rename(aside.c_str(), path.c_str()) == 0) return;
  if (written) failure = errno;
  if (file >= 0) ::unlink(aside.c_str());
  throw std::system_error(failure, std::generic_category(), "could not write \"" + path + "\"");
}

std::vector<std::string> local_addresses() {
  std::vector<std::string> out;
  ifaddrs* all = nullptr;
  if (::getifaddrs(&all) != 0) return out;
  const std::unique_ptr<ifaddrs, decltype(&::freeifaddrs)> owned(all, ::freeifaddrs);
  for (const ifaddrs* at = all; at != nullptr; at = at->ifa_next) {
    if (at->ifa_addr == nullptr || at->ifa_addr->sa_family != AF_INET) continue;
    char text[INET_ADDRSTRLEN] = {};
    const auto* const address = reinterpret_cast<const sockaddr_in*>(at->ifa_addr);
    ::inet_ntop(AF_INET, &address->sin_addr, text, sizeof text);
    out.emplace_back(text);
  }
  return out;
}

std::string to_json(const listened& at) {
  const bool any = at.host.empty() || at.host == "0.0.0.0" || at.host == "::";
  std::string urls;
  for (const auto& address : any ? local_addresses() : std::vector{at.host}) {
    if (!urls.empty()) urls += ',';
    const bool v6 = address.find(':') != std::string::npos;
    urls += '"' + at.scheme + "://" + (v6 ? "[" + address + "]" : address) + ":" +
            std::to_string(at.port) + '"';
  }
  return '"' + at.what + "\":[" + urls + ']';
}

}  // namespace

void write_pid_file(const std::string& path) {
  if (!path.empty()) write_file(path, std::to_string(::getpid()), 0600);
}

void remove_pid_file(const std::string& path, const std::string& kept) noexcept {
  if (path.empty()) return;
  std::error_code failure;
  if (!kept.empty() && std::filesystem::equivalent(path, kept, failure)) return;
  pid_t written = 0;
  std::ifstream(path) >> written;
  if (written == ::getpid()) ::unlink(path.c_str());
}

ports_file::ports_file(const std::string& program, const std::vector<listened>& ports)
    : name_(std::filesystem::path(program).filename().string() + "_" + std::to_string(::getpid()) +
            ".ports") {
  for (const auto& each : ports) text_ += (text_.empty() ? "{" : ",") + to_json(each);
  text_ += '}';
}

void ports_file::move_to(const std::string& directory) {
  const auto next = directory.empty() ? std::string() : directory + "/" + name_;
  if (next == path_) return;
  if (!next.empty()) write_file(next, text_, 0640);
  if (!path_.empty()) ::unlink(path_.c_str());
  path_ = next;
}

ports_file::~ports_file() {
  if (!path_.empty()) ::unlink(path_.c_str());
}

}  // namespace nuncio::server::daemon
