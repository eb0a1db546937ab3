#include "file_sink.hpp"

#include <fmt/chrono.h>
#include <fmt/format.h>

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <filesystem>
#include <stdexcept>
#include <string_view>
#include <system_error>
#include <utility>
#include <vector>

namespace nuncio::server::daemon {
namespace {

namespace fs = std::filesystem;

int open_to_append(const std::string& path) {
  return ::open(path.c_str(), O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0640);
}

/// What name_aside puts behind a name, with a zero for each digit.
constexpr std::string_view aside_form = ".0000.00.00.00.00.00.000000000";

bool is_aside(std::string_view name, std::string_view of) noexcept {
  if (!name.starts_with(of) || name.size() != of.size() + aside_form.size()) return false;
  const auto end = name.substr(of.size());
  return std::equal(end.begin(), end.end(), aside_form.begin(), [](char c, char form) {
    return form == '0' ? c >= '0' && c <= '9' : c == form;
  });
}

// Sorted by name is sorted by age.
std::string name_aside(const std::string& path) {
  const auto now = std::chrono::system_clock::now();
  const auto seconds = std::chrono::floor<std::chrono::seconds>(now);
  const auto rest = std::chrono::duration_cast<std::chrono::nanoseconds>(now - seconds);
  return fmt::format("{}.{:%Y.%m.%d.%H.%M.%S}.{:09}", path,
                     fmt::localtime(std::chrono::system_clock::to_time_t(seconds)), rest.count());
}

}  // namespace

file_sink::file_sink(std::string path, limits most)
    : path_(std::move(path)), most_(most), file_(open_to_append(path_)) {
  struct stat state{};
  if (file_ < 0 || ::fstat(file_, &state) != 0) {
    throw std::runtime_error("error opening log file \"" + path_ +
                             "\": " + std::generic_category().message(errno));
  }
  size_ = state.st_size;
}

file_sink::~file_sink() {
  if (file_ >= 0) ::close(file_);
}

void file_sink::sink_it_(const spdlog::details::log_msg& line) {
  spdlog::memory_buf_t text;
  formatter_->format(line, text);
  if (most_.size > 0 && size_ > 0 && size_ + static_cast<std::int64_t>(text.size()) > most_.size) {
    put_aside();
  }
  write({text.data(), text.size()});
}

void file_sink::write(std::string_view text) {
  // All of a line or nothing: O_APPEND, and what is cut off by a full disk is counted as lost.
  const auto written = ::write(file_, text.data(), text.size());
  if (written != static_cast<ssize_t>(text.size())) {
    ++lost_;
    return;
  }
  size_ += written;
  if (const auto lost = std::exchange(lost_, 0); lost != 0) {
    say(spdlog::level::err, fmt::format("{} lines before this one could not be written", lost));
  }
}

// If that fails, the file goes on growing: a log that is too long is better than none.
void file_sink::put_aside() {
  const auto aside = name_aside(path_);
  if (::rename(path_.c_str(), aside.c_str()) != 0) return;
  const int fresh = open_to_append(path_);
  if (fresh < 0) {
    ::rename(aside.c_str(), path_.c_str());
    return;
  }
  ::close(std::exchange(file_, fresh));
  size_ = 0;
  say(spdlog::level::info, fmt::format("Rotated log, backup saved as \"{}\"", aside));
  remove_oldest();
}

void file_sink::remove_oldest() const {
  if (most_.files <= 0) return;
  const fs::path path(path_);
  std::vector<fs::path> aside;
  std::error_code failure;
  const auto folder = path.has_parent_path() ? path.parent_path() : fs::path(".");
  for (const auto& each : fs::directory_iterator(folder, failure)) {
    if (is_aside(each.path().filename().native(), path.filename().native())) {
      aside.push_back(each.path());
    }
  }
  std::sort(aside.begin(), aside.end());
  const auto keep = static_cast<std::size_t>(most_.files - 1);
  for (std::size_t i = 0; i + keep < aside.size(); ++i) fs::remove(aside[i], failure);
}

void file_sink::say(spdlog::level::level_enum level, const std::string& text) {
  spdlog::memory_buf_t line;
  formatter_->format(spdlog::details::log_msg("nuncio", level, text), line);
  const auto written = ::write(file_, line.data(), line.size());
  if (written > 0) size_ += written;
}

}  // namespace nuncio::server::daemon
