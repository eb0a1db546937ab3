#include "server_pool.hpp"

#include <algorithm>
#include <utility>

namespace nuncio::client {
namespace {

// Of what a URL may hold; a name can't be all digits and dots.
bool is_address(const std::string& host) noexcept {
  return host.find(':') != std::string::npos ||
         host.find_first_not_of("0123456789.") == std::string::npos;
}

}  // namespace

server_pool::server_pool(std::vector<protocol::server_url> named,
                         const settings& set,
                         random_source random)
    : set_(set), random_(std::move(random)) {
  for (auto& url : named) {
    const bool known = std::any_of(entries_.begin(), entries_.end(),
                                   [&url](const entry& e) { return e.url == url; });
    if (!known) entries_.push_back({.url = std::move(url)});
  }
  if (!set_.randomize) return;
  for (std::size_t i = entries_.size(); i > 1; --i) std::swap(entries_[i - 1], entries_[below(i)]);
}

std::optional<server_pool::attempt> server_pool::next(time now) {
  if (entries_.empty()) return std::nullopt;
  auto not_before = now;
  if (round_is_over()) {
    at_ = 0;
    ++round_;
    not_before += pause();
  }
  current_ = at_++;
  const auto& it = entries_[*current_];
  return attempt{it.url, not_before, it.tls_name.empty() ? it.url.host : it.tls_name};
}

// Between half and all of what doubles.
server_pool::milliseconds server_pool::pause() {
  auto full = set_.first_pause;
  for (int i = 1; i < round_ && full < set_.longest_pause; ++i) full *= 2;
  full = std::min(full, set_.longest_pause);
  const auto half = full / 2;
  return half + milliseconds(below(static_cast<std::size_t>(half.count()) + 1));
}

void server_pool::failed() {
  if (!current_) return;
  if (++entries_[*current_].failures == set_.max_attempts) drop(*current_);
}

void server_pool::refused_credentials() {
  if (!current_) return;
  if (++entries_[*current_].refusals >= 2) return drop(*current_);
  failed();
}

void server_pool::connected() {
  if (!current_) return;
  entries_[*current_].failures = entries_[*current_].refusals = 0;
  round_ = 0;
}

void server_pool::lost() {
  if (!current_) return;
  // The others first.
  const auto behind = entries_.begin() + static_cast<std::ptrdiff_t>(*current_) + 1;
  std::rotate(entries_.begin(), behind, entries_.end());
  current_.reset();
  at_ = 0;
  round_ = 0;
}

void server_pool::drop(std::size_t index) {
  entries_.erase(entries_.begin() + static_cast<std::ptrdiff_t>(index));
  if (at_ > index) --at_;
  if (current_ == index) {
    current_.reset();
  } else if (current_ && *current_ > index) {
    --*current_;
  }
}

bool server_pool::merge(const std::vector<std::string>& told) {
  if (!set_.discover || told.empty() || !current_) return false;
  std::vector<protocol::server_url> listed;
  const auto& ours = entries_[*current_].url;
  // Source: nats.go, addURLToPool.
  const auto our_name =
      entries_[*current_].tls_name.empty() ? ours.host : entries_[*current_].tls_name;
  for (const auto& address : told) {
    std::string error;
    auto url = protocol::parse_url(address, error);
    if (!url) continue;
    url->scheme = ours.scheme;
    url->path = ours.path;
    url->user = ours.user;
    url->pass = ours.pass;
    url->token = ours.token;
    listed.push_back(*std::move(url));
  }
  const auto same_place = [](const protocol::server_url& a, const protocol::server_url& b) {
    return a.host == b.host && a.port == b.port;
  };
  const auto is_listed = [&](const protocol::server_url& url) {
    return std::any_of(listed.begin(), listed.end(),
                       [&](const auto& other) { return same_place(url, other); });
  };
  for (std::size_t i = entries_.size(); i-- > 0;) {
    if (entries_[i].told && current_ != i && !is_listed(entries_[i].url)) drop(i);
  }
  bool any_new = false;
  for (auto& url : listed) {
    const bool known = std::any_of(entries_.begin(), entries_.end(),
                                   [&](const entry& e) { return same_place(e.url, url); });
    if (known) continue;
    any_new = true;
    auto name = is_address(url.host) && !is_address(our_name) ? our_name : std::string();
    entries_.push_back({std::move(url), true, 0, 0, std::move(name)});
    // Somewhere behind the attempts of this round, so that not every client tries the same next.
    const auto first = std::max(at_, *current_ + 1);
    if (set_.randomize && first + 1 < entries_.size()) {
      std::swap(entries_.back(), entries_[first + below(entries_.size() - first)]);
    }
  }
  return any_new;
}

std::vector<protocol::server_url> server_pool::servers() const {
  std::vector<protocol::server_url> out;
  out.reserve(entries_.size());
  for (const auto& each : entries_) out.push_back(each.url);
  return out;
}

}  // namespace nuncio::client
