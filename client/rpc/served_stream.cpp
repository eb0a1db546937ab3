#include "served_stream.hpp"

#include "service_core.hpp"

#include <algorithm>
#include <utility>

namespace nuncio::rpc {
namespace {

stream_machine::settings settings_of(const service_core& by,
                                     const endpoint_state& endpoint,
                                     const reading& said) {
  const auto& set = by.options().streams;
  stream_machine::settings out;
  out.which = stream_machine::side::service;
  out.kind = endpoint.kind;
  out.is_classic = said.line.frame == rpc_frame::none;
  std::uint32_t first = 0;
  client::draw_random(std::as_writable_bytes(std::span(&first, 1)));
  out.first = first >> 1;
  // Later than a caller's, which is heard before it is due.
  out.ping_after = set.ping_after + set.ping_after / 4;
  out.max_age = out.is_classic ? set.classic_age : set.max_age;
  out.max_idle = set.max_idle;
  return out;
}

}  // namespace

served_stream::served_stream(std::shared_ptr<service_core> by,
                             std::shared_ptr<endpoint_state> endpoint,
                             const reading& said,
                             content_type type,
                             time now)
    : stream_core(
          by->driver(), settings_of(*by, *endpoint, said), by->options().streams, type, now),
      admitted_call(std::move(by), std::move(endpoint)) {}

served_stream::~served_stream() = default;

void served_stream::begin(const message_view& m, const reading& said, content_type type, time now) {
  admitted_call::begin(m, said, type, now);
  machine().set_deadline(deadline());
  controlled_ =
      home().controls().add(std::make_unique<stream_entry>(self(), machine().next_time()));
  runs_on().bind(*this);
}

std::string served_stream::reply_of(rpc_frame frame) const {
  if (frame != rpc_frame::accept || !controlled_) return {};
  return home().controls().reply_subject(*controlled_);
}

protocol::rpc_block served_stream::farewell(const status& why) const {
  return home().failure(why, {.frame = is_classic() ? rpc_frame::none : rpc_frame::end});
}

std::shared_ptr<detail::stream_end> served_stream::stream() {
  return std::make_shared<detail::stream_end>(self(), false);
}

// Behind nothing that says how much they take, callers get as much as is decent.
served_stream::sent served_stream::send(std::string_view payload, content_type type) {
  if (is_classic() && !machine().is_over()) {
    const auto& set = home().options().streams;
    const auto& so_far = machine().sent();
    if (payload.empty()) {
      give({code::internal, "an empty item can't be told to a caller without streams"});
    } else if (so_far.frames >= set.classic_items ||
               so_far.bytes + payload.size() > set.classic_bytes) {
      give({code::resource_exhausted, "the stream is too long for a caller without streams"});
    }
  }
  return stream_core::send(payload, type);
}

void served_stream::succeed(std::string_view payload, content_type type) {
  note_handler_ended();
  const auto kept = self();
  if (!machine().is_over()) {
    if (machine().rules().kind == rpc_frame::client &&
        stream_core::send(payload, type) != sent::done) {
      give(why_refused());
    } else {
      end();
    }
  }
  if (!is_over()) leave(ended().is_ok() ? nullptr : &ended());
}

void served_stream::end() {
  const auto line = machine().finish();
  if (is_classic()) {
    put_last({}, {});
  } else {
    protocol::rpc_block block(line);
    block.add_lines(reply_headers().lines());
    put_last(std::move(block), {});
  }
  on_over({}, true);
}

void served_stream::fail(status why) {
  note_handler_ended();
  const auto kept = self();
  if (is_over()) return;
  endpoint().note_failure(why);
  give(why);
  leave(&why);
}

void served_stream::give(status why) {
  machine().give_up(std::move(why));
}

void served_stream::send_failure(const status& why) {
  auto block = farewell(why);
  block.add_lines(reply_headers().lines());
  put_last(std::move(block), why.details);
}

// A service import stays open until a message comes that has neither headers nor a payload.
void served_stream::put_last(protocol::rpc_block block, std::string_view payload) {
  [[maybe_unused]] auto lost = put(block.finish(), payload);
  if (!is_classic() && is_imported(reply())) lost = put({}, {});
}

void served_stream::on_ended(const status&) {
  if (controlled_) static_cast<void>(home().controls().remove(*controlled_));
  controlled_.reset();
  cancel_handler(self());
}

void served_stream::stop() {
  if (is_over()) return;
  const auto kept = self();
  give({code::unavailable, "the service stops"});
  leave(&ended());
}

void served_stream::drain() {
  if (!machine().is_over() && !is_classic()) stream_core::send({.frame = rpc_frame::drain});
}

}  // namespace nuncio::rpc
