#include "served_unary.hpp"

#include "service_core.hpp"

#include <nuncio/protocol/writer.hpp>

#include <utility>

namespace nuncio::rpc {
namespace {

/// In the table of calls that can be controlled.
class control final : public client::mux_call {
 public:
  control(std::shared_ptr<served_unary> of, time first) : mux_call(first), of_(std::move(of)) {}
  std::optional<time> on_answer(const message_view& m, time now) override {
    return of_->on_control(m, now);
  }
  std::optional<time> on_time(time now) override { return of_->on_time(now); }
  void on_failure(boost::system::error_code) override { of_->abandon(); }

 private:
  std::shared_ptr<served_unary> of_;
};

}  // namespace

served_unary::served_unary(std::shared_ptr<service_core> home,
                           std::shared_ptr<endpoint_state> endpoint)
    : admitted_call(std::move(home), std::move(endpoint)) {}

served_unary::~served_unary() = default;

void served_unary::begin(const message_view& m, const reading& said, content_type type, time now) {
  admitted_call::begin(m, said, type, now);
  takes_accept_ = said.line.takes_accept && !reply().empty() && !is_imported(reply());
}

void served_unary::watch(time now) {
  if (takes_accept_) accept_at_ = now + home().options().accept_after;
  const auto first = next_time();
  if (!first) return;
  controlled_ = home().controls().add(std::make_unique<control>(shared_from_this(), *first));
}

std::optional<served_unary::time> served_unary::next_time() const {
  const auto end = deadline();
  if (accept_at_ && end) return std::min(*accept_at_, *end);
  if (accept_at_) return accept_at_;
  if (end) return end;
  // A controlled call without an end of its own.
  return is_accepted_ ? std::optional(time::max()) : std::nullopt;
}

std::optional<served_unary::time> served_unary::on_time(time now) {
  if (accept_at_ && now >= *accept_at_) accept(now);
  if (const auto end = deadline(); end && now >= *end) {
    controlled_.reset();
    abandon();  // the caller knows
    return std::nullopt;
  }
  return next_time();
}

void served_unary::accept(time) {
  accept_at_.reset();
  is_accepted_ = true;
  auto& runs_on = runtime::of(home().home());
  runs_on.bind(*this);
  runs_on.send(reply(), {.frame = rpc_frame::accept},
               home().controls().reply_subject(controlled_.value_or(0)));
}

std::optional<served_unary::time> served_unary::on_control(const message_view& m, time) {
  rpc_line line;
  if (read_rpc_line(m.header_block, line) != protocol::rpc_line_state::present) return next_time();
  switch (line.frame) {
    case rpc_frame::cancel:
    case rpc_frame::end:
      controlled_.reset();
      abandon();
      return std::nullopt;
    case rpc_frame::ping:
      runtime::of(home().home()).send(reply(), {.frame = rpc_frame::ack});
      break;
    default:
      break;
  }
  return next_time();
}

void served_unary::on_lost(std::string& farewell) {
  auto block = home().failure(
      {code::unavailable, "the service lost its connection to the broker", "disconnected"},
      {.frame = rpc_frame::end});
  protocol::append_hpub(farewell, reply(), {}, block.finish(), {});
  const auto kept = shared_from_this();
  abandon();
}

void served_unary::abandon() {
  cancel_handler(shared_from_this());
}

void served_unary::stop() {
  if (is_over()) return;
  const auto kept = shared_from_this();
  give(status(code::unavailable, "the service stops"));
  abandon();
}

void served_unary::succeed(std::string_view payload, content_type type) {
  note_handler_ended();
  if (is_over()) return;
  if (reply().empty() || is_cancelled()) return finish();
  protocol::rpc_block block;
  // Otherwise it is that of the request.
  if (type != this->type()) block.add("Content-Type", to_string(type));
  block.add_lines(reply_headers().lines());
  const auto kept = answer(block.finish(), payload);
  finish(kept ? &*kept : nullptr);
}

void served_unary::fail(status why) {
  note_handler_ended();
  if (!is_over()) give(why);
}

void served_unary::give(const status& why) {
  endpoint().note_failure(why);
  if (!reply().empty() && !is_cancelled()) {
    auto block = home().failure(why);
    block.add_lines(reply_headers().lines());
    static_cast<void>(answer(block.finish(), why.details));
  }
  finish(&why);
}

// What kept it from being sent.
std::optional<status> served_unary::answer(std::string_view header_block,
                                           std::string_view payload) {
  auto& driver = home().home();
  const message_view m{.subject = reply(), .header_block = header_block, .payload = payload};
  const auto error = driver.publish(m);
  if (!error || error == client::errc::closed) return std::nullopt;
  if (error == client::errc::buffer_full) {
    // Later: an answer isn't dropped.
    driver.publish_later(
        client::message(m),
        {client::connection::handler([](boost::system::error_code) {}), driver.get_executor()});
    return std::nullopt;
  }
  auto why = status_of(error, driver);
  why.surely_not_run = false;
  endpoint().note_failure(why);
  auto block = home().failure(why);
  [[maybe_unused]] const auto lost =
      driver.publish({.subject = reply(), .header_block = block.finish()});
  return why;
}

void served_unary::finish(const status* failure) {
  leave(failure);
  if (bound_call::is_linked()) bound_call::unlink();
  if (controlled_) static_cast<void>(home().controls().remove(*controlled_));
  controlled_.reset();
}

}  // namespace nuncio::rpc
