#include "runtime.hpp"

#include <boost/asio/error.hpp>
#include <boost/asio/post.hpp>

namespace nuncio::rpc {
namespace {

namespace asio = boost::asio;

constexpr std::size_t max_farewell = 4UL * 1024 * 1024;

}  // namespace

runtime& runtime::of(client::driver& home) {
  if (!home.extension()) home.extend(std::make_shared<runtime>(home));
  // Nothing else extends a driver.
  return static_cast<runtime&>(*home.extension());
}

void runtime::send(std::string_view subject, const rpc_line& line, std::string_view reply) {
  protocol::rpc_block block(line);
  [[maybe_unused]] const auto lost =
      home_.publish({.subject = subject, .reply = reply, .header_block = block.finish()},
                    client::driver::lasting::no);
}

// What is to be cancelled is looked up only when its turn has come: it may have moved meanwhile.
void runtime::cancel_by(asio::cancellation_slot slot, client::timed_mux::token first) {
  home_.on_cancel(slot, [this, first] {
    if (const auto gone = home_.calls().remove(first)) {
      return gone->on_failure(asio::error::operation_aborted);
    }
    if (const auto at = moved_.find(first); at != moved_.end()) at->second->cancel();
  });
}

void runtime::on_lost() {
  while (!bound_.empty()) {
    auto& call = bound_.front();
    bound_.pop_front();
    call.on_lost(farewell_);
  }
  // Their other ends find out by themselves, only later.
  if (farewell_.size() > max_farewell) farewell_.clear();
}

void runtime::on_opening(std::string& first) {
  first += farewell_;
  farewell_.clear();
}

void runtime::on_opened() {
  while (!waiting_.empty()) {
    auto& call = waiting_.front();
    waiting_.pop_front();
    call.on_opened();
  }
}

void runtime::on_stray_answer(const message_view& m) {
  rpc_line line;
  if (read_rpc_line(m.header_block, line) != protocol::rpc_line_state::present) return;
  // Somebody runs what was given up.
  const bool is_alive = line.frame == rpc_frame::accept || line.frame == rpc_frame::ping;
  if (is_alive && !m.reply.empty()) cancel(m.reply);
}

// `'Permissions Violation for Publish to "subject"'`: of all that is bound, what sends there ends.
// Source: NATS client protocol, -ERR.
void runtime::on_complaint(std::string_view text) {
  constexpr std::string_view before = "ermissions Violation for Publish to \"";
  const auto at = text.find(before);
  if (at == std::string_view::npos) return;
  text.remove_prefix(at + before.size());
  const auto subject = text.substr(0, text.find('"'));
  for (auto it = bound_.begin(); it != bound_.end();) (it++)->on_forbidden(subject);
}

void runtime::wake(waking_call& call) {
  if (call.is_linked()) return;
  waking_.push_back(call);
  if (home_.is_in_batch() || std::exchange(is_wake_posted_, true)) return;
  boost::asio::post(home_.get_executor(), [home = home_.shared_from_this(), this] {
    is_wake_posted_ = false;
    on_batch_end();
  });
}

void runtime::on_batch_end() {
  while (!waking_.empty()) {
    auto& call = waking_.front();
    waking_.pop_front();
    call.wake();
  }
}

status status_of(boost::system::error_code error, const client::driver& home) {
  using client::errc;
  if (error == errc::max_payload) {
    auto out = status::not_run(code::resource_exhausted,
                               "the message is larger than the " +
                                   std::to_string(home.info().max_payload) +
                                   " bytes that the server takes",
                               "max-payload");
    out.retry_after = std::chrono::milliseconds(-1);
    return out;
  }
  if (error == errc::buffer_full) {
    return status::not_run(code::resource_exhausted, "too much waits to be sent", "buffer-full");
  }
  if (error == errc::bad_subject) {
    return status::not_run(code::invalid_argument, "that is no subject to call", "bad-subject");
  }
  if (error == errc::no_headers) {
    return status::not_run(code::unimplemented, "the server knows no headers", "no-headers");
  }
  if (error == asio::error::operation_aborted) {
    return {code::cancelled, "the call was cancelled"};
  }
  return status::not_run(code::unavailable, error.message(), "no-connection");
}

reading read(const message_view& m) {
  reading out;
  if (m.header_block.empty()) return out;
  out.state = read_rpc_line(m.header_block, out.line);
  out.is_whole = protocol::parse_headers(m.header_block, out.headers);
  return out;
}

}  // namespace nuncio::rpc
