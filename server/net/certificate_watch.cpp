#include "certificate_watch.hpp"

#include "shard.hpp"

#include <boost/asio/post.hpp>

#include <ctime>
#include <string>
#include <utility>
#include <vector>

namespace nuncio::server {
namespace {

constexpr std::chrono::seconds stat_every{2};
constexpr std::chrono::hours daily{24};

}  // namespace

certificate_watch::certificate_watch(node& owner)
    : node_(owner), timer_(owner.shards.front()->io()), last_daily_(clock::now()) {}

void certificate_watch::wake() {
  boost::asio::post(timer_.get_executor(), [this] {
    if (!std::exchange(is_running_, true)) wait();
  });
}

void certificate_watch::stop() {
  node_.run_on_first([this] {
    stopped_ = true;
    timer_.cancel();
  });
}

void certificate_watch::wait() {
  const auto rules = node_.rules();
  is_running_ = !stopped_ && (rules->standard.tls != nullptr || rules->websocket.tls != nullptr);
  if (!is_running_) return;
  timer_.expires_after(stat_every);
  timer_.async_wait([this](const boost::system::error_code& failure) {
    if (failure) return;
    // One that is refused, since passwords wait, comes again.
    node_.aside.post([this] { look(); });
    wait();
  });
}

void certificate_watch::look() {
  const auto now = clock::now();
  const bool is_daily = now - last_daily_ >= daily;
  if (is_daily) last_daily_ = now;
  const auto rules = node_.rules();
  look_at(rules->standard.tls.get(), "TLS", is_daily);
  look_at(rules->websocket.tls.get(), "TLS of WebSocket", is_daily);
}

void certificate_watch::look_at(tls_files* files, std::string_view whose, bool is_daily) const {
  if (files == nullptr) return;
  std::vector<tls_problem> problems;
  const auto outcome = files->look(problems);
  const std::string name(whose);
  for (const auto& each : problems) {
    node_.log.write(each.is_warning ? log_level::warn : log_level::error, name + ": " + each.text);
  }
  if (outcome == tls_files::outcome::renewed) {
    node_.log.write(log_level::info, name + ": certificates have changed and were read anew");
  } else if (outcome == tls_files::outcome::kept) {
    node_.log.write(log_level::error,
                    name + ": certificates have changed, and those of before are kept");
  }
  const bool is_new = outcome == tls_files::outcome::renewed;
  if (!is_daily && !is_new) return;
  for (const auto& each : files->expiring(std::time(nullptr))) {
    if (is_new && each.is_over) continue;  // said above
    node_.log.write(log_level::warn, name + ": " + each.text);
  }
}

}  // namespace nuncio::server
