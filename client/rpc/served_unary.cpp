#include "interception.hpp"
#include "service_core.hpp"

#include <nuncio/protocol/writer.hpp>

#include <boost/asio/cancellation_type.hpp>
#include <boost/asio/error.hpp>
#include <boost/system/system_error.hpp>

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

constexpr std::string_view imported_reply = "_R_.";

}  // namespace

// What a handler throws is for the caller only if it says so.
void detail::served_call::fail(const std::exception_ptr& thrown) {
  try {
    std::rethrow_exception(thrown);
  } catch (const error& why) {
    // It may come from a call that the handler made: that one hasn't run, but this one has.
    auto how = why.status();
    how.surely_not_run = false;
    fail(std::move(how));
  } catch (const boost::system::system_error& why) {
    if (is_cancelled() && why.code() == boost::asio::error::operation_aborted) {
      return fail(status(code::cancelled, "the call was cancelled"));
    }
    fail_unexpectedly(why.what());
  } catch (const std::exception& why) {
    fail_unexpectedly(why.what());
  } catch (...) {
    fail_unexpectedly("something that is no std::exception");
  }
}

served_unary::served_unary(std::shared_ptr<service_core> home,
                           std::shared_ptr<endpoint_state> endpoint)
    : served_call(home->home().get_executor()),
      home_(std::move(home)),
      endpoint_(std::move(endpoint)) {}

served_unary::~served_unary() = default;

void served_unary::begin(const message_view& m, const reading& said, content_type type, time now) {
  started_ = now;
  ++endpoint_->running;
  home_->note_started(*this);
  subject_ = m.subject;
  const auto& line = said.line;
  if (!line.is_one_way) reply_ = m.reply;
  if (line.timeout_us) {
    // Longer than a year is without end: the sum must not overflow.
    constexpr std::uint64_t year = 365ULL * 24 * 3600 * 1'000'000;
    deadline_ = now + std::chrono::microseconds(std::min(*line.timeout_us, year));
  }
  priority_ = line.priority;
  attempt_ = line.attempt;
  if (!line.call_id.empty()) call_id_ = protocol::from_rpc_value(line.call_id).value_or("");
  takes_accept_ = line.takes_accept && !reply_.empty() && !reply_.starts_with(imported_reply);
  type_ = type;
  headers_ = metadata(said.headers);
}

call_facts served_unary::facts() {
  return {.side = call_side::service,
          .kind = reply_.empty() ? call_kind::one_way : call_kind::unary,
          .service = home_->options().name,
          .endpoint = endpoint_->stats.name,
          .key = this,
          .headers = &headers_,
          .added = &reply_headers_,
          .served = this,
          .deadline = deadline_,
          .attempts = attempt_};
}

bool served_unary::is_let_in() {
  const auto& watching = home_->options().interceptors;
  if (watching.empty()) return true;
  call_view view(facts());
  std::string thrown;
  if (auto refusal = begin_call(watching, view, &thrown)) {
    thrown.empty() ? fail(*std::move(refusal)) : fail_unexpectedly(thrown);
    return false;
  }
  is_watched_ = true;
  return true;
}

void served_unary::watch(time now) {
  if (takes_accept_) accept_at_ = now + home_->options().accept_after;
  const auto first = next_time();
  if (!first) return;
  controlled_ = home_->controls().add(std::make_unique<control>(shared_from_this(), *first));
}

std::optional<served_unary::time> served_unary::next_time() const {
  if (accept_at_ && deadline_) return std::min(*accept_at_, *deadline_);
  if (accept_at_) return accept_at_;
  if (deadline_) return deadline_;
  // A controlled call without an end of its own.
  return is_accepted_ ? std::optional(time::max()) : std::nullopt;
}

std::optional<served_unary::time> served_unary::on_time(time now) {
  if (accept_at_ && now >= *accept_at_) accept(now);
  if (deadline_ && now >= *deadline_) {
    controlled_.reset();
    abandon();  // the caller knows
    return std::nullopt;
  }
  return next_time();
}

void served_unary::accept(time) {
  accept_at_.reset();
  is_accepted_ = true;
  auto& runs_on = runtime::of(home_->home());
  runs_on.bind(*this);
  runs_on.send(reply_, {.frame = rpc_frame::accept},
               home_->controls().reply_subject(controlled_.value_or(0)));
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
      runtime::of(home_->home()).send(reply_, {.frame = rpc_frame::ack});
      break;
    default:
      break;
  }
  return next_time();
}

void served_unary::on_lost(std::string& farewell) {
  auto block = home_->failure(
      {code::unavailable, "the service lost its connection to the broker", "disconnected"},
      {.frame = rpc_frame::end});
  protocol::append_hpub(farewell, reply_, {}, block.finish(), {});
  const auto kept = shared_from_this();
  abandon();
}

void served_unary::abandon() {
  if (is_over_ || is_cancelled_) return;
  is_cancelled_ = true;
  cancellation_.emit(boost::asio::cancellation_type::all);
}

void served_unary::stop() {
  if (is_over_) return;
  const auto kept = shared_from_this();
  fail(status(code::unavailable, "the service stops"));
  is_cancelled_ = true;
  cancellation_.emit(boost::asio::cancellation_type::all);
}

void served_unary::succeed(std::string_view payload, content_type type) {
  if (is_over_) return;
  if (reply_.empty() || is_cancelled_) return finish();
  protocol::rpc_block block;
  // Otherwise it is that of the request.
  if (type != type_) block.add("Content-Type", to_string(type));
  block.add_lines(reply_headers_.lines());
  const auto kept = reply(block.finish(), payload);
  finish(kept ? &*kept : nullptr);
}

void served_unary::fail(status why) {
  if (is_over_) return;
  endpoint_->note_failure(why);
  if (!reply_.empty() && !is_cancelled_) {
    auto block = home_->failure(why);
    block.add_lines(reply_headers_.lines());
    static_cast<void>(reply(block.finish(), why.details));
  }
  finish(&why);
}

void served_unary::fail_unexpectedly(std::string_view text) {
  const auto incident = home_->incident();
  home_->log(endpoint_->stats.name + " failed, incident " + incident + ": " + std::string(text));
  fail(status(code::internal, "the service failed, incident " + incident));
}

std::optional<status> served_unary::reply(std::string_view header_block, std::string_view payload) {
  auto& driver = home_->home();
  const message_view m{.subject = reply_, .header_block = header_block, .payload = payload};
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
  endpoint_->note_failure(why);
  auto block = home_->failure(why);
  [[maybe_unused]] const auto lost =
      driver.publish({.subject = reply_, .header_block = block.finish()});
  return why;
}

void served_unary::finish(const status* failure) {
  is_over_ = true;
  auto& stats = endpoint_->stats;
  const auto took = std::chrono::steady_clock::now() - started_;
  stats.processing_time += took;
  if (is_watched_) {
    end_call(home_->options().interceptors, call_view(facts()),
             failure != nullptr ? *failure : status(), took);
  }
  --endpoint_->running;
  running_call::unlink();
  home_->release(reply_);
  if (bound_call::is_linked()) bound_call::unlink();
  if (controlled_) static_cast<void>(home_->controls().remove(*controlled_));
  controlled_.reset();
}

}  // namespace nuncio::rpc
