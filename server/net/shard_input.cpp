#include "shard.hpp"

#include <boost/asio/post.hpp>

#include <algorithm>
#include <utility>

// Reading: one recv a handler, what it brought is handed to the role, the outlets are flushed, and
// then the connection waits, goes on, or pauses.
namespace nuncio::server {
namespace {

using std::chrono::milliseconds;

// A producer is paused if one of its receivers has this much queued, or half of max_pending.
constexpr std::int64_t pressure_limit = 8 * 1024 * 1024;
constexpr milliseconds shortest_pause{1};
constexpr milliseconds longest_pause{10};
// A dead subscriber must not stop a producer, nor the others that it feeds. One that is slow but
// takes what it is sent is waited for, once its queue is nearly full: it would be cut off else, as
// soon as anyone publishes faster than it reads. Reading goes on at a buffer each pause, so who
// takes less than that is cut off nevertheless.
constexpr milliseconds pause_budget{50};  // each second

}  // namespace

void shard::serve(connection& c) {
  if (c.move_to_ != connection::stays && hand_over(c)) return;
  const auto in = input_.prepare(c.kept_);
  const auto got = c.stream_->read(in.free);
  if (got.has_answer) [[unlikely]] {
    send_as_is(c, c.stream_->take_answer());
  }
  switch (got.state) {
    case stream::status::would_block:
      return go_on_reading(c, stream::status::drained);
    case stream::status::ended:
      return c.end(close_reason::client_closed);
    case stream::status::failed:
      return c.end(close_reason::read_error);
    case stream::status::violated:
      return break_off(c);
    default:
      break;
  }
  c.read_ += static_cast<std::uint32_t>(got.size);
  if (take_input(c, in.begin, c.kept_.size + got.size)) go_on_reading(c, got.state);
}

void shard::break_off(connection& c) {
  const auto [why, text] = c.stream_->violation();
  note_rarely(c, node_.protocol_error_notice, log_level::error, "websocket error: ", text);
  c.end(why);
}

// False if nothing more is to be read now.
bool shard::take_input(connection& c, char* data, std::size_t size) {
  if (size < c.kept_.needed) {
    input_.keep(c.kept_, data, size);
    return true;
  }
  pressure_ = 0;
  must_wait_ = false;
  const auto messages = counters_.in_messages.load(std::memory_order_relaxed);
  const auto bytes = counters_.in_bytes.load(std::memory_order_relaxed);
  const auto verdict = c.role_->on_input({data, size});
  count_for(c, counters_.in_messages.load(std::memory_order_relaxed) - messages,
            counters_.in_bytes.load(std::memory_order_relaxed) - bytes);
  c.kept_.needed = 0;
  if (verdict.next == protocol::flow::closed) {
    input_.drop(c.kept_);
    return false;
  }
  if (verdict.consumed == size) {
    input_.drop(c.kept_);
  } else {
    // The batch may have lent bytes that keep() is about to move over.
    if (c.kept_.capacity != 0 && verdict.consumed != 0) flush_all();
    input_.keep(c.kept_, data + verdict.consumed, size - verdict.consumed);
    c.kept_.needed = static_cast<std::uint32_t>(verdict.needed);
  }
  c.suspended_ = verdict.next == protocol::flow::suspended;
  return !c.suspended_;
}

// What one of its inputs held.
void shard::count_for(connection& c, std::uint64_t messages, std::uint64_t bytes) {
  if (messages == 0) return;
  c.in_messages_ += messages;
  c.in_bytes_ += bytes;
  c.its_account().received.add(messages, bytes);
}

void shard::go_on_reading(connection& c, stream::status state) {
  end_batch();
  if (c.is_ending() || c.over_) return;
  const auto limit = std::min(pressure_limit, node_.opts.max_pending / 2);
  const bool has_pressure = std::exchange(pressure_, 0) > static_cast<std::uint64_t>(limit);
  if (has_pressure && !rules_->opts.no_fast_producer_stall) return pause(c);
  ++c.waits_;
  if (state == stream::status::drained) {
    c.stream_->wait_readable(c);
  } else {
    // A full buffer: the other ready connections come first.
    boost::asio::post(io_, [&c] { c.on_readable(false); });
  }
}

void shard::pause(connection& c) {
  const auto second = static_cast<std::uint32_t>(
      std::chrono::duration_cast<std::chrono::seconds>(now_.time_since_epoch()).count());
  if (c.pause_second_ != second) {
    c.pause_second_ = second;
    c.paused_ms_ = 0;
  }
  const auto left = pause_budget - milliseconds{c.paused_ms_};
  const bool in_budget = left > milliseconds{0};
  ++c.waits_;
  if (!in_budget && !must_wait_) {
    c.stream_->wait_readable(c);
    return;
  }
  const auto delay =
      must_wait_ ? longest_pause : std::clamp(left / 5, shortest_pause, longest_pause);
  if (in_budget) c.paused_ms_ = static_cast<std::uint16_t>(c.paused_ms_ + delay.count());
  shard_counters::add(counters_.stalled_producers, 1);
  ++c.stalls_;
  auto timer = std::make_shared<boost::asio::steady_timer>(io_, delay);
  // The handler holds the timer, and the connection counts it as a wait.
  timer->async_wait([&c, timer](const boost::system::error_code&) { c.on_readable(false); });
}

void shard::resume(connection& c) {
  if (!std::exchange(c.suspended_, false) || c.is_ending() || c.over_) return;
  const bool go_on = c.kept_.size == 0 || take_input(c, c.kept_.data, c.kept_.size);
  // Whether the stream was drained before is not known any more: read first.
  if (go_on) go_on_reading(c, stream::status::more);
}

}  // namespace nuncio::server
