#include "send_signal.hpp"

#include <fmt/format.h>

#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <charconv>
#include <csignal>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <optional>
#include <system_error>
#include <vector>

namespace nuncio::server::daemon {
namespace {

namespace fs = std::filesystem;

struct command {
  std::string_view name;
  int number;
};
constexpr std::array commands{
    command{"stop", SIGKILL},   command{"quit", SIGINT},   command{"term", SIGTERM},
    command{"reopen", SIGUSR1}, command{"reload", SIGHUP}, command{"ldm", SIGUSR2},
};

std::optional<pid_t> to_pid(std::string_view text) {
  pid_t out = 0;
  const auto [at, failed] = std::from_chars(text.data(), text.data() + text.size(), out);
  if (failed != std::errc{} || at != text.data() + text.size() || out <= 0) return std::nullopt;
  return out;
}

std::string content_of(const fs::path& file) {
  std::ifstream in(file, std::ios::binary);
  return {std::istreambuf_iterator<char>(in), {}};
}

std::string base_name(std::string_view path) {
  return std::string(path.substr(path.rfind('/') + 1));
}

// Every process but this one whose program has this name.
std::vector<pid_t> running(const std::string& name) {
  std::vector<pid_t> out;
  std::error_code ignored;
  for (const auto& each : fs::directory_iterator("/proc", ignored)) {
    const auto pid = to_pid(each.path().filename().native());
    if (!pid || *pid == ::getpid()) continue;
    const auto words = content_of(each.path() / "cmdline");
    if (base_name(words.substr(0, words.find('\0'))) == name) out.push_back(*pid);
  }
  std::sort(out.begin(), out.end());
  return out;
}

struct targets {
  std::vector<pid_t> pids;
  std::string failure;
};

targets find_targets(std::string_view whom, const std::string& name) {
  if (const auto pid = to_pid(whom)) return {{*pid}, {}};
  if (whom.empty() || whom.back() == '*') {
    auto all = running(name);
    if (!whom.empty()) {
      const auto prefix = whom.substr(0, whom.size() - 1);
      std::erase_if(all, [prefix](pid_t pid) { return !std::to_string(pid).starts_with(prefix); });
    }
    if (all.empty()) return {{}, fmt::format("no {} processes running", name)};
    if (all.size() > 1 && whom.empty()) {
      return {{}, fmt::format("multiple {} processes running: {}", name, fmt::join(all, ", "))};
    }
    return {std::move(all), {}};
  }
  std::error_code ignored;
  if (fs::is_directory(whom, ignored)) {
    return {{},
            fmt::format("\"{}\" is a directory, expected a process id, or a file that holds one",
                        whom)};
  }
  auto text = content_of(fs::path(whom));
  while (!text.empty() && (text.back() == '\n' || text.back() == ' ')) text.pop_back();
  if (const auto pid = to_pid(text)) return {{*pid}, {}};
  return {{}, fmt::format("\"{}\" is no process id, and no file that holds one", whom)};
}

}  // namespace

signal_result send_signal(std::string_view what, std::string_view program) {
  const auto equals = what.find('=');
  const auto name = what.substr(0, equals);
  const auto whom = equals == std::string_view::npos ? std::string_view() : what.substr(equals + 1);
  const auto* const found = std::find_if(commands.begin(), commands.end(),
                                         [name](const command& c) { return c.name == name; });
  if (found == commands.end()) {
    return {fmt::format("unknown signal \"{}\", expected stop, quit, term, reopen, reload or ldm",
                        name)};
  }
  const auto [pids, failure] = find_targets(whom, base_name(program));
  if (!failure.empty()) return {failure};
  for (const auto pid : pids) {
    if (::kill(pid, found->number) == 0) continue;
    const auto reason = std::generic_category().message(errno);
    return {fmt::format("signal \"{}\" {}: {}", name, pid,
                        errno == ESRCH ? "no such process" : reason)};
  }
  return {};
}

}  // namespace nuncio::server::daemon
