#include "runtime.hpp"

#include <nuncio/protocol/writer.hpp>
#include <nuncio/rpc/context.hpp>
#include <nuncio/rpc/stub.hpp>

#include <boost/asio/dispatch.hpp>
#include <boost/asio/post.hpp>

#include <algorithm>
#include <optional>

namespace nuncio::rpc {
namespace {

namespace asio = boost::asio;
using boost::system::error_code;
using detail::pending_call;
using steady_clock = std::chrono::steady_clock;
using protocol::rpc_line_state;

constexpr std::chrono::seconds ping_interval{30};
constexpr int max_unanswered = 3;

}  // namespace

class stub_core {
 public:
  stub_core(std::shared_ptr<client::driver> by, std::string service, const stub_options& set)
      : home(std::move(by)), prefix(std::move(service)), options(set) {}

  const std::shared_ptr<client::driver> home;
  const std::string prefix;
  const stub_options options;
};

namespace {

/// What is written of a request, but for the time that is left.
struct written {
  std::string subject;
  std::string payload;
  std::string lines;  // of headers
  rpc_line line;      // without the texts below
  std::string call_id;
  std::string hash_key;

  [[nodiscard]] protocol::rpc_block block(steady_clock::time_point deadline,
                                          steady_clock::time_point now) const {
    auto full = line;
    full.call_id = call_id;
    full.hash_key = hash_key;
    const auto left = std::chrono::duration_cast<std::chrono::microseconds>(deadline - now);
    full.timeout_us = static_cast<std::uint64_t>(std::max<std::int64_t>(left.count(), 1));
    protocol::rpc_block out(full);
    out.add_lines(lines);
    return out;
  }
};

written compose(const stub_core& core, detail::request&& from) {
  written out;
  out.subject.reserve(core.prefix.size() + from.endpoint.size() + 1);
  out.subject = core.prefix;
  out.subject += '.';
  out.subject += from.endpoint;
  out.payload = std::move(from.payload);
  out.line.is_idempotent = from.is_idempotent;
  out.line.priority = from.priority;
  out.call_id = protocol::to_rpc_value(from.id);
  out.hash_key = protocol::to_rpc_value(from.key);
  protocol::rpc_block lines;
  if (from.type != content_type::msgpack) lines.add("Content-Type", to_string(from.type));
  lines.add_lines(from.headers.lines());
  out.lines = lines.lines();
  return out;
}

/// Tells the user when the bytes of this read are used up.
class finished final : public client::finished_call {
 public:
  explicit finished(std::unique_ptr<pending_call> call) : call_(std::move(call)) {}
  void complete() override { call_->complete(); }

 private:
  std::unique_ptr<pending_call> call_;
};

void finish(client::driver& home,
            std::unique_ptr<pending_call> call,
            std::string_view payload,
            content_type type) {
  call->set(payload, type);
  home.finish_soon(std::make_unique<finished>(std::move(call)));
}

void finish(client::driver& home, std::unique_ptr<pending_call> call, status why) {
  call->set(std::move(why));
  home.finish_soon(std::make_unique<finished>(std::move(call)));
}

status nobody() {
  return status::not_run(code::unavailable, "nobody serves this endpoint", "no-responders");
}

/// One attempt at a unary call.
class attempt final : public client::mux_call, public bound_call, public waiting_call {
 public:
  attempt(runtime& home, std::unique_ptr<pending_call> call, content_type type, time deadline)
      : mux_call(deadline), home_(home), call_(std::move(call)), deadline_(deadline), type_(type) {}

  std::optional<time> on_answer(const message_view& m, time now) override;
  std::optional<time> on_time(time now) override;
  void on_failure(error_code why) override {
    if (!call_) return;
    if (why == asio::error::operation_aborted && !control_.empty()) home_.cancel(control_);
    end(status_of(why, home_.home()));
  }
  void on_lost(std::string& farewell) override;
  void on_opened() override;

  /// It is written later.
  void keep(written&& what, client::timed_mux::token which) {
    unsent_ = std::make_unique<written>(std::move(what));
    which_ = which;
  }
  [[nodiscard]] asio::cancellation_slot slot() const noexcept { return call_->slot(); }
  void set_token(client::timed_mux::token which) noexcept { which_ = which; }
  std::unique_ptr<pending_call> take() { return std::move(call_); }

 private:
  void end(status why) { finish(home_.home(), std::move(call_), std::move(why)); }
  std::optional<time> accept(std::string_view control, time now);
  [[nodiscard]] time next_time(time now) const {
    return control_.empty() ? deadline_ : std::min(deadline_, now + ping_interval);
  }

  runtime& home_;
  std::unique_ptr<pending_call> call_;
  time deadline_;
  client::timed_mux::token which_ = 0;
  std::unique_ptr<written> unsent_;
  std::string control_;
  content_type type_;
  std::uint8_t unanswered_ = 0;  // pings
};

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

/// A one-way call whose delivery is watched.
class watched_send final : public client::mux_call {
 public:
  watched_send(runtime& home, std::unique_ptr<pending_call> call, time deadline)
      : mux_call(deadline), home_(home), call_(std::move(call)) {}

  std::optional<time> on_answer(const message_view& m, time) override {
    if (client::is_no_responders(m)) {
      end(nobody());
    } else if (auto failure = protocol::read_rpc_failure(read(m).headers)) {
      end(*std::move(failure));
    } else {
      confirm();
    }
    return std::nullopt;
  }
  std::optional<time> on_time(time) override {
    end({code::deadline_exceeded, "the broker didn't confirm in time"});
    return std::nullopt;
  }
  void on_failure(error_code why) override {
    if (call_) end(status_of(why, home_.home()));
  }
  void confirm() { finish(home_.home(), std::move(call_), {}, content_type::msgpack); }

 private:
  void end(status why) { finish(home_.home(), std::move(call_), std::move(why)); }

  runtime& home_;
  std::unique_ptr<pending_call> call_;
};

steady_clock::time_point deadline_of(const stub_core& core,
                                     const detail::request& what,
                                     steady_clock::time_point now) {
  const auto timeout = what.timeout.value_or(core.options.timeout);
  // Without end is a year: the sum must not overflow.
  const auto bounded = std::min<std::chrono::nanoseconds>(timeout, std::chrono::hours(24 * 365));
  const auto own = now + std::chrono::duration_cast<steady_clock::duration>(bounded);
  return std::min(own, what.deadline.value_or(own));
}

void start_unary(const std::shared_ptr<client::driver>& home,
                 written&& what,
                 content_type type,
                 steady_clock::time_point deadline,
                 std::unique_ptr<pending_call> done) {
  const auto now = home->now();
  if (deadline <= now) {
    return finish(*home, std::move(done),
                  status::not_run(code::deadline_exceeded, "there was no time left"));
  }
  what.line.takes_accept = true;
  auto made = std::make_unique<attempt>(runtime::of(*home), std::move(done), type, deadline);
  auto* const it = made.get();
  const auto slot = it->slot();
  std::unique_ptr<client::mux_call> call = std::move(made);
  if (!home->is_open() && !home->is_closed()) {
    const auto which = home->calls().add(std::move(call));
    it->keep(std::move(what), which);
    runtime::of(*home).wait(*it);
    return home->cancel_by(slot, which);
  }
  auto block = what.block(deadline, now);
  const auto [error, which] = home->start(
      call, {.subject = what.subject, .header_block = block.finish(), .payload = what.payload});
  if (error) return finish(*home, it->take(), status_of(error, *home));
  it->set_token(which);
  home->cancel_by(slot, which);
}

void start_watched(const std::shared_ptr<client::driver>& home,
                   written&& what,
                   steady_clock::time_point deadline,
                   std::unique_ptr<pending_call> done) {
  const auto now = home->now();
  what.line.is_one_way = true;
  auto block = what.block(deadline, now);
  const auto slot = done->slot();
  std::unique_ptr<client::mux_call> call =
      std::make_unique<watched_send>(runtime::of(*home), std::move(done), deadline);
  const auto [error, which] = home->start(
      call, {.subject = what.subject, .header_block = block.finish(), .payload = what.payload});
  if (error) return call->on_failure(error);
  home->cancel_by(slot, which);
  // The broker says that nobody listens before it answers this.
  home->flush({client::connection::handler([home, token = which](error_code failed) {
                 auto gone = home->calls().remove(token);
                 if (!gone) return;
                 if (failed) return gone->on_failure(failed);
                 static_cast<watched_send&>(*gone).confirm();
               }),
               home->get_executor()});
}

}  // namespace

stub::stub(client::connection& connection, std::string service, const stub_options& set)
    : core_(std::make_shared<stub_core>(driver_of(connection), std::move(service), set)) {}

asio::any_io_executor stub::executor_of(const stub_core& core) {
  return core.home->get_executor();
}

// What the options point to may be gone when the call is made.
void stub::keep(detail::request& out, const call_options& options) {
  out.timeout = options.timeout;
  out.is_idempotent = options.idempotent;
  out.id = options.id;
  out.key = options.key;
  if (options.headers != nullptr) out.headers = *options.headers;
  if (options.parent != nullptr) {
    out.deadline = options.parent->deadline();
    out.priority = options.parent->priority();
  }
  out.priority = std::min<std::uint8_t>(options.priority.value_or(out.priority), 3);
}

void stub::start_call(const std::shared_ptr<stub_core>& core,
                      detail::request what,
                      std::unique_ptr<pending_call> call,
                      bool is_one_way) {
  const auto executor = core->home->get_executor();
  asio::dispatch(executor,
                 [core, what = std::move(what), call = std::move(call), is_one_way]() mutable {
                   const auto& home = core->home;
                   const auto type = what.type;
                   const auto deadline = deadline_of(*core, what, home->now());
                   auto text = compose(*core, std::move(what));
                   if (is_one_way) {
                     return start_watched(home, std::move(text), deadline, std::move(call));
                   }
                   start_unary(home, std::move(text), type, deadline, std::move(call));
                 });
}

status stub::send_now(detail::request what) const {
  const auto now = steady_clock::now();
  const auto deadline = deadline_of(*core_, what, now);
  const auto text = compose(*core_, std::move(what));
  auto block = text.block(deadline, now);
  const auto error = core_->home->publish(
      {.subject = text.subject, .header_block = block.finish(), .payload = text.payload});
  return error ? status_of(error, *core_->home) : status();
}

}  // namespace nuncio::rpc
