#include "admitted_call.hpp"

#include "interception.hpp"
#include "service_core.hpp"

#include <boost/asio/cancellation_type.hpp>
#include <boost/asio/error.hpp>
#include <boost/asio/post.hpp>
#include <boost/system/system_error.hpp>

#include <algorithm>
#include <cstdint>
#include <utility>

namespace nuncio::rpc {

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

admitted_call::admitted_call(std::shared_ptr<service_core> home,
                             std::shared_ptr<endpoint_state> endpoint)
    : served_call(home->home().get_executor()),
      home_(std::move(home)),
      endpoint_(std::move(endpoint)) {}

admitted_call::~admitted_call() = default;

void admitted_call::begin(const message_view& m, const reading& said, content_type type, time now) {
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
  type_ = type;
  headers_ = metadata(said.headers);
}

call_facts admitted_call::facts() {
  return {.side = call_side::service,
          .kind = kind_of(endpoint_->kind, reply_.empty()),
          .service = home_->options().name,
          .endpoint = endpoint_->stats.name,
          .key = this,
          .headers = &headers_,
          .added = &reply_headers_,
          .served = this,
          .deadline = deadline_,
          .attempts = attempt_};
}

bool admitted_call::is_let_in() {
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

void admitted_call::leave(const status* failure) {
  is_over_ = true;
  const auto took = std::chrono::steady_clock::now() - started_;
  endpoint_->stats.processing_time += took;
  if (is_watched_) {
    end_call(home_->options().interceptors, call_view(facts()),
             failure != nullptr ? *failure : status(), took);
  }
  --endpoint_->running;
  running_call::unlink();
  home_->release(reply_);
}

// A turn later: Boost 1.81's co_spawn throws out of run() when a coroutine is cancelled that has
// not waited for anything yet.
void admitted_call::cancel_handler(std::shared_ptr<admitted_call> self) {
  if (std::exchange(is_cancelled_, true) || !is_running_) return;
  boost::asio::post(get_executor(), [self = std::move(self)] {
    if (self->is_running_) self->cancellation_.emit(boost::asio::cancellation_type::all);
  });
}

void admitted_call::fail_unexpectedly(std::string_view text) {
  const auto incident = home_->incident();
  home_->log(endpoint_->stats.name + " failed, incident " + incident + ": " + std::string(text));
  fail(status(code::internal, "the service failed, incident " + incident));
}

}  // namespace nuncio::rpc
