#include "waiting_opening.hpp"

#include "connection.hpp"
#include "shard.hpp"

#include <boost/asio/post.hpp>

#include <utility>

namespace nuncio::server {

waiting_opening::waiting_opening(connection& of) : owner(of), home(of.home()), timer_(home.io()) {}

void waiting_opening::wait_readable() {
  if (std::exchange(is_waiting_, true)) return;
  ++owner.waits_;
  owner.stream_->wait_readable(owner);
}

void waiting_opening::wait_writable() {
  if (std::exchange(is_waiting_, true)) return;
  ++owner.waits_;
  owner.stream_->wait_writable(owner);
}

void waiting_opening::set_timer(std::chrono::milliseconds delay) {
  timer_.expires_after(delay);
  ++owner.waits_;
  timer_.async_wait([&c = owner](const boost::system::error_code& failure) {
    c.home().end_wait(c, [&c, &failure] {
      if (!failure && c.opening_ != nullptr) c.opening_->on_timer();
    });
  });
}

bool waiting_opening::is_late() const {
  return home.now() >= timer_.expiry();
}

void waiting_opening::hand_over(bool has_greeted) {
  const auto self = std::move(owner.opening_);
  timer_.cancel();
  auto& c = owner;
  if (!has_greeted) c.role_->on_open();
  if (!c.is_ending()) c.role_->on_ready();
  // What has come is not told of again: read first, unless a wait is pending.
  if (c.is_ending() || is_waiting_) return;
  ++c.waits_;
  boost::asio::post(home.io(), [&c] { static_cast<stream_events&>(c).on_readable(false); });
}

void waiting_opening::stop() {
  timer_.cancel();
}

}  // namespace nuncio::server
