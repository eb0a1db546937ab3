#include "driver.hpp"
#include "subscription_state.hpp"

#include <nuncio/protocol/subject.hpp>
#include <nuncio/protocol/writer.hpp>

#include <boost/asio/dispatch.hpp>
#include <boost/asio/error.hpp>

#include <algorithm>
#include <memory>
#include <utility>

// What users ask of a connection.
namespace nuncio::client {
namespace {

namespace asio = boost::asio;
using boost::system::error_code;
using steady_clock = std::chrono::steady_clock;

constexpr std::size_t line_overhead = 64;  // of PUB or HPUB besides its texts

/// A request that one answer ends.
class request_call final : public mux_call {
 public:
  using operation = driver::next_operation;

  request_call(driver& home, time deadline, operation done)
      : mux_call(deadline), home_(home), done_(std::move(done)) {}

  std::optional<time> on_answer(const message_view& m, time) override {
    if (is_no_responders(m)) {
      home_.complete_soon(std::move(done_), errc::no_responders, message{});
    } else {
      home_.complete_soon(std::move(done_), {}, message(m));
    }
    return std::nullopt;
  }
  std::optional<time> on_time(time) override {
    done_.complete(errc::timed_out, message{});
    return std::nullopt;
  }
  void on_failure(error_code why) override { done_.post(home_.get_executor(), why, message{}); }
  [[nodiscard]] const operation& done() const noexcept { return done_; }

 private:
  driver& home_;
  operation done_;
};

/// A request that collects answers.
class collecting_call final : public mux_call {
 public:
  using operation = driver::collect_operation;

  collecting_call(driver& home, const collect_options& until, time now, operation done)
      : mux_call(now + until.timeout),
        home_(home),
        until_(until),
        end_(now + until.timeout),
        done_(std::move(done)) {}

  std::optional<time> on_answer(const message_view& m, time now) override {
    if (is_no_responders(m)) return end(answers_.empty() ? errc::no_responders : error_code());
    if (until_.until_empty && m.payload.empty()) return end({});
    answers_.emplace_back(m);
    bytes_ += m.payload.size() + m.header_block.size();
    if (answers_.size() == until_.count || bytes_ >= until_.max_bytes) return end({});
    return until_.stall.count() > 0 ? std::min(end_, now + until_.stall) : end_;
  }
  std::optional<time> on_time(time) override {
    return end(answers_.empty() ? errc::timed_out : error_code());
  }
  void on_failure(error_code why) override { static_cast<void>(end(why)); }
  [[nodiscard]] const operation& done() const noexcept { return done_; }

 private:
  // Once the bytes of this read are used up.
  class finished final : public finished_call {
   public:
    finished(operation done, error_code error, std::vector<message> answers)
        : done_(std::move(done)), error_(error), answers_(std::move(answers)) {}
    void complete() override { done_.complete(error_, std::move(answers_)); }

   private:
    operation done_;
    error_code error_;
    std::vector<message> answers_;
  };

  std::optional<time> end(error_code how) {
    home_.finish_soon(std::make_unique<finished>(std::move(done_), how, std::move(answers_)));
    return std::nullopt;
  }

  driver& home_;
  const collect_options until_;
  const time end_;
  operation done_;
  std::vector<message> answers_;
  std::size_t bytes_ = 0;
};

}  // namespace

// --- operations
// ------------------------------------------------------------------------------------

error_code driver::publish(const message_view& m, lasting is) {
  if (!protocol::is_publishable(m.subject) || protocol::has_blank(m.reply)) {
    return errc::bad_subject;
  }
  return publish_again(m, is);
}

error_code driver::publish_again(const message_view& m, lasting is) {
  const auto size = m.header_block.size() + m.payload.size();
  const auto limit = max_payload_.load(std::memory_order_relaxed);
  if (limit >= 0 && size > static_cast<std::uint64_t>(limit)) return errc::max_payload;
  if (!m.header_block.empty() && !takes_headers_.load(std::memory_order_relaxed)) {
    return errc::no_headers;
  }
  const auto write = [&m](std::string& out) {
    if (m.header_block.empty()) {
      protocol::append_pub(out, m.subject, m.reply, m.payload);
    } else {
      protocol::append_hpub(out, m.subject, m.reply, m.header_block, m.payload);
    }
  };
  const auto put = outbox_.put(size + m.subject.size() + m.reply.size() + line_overhead, write, is);
  if (put.wake) wake_writer();
  return put.error;
}

void driver::publish_later(message m, operation done, lasting is) {
  auto error = publishes_.empty() ? publish(m.view(), is) : errc::buffer_full;
  const auto size = m.subject().size() + m.header_block().size() + m.payload().size();
  if (error != errc::buffer_full || size + line_overhead > options_.max_pending) {
    return done.post(executor_, error);
  }
  const auto number = ++operations_;
  on_cancel(done.slot(), [this, number] { cancel(publishes_, number); });
  publishes_.push_back({number, std::move(m), std::move(done), is});
}

void driver::retry_publishes() {
  while (!publishes_.empty()) {
    const auto& first = publishes_.front();
    const auto error = publish(first.what.view(), first.is);
    if (error == errc::buffer_full) return;
    auto done = std::move(publishes_.front().done);
    publishes_.pop_front();
    done.complete(error);
  }
}

// Those that were meant for the connection that is gone.
void driver::drop_publishes() {
  for (auto& each : std::exchange(publishes_, {})) {
    if (each.is == lasting::yes) {
      publishes_.push_back(std::move(each));
    } else {
      each.done.post(executor_, errc::disconnected);
    }
  }
}

timed_mux::token driver::expect(std::unique_ptr<mux_call> call) {
  if (!inbox_.is_open()) inbox_.open(weak_from_this());
  return calls().add(std::move(call));
}

driver::started driver::start(std::unique_ptr<mux_call>& call, const message_view& m) {
  const auto which = expect(std::move(call));
  const auto reply = calls().reply_subject(which);
  auto with_reply = m;
  with_reply.reply = reply;
  const auto error = publish(with_reply);
  if (error) call = calls().remove(which);
  return {error, which};
}

void driver::request(const message_view& m,
                     std::chrono::milliseconds timeout,
                     next_operation done) {
  auto request =
      std::make_unique<request_call>(*this, steady_clock::now() + timeout, std::move(done));
  const auto slot = request->done().slot();
  std::unique_ptr<mux_call> call = std::move(request);
  const auto [error, which] = start(call, m);
  if (error) return call->on_failure(error);
  cancel_by(slot, which);
}

void driver::request_many(const message_view& m,
                          const collect_options& until,
                          collect_operation done) {
  auto request =
      std::make_unique<collecting_call>(*this, until, steady_clock::now(), std::move(done));
  const auto slot = request->done().slot();
  std::unique_ptr<mux_call> call = std::move(request);
  const auto [error, which] = start(call, m);
  if (error) return call->on_failure(error);
  cancel_by(slot, which);
}

void driver::cancel_by(asio::cancellation_slot slot, timed_mux::token which) {
  on_cancel(slot, [this, which] {
    if (const auto gone = calls().remove(which)) gone->on_failure(asio::error::operation_aborted);
  });
}

subscription_book::sid driver::add_inbox(inbox& it) {
  if (!it.is_linked()) inboxes_.push_back(it);
  const auto id = last_sid_.fetch_add(1, std::memory_order_relaxed) + 1;
  const auto subject = it.subject();
  book_.add(id, subject, "", it);
  std::string line;
  protocol::append_sub(line, subject, "", id);
  say(line);
  return id;
}

void driver::remove_inbox(subscription_book::sid id) {
  if (book_.remove(id)) unsubscribe_later(id);
}

bool driver::say(std::string_view lines) {
  if (lines.empty()) return true;
  const auto put = outbox_.put_control([lines](std::string& out) { out += lines; });
  if (put.wake) wake_writer();
  return !put.error;
}

void driver::flush(operation done) {
  flush(std::move(done), !is_between_);
}

// Otherwise it begins with the next connection.
void driver::flush(operation done, bool now) {
  if (life_ == life::closed) return done.post(executor_, errc::closed);
  std::uint64_t pong = 0;
  if (is_open() && now) {
    pong = current_->note_ping();
    std::string line;
    protocol::append_ping(line);
    say(line);
  }
  const auto number = ++operations_;
  on_cancel(done.slot(), [this, number] { cancel(flushes_, number); });
  flushes_.push_back({number, pong, std::move(done)});
}

// Whatever ends then may get messages from two servers.
template <class Then>
void driver::flush_then(Then then) {
  flush({connection::handler(std::move(then)), executor_}, !is_joined_);
}

// UNSUB, and whatever was on its way comes before the answer to the PING behind it. What callbacks
// publish meanwhile is flushed, too.
void driver::drain(operation done) {
  if (life_ == life::closed) return done.post(executor_, errc::closed);
  is_draining_ = true;
  for (const auto& [id, state] : subscriptions_) {
    book_.leave(id);
    unsubscribe_later(id);
  }
  auto last = [self = shared_from_this(), done = std::move(done)](error_code error) mutable {
    self->close(false);
    done.complete(error);
  };
  flush_then([self = shared_from_this(), last = std::move(last)](error_code error) mutable {
    while (!self->subscriptions_.empty()) {
      self->finish_drain(self->subscriptions_.begin()->first);
    }
    if (error) return last(error);
    self->flush_then(std::move(last));
  });
}

void driver::drain(const std::shared_ptr<subscription_state>& state, operation done) {
  if (!subscriptions_.contains(state->id())) return done.post(executor_, {});
  book_.leave(state->id());
  unsubscribe_later(state->id());
  flush_then([self = shared_from_this(), state, done = std::move(done)](error_code error) mutable {
    self->finish_drain(state->id());
    done.complete(error);
  });
}

void driver::unsubscribe_later(subscription_book::sid id) {
  std::string line;
  protocol::append_unsub(line, id);
  say(line);
}

void driver::finish_drain(subscription_book::sid id) {
  const auto at = subscriptions_.find(id);
  if (at == subscriptions_.end()) return;
  const auto held = std::move(at->second);
  book_.remove(id);
  held->on_end({});
}

void driver::fail_flushes(error_code why) {
  for (auto& each : std::exchange(flushes_, {})) each.done.post(executor_, why);
}

// --- subscriptions
// ---------------------------------------------------------------------------------

std::shared_ptr<subscription_state> driver::subscribe(std::string_view subject,
                                                      const subscribe_options& set,
                                                      connection::callback deliver) {
  const auto id = last_sid_.fetch_add(1, std::memory_order_relaxed) + 1;
  auto state = std::make_shared<subscription_state>(*this, id, std::string(subject),
                                                    set.limits.value_or(options_.subscriptions),
                                                    std::move(deliver));
  if (!protocol::is_valid_subscription(subject) || protocol::has_blank(subject) ||
      protocol::has_blank(set.queue)) {
    state->finish(errc::bad_subject);
    return state;
  }
  // What is read can't wait without holding all others up.
  if (set.limits && set.limits->full == when_full::wait) {
    state->finish(errc::bad_options);
    return state;
  }
  std::string lines;
  protocol::append_sub(lines, subject, set.queue, id);
  if (set.max_messages > 0) protocol::append_unsub(lines, id, set.max_messages);
  // The books first: an answer to what is published next must find it there.
  asio::dispatch(executor_, [self = shared_from_this(), state, set] {
    self->add(state, set.queue, set.max_messages);
  });
  if (!say(lines)) {
    // On another thread, a connection may have come meanwhile without hearing of it. A server
    // ignores what it has heard before.
    asio::dispatch(executor_,
                   [self = shared_from_this(), lines = std::move(lines)] { self->say(lines); });
  }
  return state;
}

void driver::add(const std::shared_ptr<subscription_state>& state,
                 std::string queue,
                 std::uint64_t max) {
  if (life_ == life::closed || is_draining_) return state->finish(errc::closed);
  book_.add(state->id(), state->subject(), std::move(queue), *state);
  if (max > 0) static_cast<void>(book_.limit(state->id(), max));
  subscriptions_.emplace(state->id(), state);
}

void driver::unsubscribe(const std::shared_ptr<subscription_state>& state) {
  if (!book_.remove(state->id())) return;
  forget(state->id());
  unsubscribe_later(state->id());
}

void driver::limit(const std::shared_ptr<subscription_state>& state, std::uint64_t max) {
  const auto count = book_.limit(state->id(), max);
  if (!count) return;
  std::string line;
  protocol::append_unsub(line, state->id(), *count);
  say(line);
}

void driver::forget(subscription_book::sid id) {
  const auto at = subscriptions_.find(id);
  if (at == subscriptions_.end()) return;
  if (in_batch_) retired_.push_back(std::move(at->second));
  subscriptions_.erase(at);
}

connection::counters driver::statistics() const noexcept {
  return {.in_messages = in_messages_.load(std::memory_order_relaxed),
          .in_bytes = in_bytes_.load(std::memory_order_relaxed),
          .out_bytes = out_bytes_.load(std::memory_order_relaxed),
          .reconnects = reconnects_.load(std::memory_order_relaxed),
          .dropped = outbox_.dropped()};
}

}  // namespace nuncio::client
