#include "attempt.hpp"
#include "called_stream.hpp"

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
    const auto which = home->expect(std::move(call));
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
                   auto text = compose(core->prefix, std::move(what));
                   if (is_one_way) {
                     return start_watched(home, std::move(text), deadline, std::move(call));
                   }
                   start_unary(home, std::move(text), type, deadline, std::move(call));
                 });
}

status stub::send_now(detail::request what) const {
  const auto now = steady_clock::now();
  const auto deadline = deadline_of(*core_, what, now);
  const auto text = compose(core_->prefix, std::move(what));
  auto block = text.block(deadline, now);
  const auto error = core_->home->publish(
      {.subject = text.subject, .header_block = block.finish(), .payload = text.payload});
  return error ? status_of(error, *core_->home) : status();
}

std::shared_ptr<detail::stream_end> stub::open(detail::request what, rpc_frame kind) const {
  const auto& home = core_->home;
  const auto now = home->now();
  std::optional<steady_clock::time_point> deadline = what.deadline;
  if (what.timeout) deadline = deadline_of(*core_, what, now);
  const auto type = what.type;
  auto core = std::make_shared<called_stream>(
      home, stream_machine::settings{.kind = kind, .deadline = deadline}, core_->options.streams,
      type, now);
  core->start(compose(core_->prefix, std::move(what)), deadline);
  return std::make_shared<detail::stream_end>(std::move(core), true);
}

}  // namespace nuncio::rpc
