#include "interception.hpp"
#include "served_stream.hpp"
#include "served_unary.hpp"
#include "service_core.hpp"

#include <nuncio/protocol/nuid.hpp>
#include <nuncio/protocol/subject.hpp>

#include <boost/asio/dispatch.hpp>
#include <boost/asio/post.hpp>

#include <algorithm>
#include <array>
#include <iostream>
#include <stdexcept>

namespace nuncio::rpc {
namespace {

namespace asio = boost::asio;
using protocol::rpc_line_state;

constexpr std::string_view control_prefix = "$SRV.CALL.";
constexpr std::array<std::string_view, 3> verbs{"PING", "INFO", "STATS"};

// The part of a reply subject that all calls of a connection share.
std::string_view caller_of(std::string_view reply) noexcept {
  if (is_imported(reply)) return {};
  return reply.substr(0, reply.rfind('.'));
}

[[noreturn]] void reject(std::string_view what, std::string_view value) {
  throw std::invalid_argument("nuncio: \"" + std::string(value) + "\" is no " + std::string(what));
}

}  // namespace

service_core::service_core(std::shared_ptr<client::driver> by, service_options set)
    : home_(std::move(by)),
      options_(std::move(set)),
      identity_{.name = options_.name,
                .id = protocol::nuid(client::draw_random).next(),
                .version = options_.version,
                .metadata = options_.metadata},
      started_(std::chrono::system_clock::now()),
      controls_(
          *home_,
          [this] { return name_controls(); },
          '>',
          [this](const message_view& m) { on_stray_control(m); }) {
  if (!protocol::is_service_name(options_.name)) reject("service name", options_.name);
  if (!protocol::is_semantic_version(options_.version)) {
    reject("semantic version", options_.version);
  }
}

// The wildcards of two must not meet.
std::string service_core::name_controls() {
  auto out = std::string(control_prefix) + identity_.name + '.' + identity_.id;
  if (const auto moves = moves_++; moves > 0) out += '-' + std::to_string(moves);
  return out;
}

void service_core::start() {
  controls_.open(weak_from_this());
  const auto add = [this](const std::string& subject, client::connection::callback deliver) {
    subscriptions_.push_back(
        client::connection::access::subscribe(*home_, subject, {}, std::move(deliver)));
  };
  for (const auto verb : verbs) {
    const auto answer = [this, verb](const message_view& m) { on_discovery(verb, m); };
    const auto all = "$SRV." + std::string(verb);
    add(all, answer);
    add(all + '.' + identity_.name, answer);
    add(all + '.' + identity_.name + '.' + identity_.id, answer);
  }
}

void service_core::add(std::string_view name,
                       std::shared_ptr<detail::handler> handler,
                       const endpoint_options& set,
                       content_type preferred,
                       rpc_frame kind) {
  if (!protocol::is_service_name(name)) reject("endpoint name", name);
  auto made = std::make_shared<endpoint_state>();
  auto& stats = made->stats;
  stats.name = name;
  stats.subject = set.subject.empty() ? identity_.name + '.' + std::string(name) : set.subject;
  stats.queue_group = set.queue.value_or(options_.queue.value_or(""));
  if (!protocol::is_valid_subscription(stats.subject)) reject("subject", stats.subject);
  made->handler = std::move(handler);
  made->kind = kind;
  made->type = preferred;
  made->max_concurrent = set.max_concurrent.value_or(options_.max_concurrent);
  made->max_per_caller = set.max_per_caller.value_or(options_.max_per_caller);
  made->metadata = set.metadata;
  made->metadata.emplace("nuncio.rpc", "1");
  made->metadata.emplace("nuncio.kind", kind == rpc_frame::none ? "unary" : to_string(kind));
  made->metadata.emplace("nuncio.types", to_string(preferred));
  if (set.idempotent) made->metadata.emplace("nuncio.idempotent", "true");
  subscribe(made, stats.subject);
  if (options_.versioned && set.subject.empty()) {
    const auto major = std::string(protocol::major_version(identity_.version));
    subscribe(made, identity_.name + ".v" + major + '.' + std::string(name));
  }
  endpoints_.push_back(std::move(made));
}

void service_core::subscribe(const std::shared_ptr<endpoint_state>& endpoint,
                             const std::string& subject) {
  client::subscribe_options set;
  set.queue = endpoint->stats.queue_group;
  endpoint->subscriptions.push_back(client::connection::access::subscribe(
      *home_, subject, set, [this, weak = std::weak_ptr(endpoint)](const message_view& m) {
        if (const auto it = weak.lock()) on_request(it, m);
      }));
}

// Why a request isn't served, whoever sent it.
std::optional<status> service_core::objection(const endpoint_state& endpoint,
                                              const message_view& m,
                                              const reading& said) const {
  if (!said.is_whole || said.state == rpc_line_state::malformed) {
    return status::not_run(code::invalid_argument, "the headers can't be read");
  }
  const auto kind = said.line.frame;
  // Callers that know nothing of streams get items as messages.
  const bool is_classic = kind == rpc_frame::none && endpoint.kind == rpc_frame::server;
  if (kind != endpoint.kind && !is_classic) {
    const auto is = endpoint.kind == rpc_frame::none ? "unary" : to_string(endpoint.kind);
    return status::not_run(code::unimplemented,
                           "this endpoint is called otherwise: its kind is " + std::string(is));
  }
  if (endpoint.kind != rpc_frame::none && (m.reply.empty() || said.line.is_one_way)) {
    return status::not_run(code::invalid_argument, "a stream needs a reply subject");
  }
  if (said.line.timeout_us == 0U) {
    return status::not_run(code::deadline_exceeded, "there was no time left");
  }
  return std::nullopt;
}

void service_core::on_request(const std::shared_ptr<endpoint_state>& endpoint,
                              const message_view& m) {
  const auto now = home_->now();
  const auto said = read(m);
  ++endpoint->stats.requests;
  if (auto why = objection(*endpoint, m, said)) {
    return refuse(*endpoint, m, said, *std::move(why));
  }
  const auto named = said.headers.find("Content-Type");
  const auto type = named ? parse_content_type(*named) : endpoint->type;
  if (!type) {
    return refuse(*endpoint, m, said,
                  status::not_run(code::invalid_argument,
                                  "the request is of an unknown type, " + std::string(*named)));
  }
  const auto reply = said.line.is_one_way ? std::string_view() : m.reply;
  const bool is_full = endpoint->running >= endpoint->max_concurrent;
  if (is_full || !admit_caller(reply, endpoint->max_per_caller)) {
    return refuse(*endpoint, m, said,
                  status::not_run(code::resource_exhausted,
                                  is_full ? "the endpoint has as many calls as it takes"
                                          : "the caller has as many calls as it may have",
                                  is_full ? "overloaded" : "max-per-caller"));
  }
  if (endpoint->kind != rpc_frame::none) {
    const auto call =
        std::make_shared<served_stream>(shared_from_this(), endpoint, said, *type, now);
    call->begin(m, said, *type, now);
    if (!call->is_let_in()) return;
    call->accept(said.line, m.payload);
    return endpoint->handler->run(call, m.payload);
  }
  const auto call = std::make_shared<served_unary>(shared_from_this(), endpoint);
  call->begin(m, said, *type, now);
  if (!call->is_let_in()) return;
  endpoint->handler->run(call, m.payload);
  if (!call->is_over()) call->watch(now);
}

void service_core::refuse(endpoint_state& endpoint,
                          const message_view& m,
                          const reading& said,
                          status why) {
  endpoint.note_failure(why);
  if (!options_.interceptors.empty()) {
    const metadata headers(said.headers);
    call_view view({.side = call_side::service,
                    .kind = kind_of(endpoint.kind, said.line.is_one_way || m.reply.empty()),
                    .service = identity_.name,
                    .endpoint = endpoint.stats.name,
                    .key = &endpoint,
                    .headers = &headers,
                    .attempts = said.line.attempt});
    std::string thrown;
    if (!begin_call(options_.interceptors, view, &thrown)) {
      end_call(options_.interceptors, view, why, {});
    }
    if (!thrown.empty()) log("an interceptor failed: " + thrown);
  }
  if (m.reply.empty() || said.line.is_one_way) return;
  const bool opens = said.line.frame != rpc_frame::none;
  auto block = failure(std::move(why), {.frame = opens ? rpc_frame::end : rpc_frame::none});
  [[maybe_unused]] const auto lost =
      home_->publish({.subject = m.reply, .header_block = block.finish()});
}

protocol::rpc_block service_core::failure(status why, const rpc_line& line) const {
  why.instance = id();
  auto out = line.frame == rpc_frame::none ? protocol::rpc_block() : protocol::rpc_block(line);
  out.add_failure(why);
  return out;
}

bool service_core::admit_caller(std::string_view reply, std::size_t limit) {
  const auto caller = caller_of(reply);
  if (caller.empty()) return true;
  auto at = callers_.find(caller);
  if (at == callers_.end()) at = callers_.try_emplace(std::string(caller)).first;
  if (at->second >= limit) return false;
  ++at->second;
  return true;
}

void service_core::release(std::string_view reply) {
  if (const auto caller = caller_of(reply); !caller.empty()) {
    const auto at = callers_.find(caller);
    if (at != callers_.end() && --at->second == 0) callers_.erase(at);
  }
  look_whether_drained();
}

void service_core::on_stray_control(const message_view& m) {
  rpc_line line;
  if (read_rpc_line(m.header_block, line) != rpc_line_state::present) return;
  if (line.frame != rpc_frame::ping || m.reply.empty()) return;
  auto block = failure({code::unavailable, "the instance doesn't know this call", "unknown-call"},
                       {.frame = rpc_frame::end});
  [[maybe_unused]] const auto lost =
      home_->publish({.subject = m.reply, .header_block = block.finish()});
}

void service_core::on_discovery(std::string_view verb, const message_view& m) {
  if (m.reply.empty()) return;
  std::string out;
  if (verb == "PING") {
    out = to_ping_response(identity_);
  } else if (verb == "STATS") {
    out = to_stats_response(stats());
  } else {
    protocol::service_info info{
        .identity = identity_, .description = options_.description, .endpoints = {}};
    for (const auto& each : endpoints_) {
      info.endpoints.push_back({.name = each->stats.name,
                                .subject = each->stats.subject,
                                .queue_group = each->stats.queue_group,
                                .metadata = each->metadata});
    }
    out = to_info_response(info);
  }
  [[maybe_unused]] const auto lost = home_->publish({.subject = m.reply, .payload = out});
}

protocol::service_stats service_core::stats() const {
  protocol::service_stats out{.identity = identity_, .started = started_, .endpoints = {}};
  for (const auto& each : endpoints_) out.endpoints.push_back(each->stats);
  return out;
}

void service_core::reset() {
  started_ = std::chrono::system_clock::now();
  for (const auto& each : endpoints_) {
    each->stats.requests = each->stats.errors = 0;
    each->stats.last_error.clear();
    each->stats.processing_time = {};
  }
}

// The subscriptions of endpoints end first: what was on its way is still served.
void service_core::drain(service::handler done) {
  if (home_->is_closed() || is_stopped_) {
    return asio::post(home_->get_executor(), [done = std::move(done)]() mutable {
      std::move(done)(client::errc::closed);
    });
  }
  auto left = std::make_shared<std::size_t>(1);
  const auto drained =
      [self = shared_from_this(), left,
       done = std::make_shared<service::handler>(std::move(done))](boost::system::error_code) {
        if (--*left > 0) return;
        self->draining_.push_back(std::move(*done));
        self->look_whether_drained();
      };
  for (const auto& each : endpoints_) {
    for (auto& subscription : each->subscriptions) {
      ++*left;
      subscription.async_drain(drained);
    }
  }
  for (auto& call : running_) call.drain();
  drained({});
}

void service_core::look_whether_drained() {
  if (!running_.empty() || draining_.empty()) return;
  // Behind what is on the way of completing: the last answer is out before anyone may close.
  for (auto& each : std::exchange(draining_, {})) {
    home_->flush({client::connection::handler([self = shared_from_this(), done = std::move(each)](
                                                  boost::system::error_code error) mutable {
                    self->stop();
                    std::move(done)(error);
                  }),
                  home_->get_executor()});
  }
}

void service_core::stop() {
  if (std::exchange(is_stopped_, true)) return;
  while (!running_.empty()) running_.front().stop();
  controls_.close();
  subscriptions_.clear();
  for (const auto& each : endpoints_) each->subscriptions.clear();
}

void service_core::log(std::string_view line) const {
  const auto text = "service " + identity_.name + ": " + std::string(line);
  if (options_.log) return options_.log(text);
  std::clog << text << '\n';
}

std::string service_core::incident() {
  return identity_.id + '-' + std::to_string(++incidents_);
}

// --- what users hold

service::service(client::connection& connection, service_options settings)
    : core_(std::make_shared<service_core>(driver_of(connection), std::move(settings))) {
  core_->start();
}

service& service::operator=(service&& other) noexcept {
  if (this != &other) {
    stop();
    core_ = std::move(other.core_);
  }
  return *this;
}

service::~service() {
  stop();
}

void service::add(std::string_view name,
                  std::shared_ptr<detail::handler> serving,
                  const endpoint_options& set,
                  content_type preferred,
                  rpc_frame kind) {
  core_->add(name, std::move(serving), set, preferred, kind);
}

void service::start_drain(const std::shared_ptr<service_core>& core, handler done) {
  asio::dispatch(core->home().get_executor(),
                 [core, done = std::move(done)]() mutable { core->drain(std::move(done)); });
}

void service::stop() {
  if (core_) core_->stop();
}

std::string_view service::id() const noexcept {
  return core_->id();
}

protocol::service_stats service::stats() const {
  return core_->stats();
}

void service::reset() {
  core_->reset();
}

}  // namespace nuncio::rpc
