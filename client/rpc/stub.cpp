#include "called_stream.hpp"
#include "interception.hpp"
#include "planned_call.hpp"
#include "stub_core.hpp"

#include <nuncio/rpc/context.hpp>
#include <nuncio/rpc/stub.hpp>

#include <boost/asio/dispatch.hpp>
#include <boost/asio/execution/outstanding_work.hpp>
#include <boost/asio/prefer.hpp>

#include <algorithm>
#include <span>
#include <utility>

namespace nuncio::rpc {
namespace {

namespace asio = boost::asio;
using detail::pending_call;
using steady_clock = std::chrono::steady_clock;

constexpr std::size_t max_circuits = 1024;

// What the call says of its trace: the next span of the call that is served, or a new trace. What
// the user says himself is left alone.
void add_trace(metadata& headers, const context* parent, new_traces wanted) {
  if (parent == nullptr && wanted == new_traces::none) return;
  auto trace = parent != nullptr ? parent->trace() : trace_context();
  if (!trace.parent && wanted != new_traces::none) {
    trace.parent.emplace();
    client::draw_random(std::as_writable_bytes(std::span(trace.parent->trace_id)));
    if (wanted == new_traces::sampled) trace.parent->flags = trace_parent::sampled;
  }
  if (trace.empty()) return;
  const auto own = read_trace(headers);
  if (trace.parent && !own.parent) {
    client::draw_random(std::as_writable_bytes(std::span(trace.parent->span_id)));
    headers.add("traceparent", to_traceparent(*trace.parent));
    if (!trace.state.empty()) headers.add("tracestate", trace.state);
  }
  if (!trace.baggage.empty() && own.baggage.empty()) headers.add("baggage", trace.baggage);
}

}  // namespace

steady_clock::time_point stub_core::deadline_of(const detail::request& what,
                                                steady_clock::time_point now) const {
  const auto timeout = what.timeout.value_or(options.timeout);
  // Without end is a year: the sum must not overflow.
  const auto bounded = std::min<std::chrono::nanoseconds>(timeout, std::chrono::hours(24 * 365));
  const auto own = now + std::chrono::duration_cast<steady_clock::duration>(bounded);
  return std::min(own, what.deadline.value_or(own));
}

circuit_breaker* stub_core::circuit_of(const std::string& endpoint) {
  if (!options.circuit_breaker) return nullptr;
  const auto at = circuits_.find(endpoint);
  if (at != circuits_.end()) return &at->second;
  // Names that are made up for each call have no history that could tell anything.
  if (circuits_.size() >= max_circuits) return nullptr;
  return &circuits_.try_emplace(endpoint, *options.circuit_breaker).first->second;
}

namespace detail {

pending_call::pending_call(asio::any_completion_executor executor)
    : executor_(asio::prefer(std::move(executor), asio::execution::outstanding_work.tracked)) {}

void pending_call::complete(std::unique_ptr<pending_call> it) {
  if (auto held = it->slot(); held.is_connected()) held.clear();
  const auto executor = std::exchange(it->executor_, {});
  asio::dispatch(executor, [it = std::move(it)]() mutable {
    auto& self = *it;
    self.tell(std::move(it));
  });
}

}  // namespace detail

stub::stub(client::connection& connection, std::string service, const stub_options& set)
    : core_(std::make_shared<stub_core>(driver_of(connection), std::move(service), set)) {}

asio::any_io_executor stub::executor_of(const stub_core& core) {
  return core.home->get_executor();
}

// What the options point to may be gone when the call is made.
void stub::keep(detail::request& out, const call_options& options) const {
  out.timeout = options.timeout;
  out.is_idempotent = options.idempotent;
  out.id = options.id;
  out.key = options.key;
  out.retries = options.retries;
  out.hedge_after = options.hedge_after;
  if (options.headers != nullptr) out.headers = *options.headers;
  if (options.parent != nullptr) {
    out.deadline = options.parent->deadline();
    out.priority = options.parent->priority();
  }
  add_trace(out.headers, options.parent, core_->options.new_traces);
  out.priority = std::min<std::uint8_t>(options.priority.value_or(out.priority), 3);
}

void stub::start_call(const std::shared_ptr<stub_core>& core,
                      detail::request what,
                      std::unique_ptr<pending_call> call,
                      bool is_one_way) {
  const auto executor = core->home->get_executor();
  asio::dispatch(executor, [core = core, what = std::move(what), call = std::move(call),
                            is_one_way]() mutable {
    planned_call::start(std::move(core), std::move(what), std::move(call), is_one_way);
  });
}

void stub::set_fallback(std::string endpoint, std::shared_ptr<const detail::fallback> by) {
  asio::dispatch(core_->home->get_executor(),
                 [core = core_, endpoint = std::move(endpoint), by = std::move(by)] {
                   core->fallbacks.insert_or_assign(endpoint, by);
                 });
}

status stub::send_now(detail::request what) const {
  const auto now = steady_clock::now();
  const auto deadline = core_->deadline_of(what, now);
  const auto& watching = core_->options.interceptors;
  const auto endpoint = what.endpoint;
  call_view view({.side = call_side::caller,
                  .kind = call_kind::one_way,
                  .service = core_->prefix,
                  .endpoint = endpoint,
                  .key = &what,
                  .headers = &what.headers,
                  .added = &what.headers,
                  .deadline = deadline,
                  .attempts = 1});
  if (auto why = begin_call(watching, view)) return *std::move(why);
  const auto text = compose(core_->prefix, what);
  auto block = text.block({}, deadline, now);
  const auto error = core_->home->publish(
      {.subject = text.subject, .header_block = block.finish(), .payload = text.payload});
  auto how = error ? status_of(error, *core_->home) : status();
  end_call(watching, view, how, steady_clock::now() - now);
  return how;
}

std::shared_ptr<detail::stream_end> stub::open(detail::request what, rpc_frame kind) const {
  const auto& home = core_->home;
  const auto now = home->now();
  auto deadline = what.deadline;
  if (what.timeout) deadline = core_->deadline_of(what, now);
  auto made = std::make_shared<called_stream>(core_, what, kind, deadline, now);
  if (made->is_let_in(what)) {
    auto text = compose(core_->prefix, what);
    if (const auto found = core_->subjects->find(what.endpoint)) text.subject = *found;
    made->start(std::move(text), deadline);
  }
  return std::make_shared<detail::stream_end>(std::move(made), true);
}

}  // namespace nuncio::rpc
