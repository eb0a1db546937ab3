#include "inbox.hpp"

#include "driver.hpp"

#include <utility>

namespace nuncio::client {

inbox::inbox(driver& home,
             std::function<std::string()> name,
             char wildcard,
             std::function<void(const message_view&)> stray)
    : home_(home),
      name_(std::move(name)),
      wildcard_(wildcard),
      stray_(std::move(stray)),
      calls_(std::make_shared<timed_mux>(home.get_executor(), name_(), draw_random)) {}

inbox::~inbox() = default;

void inbox::open(std::weak_ptr<void> owner) {
  if (id_ != 0 || home_.is_closed()) return;
  calls_->set_owner(std::move(owner));
  id_ = home_.add_inbox(*this);
}

void inbox::close() {
  // What ends may hold this.
  const auto calls = calls_;
  if (id_ != 0) older_.push_back(std::exchange(id_, 0));
  for (const auto id : std::exchange(older_, {})) home_.remove_inbox(id);
  if (is_linked()) unlink();
  calls->fail_all(errc::closed);
}

void inbox::renew() {
  if (id_ == 0) return;
  older_.push_back(id_);
  for (const auto id : older_) home_.book().stay(id);
  calls_->rename(name_());
  id_ = home_.add_inbox(*this);
}

void inbox::finish_renewal() {
  if (calls_->older() > 0) return;
  for (const auto id : std::exchange(older_, {})) home_.book().remove(id);
}

void inbox::on_message(const protocol::server_message& m) {
  if (!calls_->handle(m, home_.now())) stray_(m);
}

void inbox::on_end(boost::system::error_code why) {
  const auto calls = calls_;
  id_ = 0;
  if (is_linked()) unlink();
  calls->fail_all(why ? why : errc::closed);
}

}  // namespace nuncio::client
