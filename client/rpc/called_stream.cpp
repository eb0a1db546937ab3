#include "called_stream.hpp"

#include "interception.hpp"

#include <utility>

namespace nuncio::rpc {
namespace {

stream_machine::settings settings_of(const stub_core& by,
                                     rpc_frame kind,
                                     std::optional<stream_machine::time> deadline) {
  const auto& set = by.options.streams;
  stream_machine::settings out;
  out.which = stream_machine::side::caller;
  out.kind = kind;
  out.ping_after = set.ping_after;
  out.deadline = deadline;
  out.accept_within = set.accept_within;
  out.classic_silence = set.classic_silence;
  return out;
}

}  // namespace

called_stream::called_stream(std::shared_ptr<stub_core> by,
                             const detail::request& what,
                             rpc_frame kind,
                             std::optional<time> deadline,
                             time now)
    : stream_core(by->home, settings_of(*by, kind, deadline), by->options.streams, what.type, now),
      core_(std::move(by)) {}

called_stream::~called_stream() = default;

call_facts called_stream::facts(const watched& it) const {
  return {.side = call_side::caller,
          .kind = kind_of(machine().rules().kind, false),
          .service = core_->prefix,
          .endpoint = it.endpoint,
          .key = this,
          .headers = &it.headers,
          .deadline = machine().rules().deadline,
          .attempts = 1};
}

bool called_stream::is_let_in(detail::request& what) {
  const auto& all = core_->options.interceptors;
  if (all.empty()) return true;
  auto it = std::make_unique<watched>(
      watched{.endpoint = what.endpoint, .headers = what.headers, .began = driver().now()});
  auto about = facts(*it);
  about.headers = about.added = &what.headers;
  call_view view(about);
  if (auto why = begin_call(all, view)) {
    const auto kept = shared_from_this();
    machine().lose(*std::move(why));
    return false;
  }
  it->headers = what.headers;
  watched_ = std::move(it);
  return true;
}

void called_stream::start(written&& what, std::optional<time> deadline) {
  auto& home = driver();
  if (home.is_closed()) return on_failure(client::errc::closed);
  const auto kept = std::static_pointer_cast<called_stream>(shared_from_this());
  which_ = home.expect(std::make_unique<stream_entry>(kept, machine().next_time()));
  unsent opening{std::move(what), deadline};
  if (home.is_open()) return write(opening);
  unsent_ = std::make_unique<unsent>(std::move(opening));
  runs_on().wait(*this);
}

void called_stream::on_opened() {
  const auto kept = shared_from_this();
  if (const auto opening = std::exchange(unsent_, {})) write(*opening);
}

void called_stream::write(const unsent& opening) {
  auto block = opening.what.block(machine().opening(), opening.deadline, driver().now());
  const auto reply = driver().calls().reply_subject(which_.value_or(0));
  const auto error = driver().publish({.subject = opening.what.subject,
                                       .reply = reply,
                                       .header_block = block.finish(),
                                       .payload = opening.what.payload});
  if (error) on_failure(error);
}

std::string called_stream::reply_of(rpc_frame frame) const {
  return frame == rpc_frame::ping ? driver().calls().reply_subject(which_.value_or(0))
                                  : std::string();
}

protocol::rpc_block called_stream::farewell(const status&) const {
  return protocol::rpc_block(rpc_line{.frame = rpc_frame::cancel});
}

bool called_stream::take_control(const message_view& m) {
  if (!control_.empty()) {
    if (!m.reply.empty()) runs_on().cancel(m.reply);
    machine().on_second_accept();
    return false;
  }
  if (m.reply.empty()) {
    machine().on_malformed();
    return false;
  }
  control_ = m.reply;
  runs_on().bind(*this);
  return true;
}

status called_stream::refuse(const status& why) {
  machine().give_up({code::internal, "an item can't be read: " + why.text});
  return ended();
}

void called_stream::cancel() {
  if (machine().is_over()) return;
  const auto kept = shared_from_this();
  machine().give_up({code::cancelled, "the call was cancelled"});
}

void called_stream::on_ended(const status& how) {
  unsent_.reset();
  if (which_) static_cast<void>(driver().calls().remove(*which_));
  if (const auto it = std::exchange(watched_, {})) {
    end_call(core_->options.interceptors, call_view(facts(*it)), how, driver().now() - it->began);
  }
}

}  // namespace nuncio::rpc
