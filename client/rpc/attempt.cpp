#include "attempt.hpp"

#include <nuncio/protocol/writer.hpp>

#include <boost/asio/error.hpp>

#include <algorithm>

namespace nuncio::rpc {
namespace {

using protocol::rpc_line_state;

constexpr std::chrono::seconds ping_interval{30};
constexpr int max_unanswered = 3;

}  // namespace

status nobody() {
  return status::not_run(code::unavailable, "nobody serves this endpoint", "no-responders");
}

attempt::time attempt::next_time(time now) const {
  return control_.empty() ? deadline_ : std::min(deadline_, now + ping_interval);
}

void attempt::on_failure(boost::system::error_code why) {
  if (!call_) return;
  if (why == boost::asio::error::operation_aborted && !control_.empty()) home_.cancel(control_);
  end(status_of(why, home_.home()));
}

std::optional<attempt::time> attempt::on_answer(const message_view& m, time now) {
  unanswered_ = 0;
  auto type = type_;
  if (!m.header_block.empty()) {
    if (client::is_no_responders(m)) {
      const bool was_taken = !control_.empty();
      end(was_taken ? status(code::unavailable, "the instance is gone", "peer-gone") : nobody());
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
        end({code::cancelled, "the service cancelled the call"});
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
  finish(home_.home(), std::move(call_), m.payload, type);
  return std::nullopt;
}

std::optional<attempt::time> attempt::accept(std::string_view control, time now) {
  if (control.empty()) return next_time(now);
  if (!control_.empty()) {
    home_.cancel(control_);
    home_.cancel(control);
    end({code::aborted, "two instances have taken the call", "second-accept"});
    return std::nullopt;
  }
  control_ = control;
  home_.bind(*this);
  return next_time(now);
}

std::optional<attempt::time> attempt::on_time(time now) {
  if (now >= deadline_) {
    end(unsent_ ? status::not_run(code::deadline_exceeded, "there was no connection in time")
                : status(code::deadline_exceeded, "no answer came in time"));
    return std::nullopt;
  }
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
  static_cast<void>(home_.home().calls().remove(which_));
}

void attempt::on_opened() {
  const auto what = std::move(unsent_);
  const auto now = home_.home().now();
  auto block = what->block(deadline_, now);
  const auto reply = home_.home().calls().reply_subject(which_);
  const auto error = home_.home().publish({.subject = what->subject,
                                           .reply = reply,
                                           .header_block = block.finish(),
                                           .payload = what->payload});
  if (!error) return;
  on_failure(error);
  static_cast<void>(home_.home().calls().remove(which_));
}

}  // namespace nuncio::rpc
