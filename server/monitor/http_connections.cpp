#include "http_connections.hpp"

#include "http_connection.hpp"

#include <algorithm>
#include <exception>
#include <utility>

namespace nuncio::server::monitor {
namespace {

using connections = std::vector<std::shared_ptr<http_connection>>;

// Of those that `test` is true of, the one that has done the same for longest; null: there is none.
std::shared_ptr<http_connection> longest(const connections& all,
                                         bool (http_connection::*test)() const) {
  std::shared_ptr<http_connection> out;
  for (const auto& each : all) {
    if (((*each).*test)() && (out == nullptr || each->since() < out->since())) out = each;
  }
  return out;
}

}  // namespace

http_connections::http_connections(http_settings settings, http_handler handler, log_sink& log)
    : settings_(std::move(settings)), handler_(std::move(handler)), log_(log) {}

http_connections::~http_connections() {
  close_all();
}

void http_connections::add(socket opened) {
  if (all_.size() >= settings_.max_connections) {
    const auto idlest = longest(all_, &http_connection::is_waiting);
    if (idlest == nullptr) return;
    idlest->close();
  }
  all_.push_back(std::make_shared<http_connection>(*this, std::move(opened)));
  const auto added = all_.back();
  added->begin();
}

void http_connections::close_all() {
  const auto all = std::exchange(all_, {});
  for (const auto& each : all) each->close();
}

void http_connections::ask(const http_request& request, const http_reply& reply) const {
  try {
    handler_(request, reply);
  } catch (const std::exception& failure) {
    log_.write(log_level::error, "monitoring: " + request.path + ": " + failure.what());
    reply(plain_answer(500));
  }
}

void http_connections::make_room(std::size_t bytes) {
  while (unsent() + bytes > settings_.max_unsent) {
    const auto slowest = longest(all_, &http_connection::is_sending);
    if (slowest == nullptr) return;
    slowest->close();
  }
}

std::size_t http_connections::unsent() const {
  std::size_t out = 0;
  for (const auto& each : all_) out += each->unsent();
  return out;
}

void http_connections::remove(const http_connection& one) {
  std::erase_if(all_, [&one](const auto& each) { return each.get() == &one; });
}

void http_connections::note_failed_handshake(const std::string& why) {
  std::uint64_t skipped = 0;
  if (!handshake_notice_.allow(std::chrono::steady_clock::now(), skipped)) return;
  auto text = "monitoring: TLS handshake error from " + why;
  if (skipped > 0) text += ", and " + std::to_string(skipped) + " more";
  log_.write(log_level::error, text);
}

}  // namespace nuncio::server::monitor
