#include "called_stream.hpp"

#include <utility>

namespace nuncio::rpc {

called_stream::called_stream(std::shared_ptr<client::driver> by,
                             stream_machine::settings set,
                             const called_stream_options& options,
                             content_type type,
                             time now)
    : stream_core(
          std::move(by),
          [&] {
            set.which = stream_machine::side::caller;
            set.ping_after = options.ping_after;
            set.accept_within = options.accept_within;
            set.classic_silence = options.classic_silence;
            return set;
          }(),
          options,
          type,
          now) {}

called_stream::~called_stream() = default;

void called_stream::start(written&& what, std::optional<time> deadline) {
  auto& home = driver();
  if (home.is_closed()) return on_failure(client::errc::closed);
  const auto kept = std::static_pointer_cast<called_stream>(shared_from_this());
  which_ = home.expect(std::make_unique<stream_entry>(kept, machine().next_time()));
  const auto line = machine().opening();
  what.line.frame = line.frame;
  what.line.window = line.window;
  unsent opening{std::move(what), deadline};
  if (home.is_open()) return write(opening);
  unsent_ = std::make_unique<unsent>(std::move(opening));
  runs_on().wait(*this);
}

void called_stream::on_opened() {
  const auto kept = shared_from_this();
  if (const auto opening = std::exchange(unsent_, {})) write(*opening);
}

void called_stream::write(const unsent& opening) {
  auto block = opening.what.block(opening.deadline, driver().now());
  const auto reply = driver().calls().reply_subject(which_);
  const auto error = driver().publish({.subject = opening.what.subject,
                                       .reply = reply,
                                       .header_block = block.finish(),
                                       .payload = opening.what.payload});
  if (error) on_failure(error);
}

std::string called_stream::reply_of(rpc_frame frame) const {
  return frame == rpc_frame::ping ? driver().calls().reply_subject(which_) : std::string();
}

protocol::rpc_block called_stream::farewell(const status&) const {
  return protocol::rpc_block(rpc_line{.frame = rpc_frame::cancel});
}

bool called_stream::take_control(const message_view& m) {
  if (!control_.empty()) {
    if (!m.reply.empty()) runs_on().cancel(m.reply);
    machine().on_second_accept();
    return false;
  }
  if (m.reply.empty()) {
    machine().on_malformed();
    return false;
  }
  control_ = m.reply;
  runs_on().bind(*this);
  return true;
}

status called_stream::refuse(const status& why) {
  machine().give_up({code::internal, "an item can't be read: " + why.text});
  return ended();
}

void called_stream::cancel() {
  if (machine().is_over()) return;
  const auto kept = shared_from_this();
  machine().give_up({code::cancelled, "the call was cancelled"});
}

void called_stream::on_ended(const status&) {
  unsent_.reset();
  static_cast<void>(driver().calls().remove(which_));
}

}  // namespace nuncio::rpc
