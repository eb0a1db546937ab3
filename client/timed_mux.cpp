#include "timed_mux.hpp"

#include <utility>

namespace nuncio::client {

timed_mux::timed_mux(const boost::asio::any_io_executor& executor,
                     std::string prefix,
                     mux::random_source random)
    : mux_(std::move(prefix), std::move(random)), timer_(executor) {}

timed_mux::token timed_mux::add(std::unique_ptr<mux_call> call) {
  const auto which = mux_.add(std::move(call));
  arm();
  return which;
}

bool timed_mux::handle(const message_view& m, mux::time now) {
  const bool was_known = mux_.handle(m, now);
  arm();
  return was_known;
}

void timed_mux::fail_all(boost::system::error_code why) {
  timer_.cancel();
  mux_.fail_all(why);
}

// A timer that is set too early only looks once more, which costs less than setting it anew for
// every call that ends.
void timed_mux::arm() {
  const auto next = mux_.next_timer();
  if (!next || (armed_ && *armed_ <= *next)) return;
  armed_ = next;
  timer_.expires_at(*next);
  timer_.async_wait([weak = weak_from_this()](boost::system::error_code error) {
    const auto self = weak.lock();
    if (error || !self) return;
    const auto owner = self->owner_.lock();
    if (!owner) return;
    self->armed_.reset();
    self->mux_.on_timer(std::chrono::steady_clock::now());
    self->arm();
  });
}

}  // namespace nuncio::client
