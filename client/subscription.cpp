#include "driver.hpp"
#include "subscription_state.hpp"

#include <nuncio/client/subscription.hpp>

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/dispatch.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/system/system_error.hpp>

#include <algorithm>

namespace nuncio::client {

using boost::system::error_code;

void subscription_state::on_message(const protocol::server_message& m) {
  if (deliver_) return end_ ? void() : deliver_(m);
  if (waiting_.empty()) return queue(m);
  auto first = std::move(waiting_.front().operation);
  waiting_.pop_front();
  home_.complete_soon(std::move(first), {}, message(m));
}

void subscription_state::queue(const protocol::server_message& m) {
  const auto size = m.header_block.size() + m.payload.size();
  const auto is_full = [&] {
    return messages_.size() >= limits_.messages || bytes_ + size > limits_.bytes;
  };
  if (is_full()) {
    if (!std::exchange(is_dropping_, true)) home_.report_slow(subject_);
    owes_error_ = true;
    if (limits_.full == when_full::error || size > limits_.bytes) return drop_one();
    while (is_full() && !messages_.empty()) {
      const auto& oldest = messages_.front();
      bytes_ -= oldest.header_block().size() + oldest.payload().size();
      messages_.pop_front();
      drop_one();
    }
  }
  messages_.emplace_back(m);
  bytes_ += size;
}

void subscription_state::drop_one() {
  dropped_.store(dropped_.load(std::memory_order_relaxed) + 1, std::memory_order_relaxed);
}

void subscription_state::on_end(error_code why) {
  finish(why);
  home_.forget(sid_);
}

void subscription_state::finish(error_code why) {
  if (end_) return;
  end_ = why ? why : errc::ended;
  for (auto& each : std::exchange(waiting_, {})) each.operation.complete(*end_, message{});
}

void subscription_state::start_next(subscription::next_handler handler) {
  next_operation operation(std::move(handler), executor_);
  // Where the newest gave way the gap is behind what waits, otherwise before it.
  const bool gap_first = limits_.full == when_full::drop_oldest || messages_.empty();
  if (owes_error_ && gap_first) {
    owes_error_ = is_dropping_ = false;
    return operation.post(executor_, errc::slow_consumer, message{});
  }
  if (auto m = try_next()) return operation.post(executor_, {}, *std::move(m));
  if (end_) return operation.post(executor_, *end_, message{});
  const auto number = ++operations_;
  if (auto slot = operation.slot(); slot.is_connected()) {
    slot.assign([state = weak_from_this(), number](boost::asio::cancellation_type) {
      if (const auto self = state.lock()) {
        boost::asio::post(self->executor_, [self, number] { self->cancel_next(number); });
      }
    });
  }
  waiting_.push_back({number, std::move(operation)});
}

void subscription_state::cancel_next(std::uint64_t number) {
  const auto at = std::find_if(waiting_.begin(), waiting_.end(),
                               [number](const waiting& w) { return w.number == number; });
  if (at == waiting_.end()) return;
  auto operation = std::move(at->operation);
  waiting_.erase(at);
  operation.post(executor_, boost::asio::error::operation_aborted, message{});
}

std::optional<message> subscription_state::try_next() {
  if (messages_.empty()) return std::nullopt;
  auto first = std::move(messages_.front());
  messages_.pop_front();
  bytes_ -= first.header_block().size() + first.payload().size();
  return first;
}

void subscription_state::abandon() {
  messages_.clear();
  bytes_ = 0;
  owes_error_ = false;
  finish({});
}

subscription& subscription::operator=(subscription&& other) noexcept {
  if (this != &other) {
    const auto before = std::exchange(state_, std::move(other.state_));
    subscription ends(before);
  }
  return *this;
}

subscription::~subscription() {
  if (!state_) return;
  const auto executor = state_->executor();
  boost::asio::dispatch(executor, [state = std::move(state_)] {
    if (const auto owner = state->owner()) owner->unsubscribe(state);
    state->abandon();
  });
}

void subscription::start_next(const std::shared_ptr<subscription_state>& state,
                              next_handler handler) {
  boost::asio::dispatch(state->executor(), [state, handler = std::move(handler)]() mutable {
    state->start_next(std::move(handler));
  });
}

void subscription::start_drain(const std::shared_ptr<subscription_state>& state,
                               drain_handler done) {
  boost::asio::dispatch(state->executor(), [state, done = std::move(done)]() mutable {
    driver::operation operation(std::move(done), state->executor());
    if (const auto owner = state->owner()) return owner->drain(state, std::move(operation));
    operation.post(state->executor(), errc::closed);
  });
}

std::optional<message> subscription::try_next() {
  return state_ ? state_->try_next() : std::nullopt;
}

void subscription::unsubscribe() {
  if (!state_) return;
  boost::asio::dispatch(state_->executor(), [state = state_] {
    if (const auto owner = state->owner()) owner->unsubscribe(state);
    state->finish({});
  });
}

void subscription::unsubscribe_after(std::uint64_t max) {
  if (!state_) return;
  if (max == 0) return unsubscribe();
  boost::asio::dispatch(state_->executor(), [state = state_, max] {
    if (const auto owner = state->owner()) owner->limit(state, max);
  });
}

std::uint64_t subscription::dropped() const noexcept {
  return state_ ? state_->dropped() : 0;
}

boost::asio::awaitable<std::optional<message>> subscription::async_read() {
  auto [error, m] = co_await async_next(boost::asio::as_tuple(boost::asio::use_awaitable));
  if (error == errc::ended) co_return std::nullopt;
  if (error) throw boost::system::system_error(error);
  co_return std::move(m);
}

}  // namespace nuncio::client
