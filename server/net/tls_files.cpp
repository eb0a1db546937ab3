#include "tls_files.hpp"

#include <sys/stat.h>

#include <algorithm>
#include <array>
#include <limits>
#include <utility>

namespace nuncio::server {
namespace {

constexpr std::time_t day = 24L * 60 * 60;
constexpr std::time_t warned_ahead = 30 * day;

std::string shown(std::time_t time) {
  std::tm parts{};
  ::gmtime_r(&time, &parts);
  std::array<char, 32> text{};
  const auto size = std::strftime(text.data(), text.size(), "%Y-%m-%d %H:%M UTC", &parts);
  return {text.data(), size};
}

}  // namespace

tls_files::tls_files(const tls_options& options) : options_(options) {
  const auto add = [this](const std::string& name) {
    if (!name.empty()) names_.push_back(name);
  };
  add(options.cert_file);
  add(options.key_file);
  add(options.ca_file);
  for (const auto& each : options.certs) {
    add(each.cert_file);
    add(each.key_file);
  }
}

std::shared_ptr<tls_files> tls_files::make(const tls_options& options,
                                           std::vector<tls_problem>& problems) {
  std::shared_ptr<tls_files> out(new tls_files(options));
  // First, so that what changes meanwhile is read again.
  out->read_ = out->seen_ = out->take_stamps();
  out->now_ = tls_context::make(options, problems);
  return out->now_ != nullptr ? out : nullptr;
}

std::shared_ptr<const tls_context> tls_files::now() const {
  const std::scoped_lock held(lock_);
  return now_;
}

bool tls_files::differs_from(const tls_files& before) const {
  if (this == &before) return false;
  const std::scoped_lock held(lock_, before.lock_);
  return names_ != before.names_ || read_ != before.read_;
}

tls_files::stamps tls_files::take_stamps() const {
  stamps out;
  for (const auto& name : names_) {
    auto& one = out.emplace_back();
    struct stat found{};
    if (::stat(name.c_str(), &found) != 0) continue;
    one = {found.st_mtim.tv_sec, found.st_mtim.tv_nsec, found.st_size, found.st_ino};
  }
  return out;
}

tls_files::outcome tls_files::look(std::vector<tls_problem>& problems) {
  auto found = take_stamps();
  const bool is_settled = found == std::exchange(seen_, found);
  if (!is_settled) return outcome::same;
  {
    const std::scoped_lock held(lock_);
    if (found == read_) return outcome::same;
    read_ = std::move(found);
  }
  auto next = tls_context::make(options_, problems);
  if (next == nullptr) return outcome::kept;
  const std::scoped_lock held(lock_);
  now_ = std::move(next);
  return outcome::renewed;
}

std::vector<tls_files::notice> tls_files::expiring(std::time_t at) const {
  std::vector<notice> out;
  const auto context = now();
  for (const auto& [file, end] : context->lifetimes()) {
    if (end <= at) {
      out.push_back({"certificate \"" + file + "\" has expired on " + shown(end), true});
    } else if (end - at < warned_ahead) {
      const auto days = (end - at) / day;
      out.push_back({"certificate \"" + file + "\" expires on " + shown(end) + ", in " +
                     std::to_string(days) + (days == 1 ? " day" : " days")});
    }
  }
  return out;
}

std::time_t tls_files::end() const {
  std::time_t first = std::numeric_limits<std::time_t>::max();
  for (const auto& [file, end] : now()->lifetimes()) first = std::min(first, end);
  return first;
}

}  // namespace nuncio::server
