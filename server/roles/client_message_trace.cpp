#include "client_role.hpp"
#include "core/pick_random.hpp"
#include "net/node.hpp"
#include "net/observer.hpp"
#include "net/shard.hpp"
#include "net/trace_wish.hpp"

#include <chrono>
#include <optional>
#include <utility>

// Messages of which somebody wants to be told where they went.
namespace nuncio::server {

using protocol::flow;

bool client_role::may_wish_trace(const protocol::ops::pub& op) const noexcept {
  const bool traces_sampled = its_account().traces.load(std::memory_order_relaxed) != nullptr;
  return server::may_wish_trace(op.body.substr(0, op.header_size), traces_sampled);
}

message_trace client_role::begin_trace(const protocol::ops::pub& op,
                                       std::string_view destination,
                                       trace_encoding encoding) const {
  message_trace out;
  out.destination = destination;
  out.encoding = encoding;
  out.at = std::chrono::system_clock::now();
  out.in = &its_account();
  out.cid = connection_.id;
  out.name = name();
  out.subject = op.subject;
  out.headers = op.body.substr(0, op.header_size);
  out.size = op.body.size();
  return out;
}

// Its headers say something of traces. What doesn't count there is passed over.
flow client_role::publish_traced(const protocol::ops::pub& op) {
  auto& home = connection_.home();
  const auto* const target = its_account().traces.load(std::memory_order_acquire);
  const auto* const mapping = its_account().mapping.load(std::memory_order_acquire);
  const auto as_any_other = [&] { return publish(mapping == nullptr ? op : mapped(op, *mapping)); };
  const auto found = trace_wish_of(op.body.substr(0, op.header_size), target != nullptr);
  if (!found) return as_any_other();
  const trace_wish& wish = *found;
  std::string_view destination;
  if (wish.destination) {
    destination = *wish.destination;
    if (destination.empty() && wish.is_only) {
      home.count_in(op);
      return ok();
    }
    if (!destination.empty() && !may_publish(destination)) {
      deny_publish(op, denied_subject(destination));
      return flow::go_on;
    }
  } else if (target != nullptr && home.random().below(100) < target->percent) {
    destination = target->subject;
  }
  if (destination.empty()) return as_any_other();

  auto trace = begin_trace(op, destination, wish.encoding);
  auto to = op;
  if (mapping != nullptr) {
    to = mapped(op, *mapping);
    if (to.subject != op.subject) {
      trace.mapped = {std::chrono::system_clock::now(), std::string(to.subject)};
    }
  }
  // Only who names the destination can have it go nowhere else.
  const bool is_dry = wish.is_only && wish.destination.has_value();
  const auto next = deliver_traced(to, is_dry, trace);
  if (auto* const watcher = home.of().watcher; watcher != nullptr) {
    watcher->on_traced(std::move(trace));
  }
  return next;
}

flow client_role::deliver_traced(const protocol::ops::pub& op, bool is_dry, message_trace& trace) {
  if (tracing_) [[unlikely]] {
    trace_payload("<<-", traced_payload(op.body, op.header_size, opts()));
  }
  if (const auto denied = denial_of(op)) {
    trace.refusal = text_of(deny_publish(op, *denied));
    return flow::go_on;
  }
  ok();
  const auto result =
      connection_.home().publish_watched(its_account(), connection_, op, is_dry, trace);
  if (no_responders_ && result != outcome::delivered && !op.reply.empty()) send_no_responders(op);
  return flow::go_on;
}

}  // namespace nuncio::server
