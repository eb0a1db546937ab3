#include "attempt.hpp"

#include "failures.hpp"
#include "planned_call.hpp"

#include <nuncio/protocol/writer.hpp>

#include <boost/asio/error.hpp>

#include <algorithm>

namespace nuncio::rpc {
namespace {

using protocol::rpc_line_state;

constexpr std::chrono::seconds ping_interval{30};
constexpr int max_unanswered = 3;

}  // namespace

attempt::attempt(planned_call& of, time first)
    : mux_call(first), home_(runtime::of(of.home())), of_(&of), deadline_(of.deadline()) {}

attempt::~attempt() {
  if (of_ != nullptr) of_->on_gone(*this);
}

attempt::time attempt::next_time(time now) const {
  return control_.empty() ? deadline_ : std::min(deadline_, now + ping_interval);
}

std::optional<attempt::time> attempt::begin(std::uint32_t number, time deadline, time now) {
  number_ = number;
  if (home_.home().is_open() || home_.home().is_closed()) {
    deadline_ = deadline;
    return write(now);
  }
  home_.wait(*this);
  return deadline_;
}

std::optional<attempt::time> attempt::write(time now) {
  auto& home = home_.home();
  is_sent_ = true;
  auto block = of_->block(number_, deadline_, now);
  const auto reply = home.calls().reply_subject(which_);
  const auto error = home.publish({.subject = of_->subject(),
                                   .reply = reply,
                                   .header_block = block.finish(),
                                   .payload = of_->payload()});
  if (error) {
    end(status_of(error, home));
    return std::nullopt;
  }
  if (of_->is_one_way()) {
    // The broker says that nobody listens before it answers this.
    home.flush({client::connection::handler(
                    [by = home.weak_from_this(), which = which_](boost::system::error_code failed) {
                      const auto it = by.lock();
                      const auto gone = it ? it->calls().remove(which) : nullptr;
                      if (!gone) return;
                      if (failed) return gone->on_failure(failed);
                      static_cast<attempt&>(*gone).confirm();
                    }),
                home.get_executor()});
  }
  return next_time(now);
}

void attempt::confirm() {
  if (of_ != nullptr) of_->on_answer(*this, {}, content_type::msgpack);
}

void attempt::leave() {
  if (!control_.empty()) home_.cancel(control_);
  detach();
}

void attempt::end(status why, bool timed_out) {
  of_->on_failure(*this, std::move(why), timed_out);
}

void attempt::remove() {
  static_cast<void>(home_.home().calls().remove(which_));
}

void attempt::on_failure(boost::system::error_code why) {
  if (of_ == nullptr) return;
  if (why == boost::asio::error::operation_aborted) return of_->cancel();
  auto how = status_of(why, home_.home());
  how.surely_not_run = !is_sent_;
  end(std::move(how));
}

std::optional<attempt::time> attempt::on_answer(const message_view& m, time now) {
  unanswered_ = 0;
  auto type = of_->type();
  if (!m.header_block.empty()) {
    if (client::is_no_responders(m)) {
      const bool was_taken = !control_.empty();
      end(was_taken ? peer_gone() : nobody());
      return std::nullopt;
    }
    const auto said = read(m);
    if (!said.is_whole || said.state == rpc_line_state::malformed) {
      end({code::internal, "the headers of the reply can't be read"});
      return std::nullopt;
    }
    switch (said.line.frame) {
      case rpc_frame::accept:
        return accept(m.reply, now);
      case rpc_frame::ping:
      case rpc_frame::ack:
      case rpc_frame::drain:
        return next_time(now);
      case rpc_frame::cancel:
        end(cancelled_by_service());
        return std::nullopt;
      default:
        break;
    }
    if (auto failure = protocol::read_rpc_failure(said.headers)) {
      if (!failure->details_type.empty()) failure->details = m.payload;
      end(*std::move(failure));
      return std::nullopt;
    }
    if (const auto named = said.headers.find("Content-Type")) {
      const auto known = parse_content_type(*named);
      if (!known) {
        end({code::internal, "the reply is of an unknown type, " + std::string(*named)});
        return std::nullopt;
      }
      type = *known;
    }
  }
  of_->on_answer(*this, m.payload, type);
  return std::nullopt;
}

std::optional<attempt::time> attempt::accept(std::string_view control, time now) {
  if (control.empty()) return next_time(now);
  if (!control_.empty()) {
    home_.cancel(control_);
    home_.cancel(control);
    end(taken_twice());
    return std::nullopt;
  }
  control_ = control;
  home_.bind(*this);
  return next_time(now);
}

std::optional<attempt::time> attempt::on_time(time now) {
  if (number_ == 0) return of_->on_due(*this, now);
  if (now >= deadline_) {
    if (is_sent_) {
      end({code::deadline_exceeded,
           of_->is_one_way() ? "the broker didn't confirm in time" : "no answer came in time"},
          true);
    } else {
      end(status::not_run(code::deadline_exceeded, "there was no connection in time"), true);
    }
    return std::nullopt;
  }
  if (control_.empty()) return deadline_;  // it waited for a connection
  if (unanswered_ >= max_unanswered) {
    home_.cancel(control_);
    end({code::unavailable, "the instance doesn't answer any more", "pings-unanswered"});
    return std::nullopt;
  }
  ++unanswered_;
  home_.send(control_, {.frame = rpc_frame::ping}, home_.home().calls().reply_subject(which_));
  return next_time(now);
}

void attempt::on_lost(std::string& farewell) {
  protocol::rpc_block block(rpc_line{.frame = rpc_frame::cancel});
  protocol::append_hpub(farewell, control_, {}, block.finish(), {});
  end({code::unavailable, "the connection to the broker was lost", "disconnected"});
  // This goes, too.
  remove();
}

void attempt::on_opened() {
  const auto now = home_.home().now();
  if (!(has_begun() ? write(now) : of_->on_found(*this, now))) remove();
}

}  // namespace nuncio::rpc
