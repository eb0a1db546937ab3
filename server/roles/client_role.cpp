#include "client_role.hpp"

#include "core/quoted.hpp"
#include "net/shard.hpp"

#include <nuncio/protocol/info.hpp>
#include <nuncio/protocol/subject.hpp>

#include <algorithm>
#include <charconv>
#include <limits>
#include <utility>

namespace nuncio::server {
namespace {

using protocol::errc;
using protocol::flow;
using std::chrono::milliseconds;

// How old a measured round trip may be before a PING is sent in spite of traffic.
constexpr std::chrono::hours rtt_lifetime{1};

constexpr std::string_view system_queue = "_sys_";

bool is_reserved_reply(std::string_view reply) noexcept {
  return reply.starts_with("_R_.") || reply.starts_with("$JS.ACK.") || reply.starts_with("_GR_.") ||
         reply.starts_with("$GR.");
}

bool is_reserved_subject(std::string_view subject) noexcept {
  return subject.starts_with("_GR_.") || subject.starts_with("$GR.") ||
         subject.starts_with("$NRG.");
}

}  // namespace

client_role::client_role(connection& c) : connection_(c) {
  apply_options();
  c.flags.store(receiver::no_headers, std::memory_order_relaxed);
}

client_role::~client_role() {
  delete connection_.grants.load(std::memory_order_relaxed);
}

const options& client_role::opts() const noexcept {
  return connection_.home().rules().opts;
}

const authenticator& client_role::access() const noexcept {
  return *way_in().access;
}

const entrance& client_role::way_in() const noexcept {
  return connection_.home().rules().entrance_of(connection_.type());
}

void client_role::on_open() {
  send_info(info_kind::greeting);
  if (auto& log = connection_.home().of().log; log.enabled(log_level::debug)) {
    log.write(log_level::debug, describe().append(" - Client connection created"));
  }
}

void client_role::on_ready() {
  last_input_ = connection_.home().now();
  apply_options();
  apply_flags();
  if (access().auth_required()) return connection_.set_timer(way_in().login_timeout);
  if (admit(without_connect())) {
    connection_.set_timer(way_in().ping_interval);
  }
}

void client_role::send_info(info_kind kind) {
  const auto& rules = connection_.home().rules();
  auto info = node::info_for(rules, connection_.id, connection_.peer(), connection_.type());
  if (kind == info_kind::greeting && access().needs_nonce()) {
    info.nonce = connection_.home().of().nonce_of(connection_.id);
  }
  if (!connection_.knows_peer()) info.client_ip.clear();
  info.connect_info = kind == info_kind::answers_connect;
  if (info.connect_info) {
    info.remote_account = its_account().name;
    info.acc_is_sys = its_account().is_system.load(std::memory_order_relaxed);
  }
  if (kind != info_kind::greeting) info.max_payload = limits_.max_payload;
  info.ldm = kind == info_kind::lame_duck;
  connection_.send(protocol::info_line(info));
}

role::verdict client_role::on_input(std::string_view bytes) {
  if (who_ == nullptr && !bytes.empty() && !may_begin(bytes.front())) [[unlikely]] {
    return {0, 0, flow::closed};
  }
  const auto result = protocol::parse(bytes.data(), bytes.size(), limits_, *this);
  if (std::exchange(active_, false)) last_input_ = connection_.home().now();
  const bool again = result.next == flow::again;
  return {result.consumed, result.needed, again ? flow::suspended : result.next};
}

flow client_role::ok() {
  if (!verbose_) return flow::go_on;
  if (tracing_) [[unlikely]] {
    trace("->>", "OK");
  }
  connection_.send("+OK\r\n");
  return flow::go_on;
}

// A line that violation() has made.
void client_role::send_error(std::string_view line) {
  if (tracing_) [[unlikely]] {
    trace_error(text_of(line));
  }
  connection_.send(line);
}

// The line that says so.
std::string client_role::deny_publish(const protocol::ops::pub& op, const denial& what) {
  connection_.home().count_in(op);
  auto line = violation(what.said, what.subject);
  send_error(line);
  note_rarely(connection_.home().of().violation_notice, log_level::error, what.logged,
              quoted(what.subject));
  return line;
}

// It was sent a message with this reply, and may answer.
bool client_role::may_reply(std::string_view subject) {
  auto* const granted = connection_.grants.load(std::memory_order_relaxed);
  return granted != nullptr && granted->take(subject, connection_.home().now());
}

bool client_role::may_publish(std::string_view subject) {
  const auto* const may = who_->may.get();
  const bool granted =
      may == nullptr || !may->publish || may->publish->allows(subject) || may_reply(subject);
  return granted && !is_reserved_subject(subject);
}

// All that publishing may be refused for.
std::optional<client_role::denial> client_role::denial_of(const protocol::ops::pub& op) {
  if (!may_publish(op.subject)) return denied_subject(op.subject);
  if (is_reserved_reply(op.reply)) {
    return denial{"Publish with Reply of", "Publish Violation - Reply ", op.reply};
  }
  return std::nullopt;
}

// Says so if it isn't.
bool client_role::is_allowed(const protocol::ops::pub& op) {
  const auto denied = denial_of(op);
  if (denied) deny_publish(op, *denied);
  return !denied;
}

flow client_role::on_pub(const protocol::ops::pub& op) {
  active_ = true;
  if (tracing_) [[unlikely]] {
    std::string text = op.has_header() ? "HPUB " : "PUB ";
    text.append(op.subject).append(op.reply.empty() ? "" : " ").append(op.reply);
    if (op.has_header()) text.append(" ").append(op.header_text);
    trace("<<-", text.append(" ").append(op.size_text));
  }
  if (pedantic_ && !protocol::is_valid_publish(op.subject)) {
    connection_.fail(errc::invalid_publish_subject);
  }
  if (op.has_header() && may_wish_trace(op)) [[unlikely]] {
    return publish_traced(op);
  }
  const auto* const mapping = its_account().mapping.load(std::memory_order_acquire);
  if (mapping == nullptr) [[likely]] {
    return publish(op);
  }
  return publish(mapped(op, *mapping));
}

// Its subject is the mapped one then, and empty if the message is to be lost.
protocol::ops::pub client_role::mapped(const protocol::ops::pub& op,
                                       const subject_mapping& by) const {
  auto& home = connection_.home();
  auto out = op;
  out.subject = by.map(op.subject, home.subject_scratch(), home.random());
  if (tracing_ && out.subject.data() != op.subject.data()) [[unlikely]] {
    trace("<<-", std::string("MAPPING ").append(op.subject).append(" -> ").append(out.subject));
  }
  return out;
}

flow client_role::publish(const protocol::ops::pub& op) {
  if (tracing_) [[unlikely]] {
    trace_payload("<<-", traced_payload(op.body, op.header_size, opts()));
  }
  // Every reserved name begins with one of two characters.
  const bool suspicious =
      op.subject.starts_with('$') || op.subject.starts_with('_') || !op.reply.empty();
  const bool look_first =
      verbose_ || (suspicious && (is_reserved_subject(op.subject) || is_reserved_reply(op.reply)));
  if (look_first) [[unlikely]] {
    if (!is_allowed(op)) return flow::go_on;
    ok();
  }
  auto& home = connection_.home();
  const auto* const may = look_first ? nullptr : &who_->may;
  auto result = home.publish(its_account(), &connection_, may, op, last_slot_);
  if (result == outcome::denied) [[unlikely]] {
    if (!is_allowed(op)) return flow::go_on;
    result = home.publish(its_account(), &connection_, nullptr, op, last_slot_);
  }
  if (no_responders_ && result != outcome::delivered && !op.reply.empty()) send_no_responders(op);
  return flow::go_on;
}

// Said only to a requester that listens for the reply by a plain subscription of its own.
void client_role::send_no_responders(const protocol::ops::pub& op) {
  auto& index = connection_.home().of().index;
  const auto key = index.key_of(its_account(), op.reply);
  const subscription* own = nullptr;
  index.match(its_account(), op.reply, key.hash, [&](const subscription* sub) {
    if (own == nullptr && sub->owner == &connection_ && sub->queue().empty()) own = sub;
  });
  if (own == nullptr) return;
  constexpr std::string_view head = "NATS/1.0 503\r\nNats-Subject: ";
  constexpr std::string_view end = "\r\n\r\n";
  const auto size = std::to_string(head.size() + op.subject.size() + end.size());
  std::string line = "HMSG ";
  line.append(op.reply)
      .append(" ")
      .append(own->sid())
      .append(" ")
      .append(size)
      .append(" ")
      .append(size);
  line.append("\r\n").append(head).append(op.subject).append(end).append("\r\n");
  connection_.send(line);
}

std::string client_role::violation(std::string_view what,
                                   std::string_view subject,
                                   std::string_view queue,
                                   std::string_view more) {
  std::string text = "-ERR 'Permissions Violation for ";
  text.append(what).append(" \"").append(subject).append("\"");
  if (!queue.empty()) text.append(" using queue \"").append(queue).append("\"");
  return text.append(more).append("'\r\n");
}

flow client_role::deny_subscription(const protocol::ops::sub& op) {
  send_error(violation("Subscription to", op.subject, op.queue));
  note_rarely(connection_.home().of().violation_notice, log_level::error,
              "Subscription Violation - Subject ", quoted(op.subject));
  return flow::go_on;
}

flow client_role::on_sub(const protocol::ops::sub& op) {
  active_ = true;
  if (tracing_) [[unlikely]] {
    std::string text = "SUB ";
    text.append(op.subject).append(op.queue.empty() ? "" : " ").append(op.queue);
    trace("<<-", text.append(" ").append(op.sid));
  }
  const auto* const may = who_->may.get();
  if (op.queue == system_queue ||
      (may != nullptr && may->subscribe && !may->subscribe->may_subscribe(op.subject, op.queue))) {
    return deny_subscription(op);
  }
  const auto most_tokens = opts().max_subscription_tokens;
  if (most_tokens > 0 && std::count(op.subject.begin(), op.subject.end(), '.') >= most_tokens) {
    send_error(violation("Subscription to", op.subject, {}, ", too many tokens"));
    return flow::go_on;
  }
  if (const auto most = max_subscriptions(); most >= 0 && sids_.size() >= most) {
    return connection_.fail(errc::max_subscriptions);
  }
  if (auto* const known = sids_.find(op.sid)) {
    // One that was removed, or whose limit has been reached, makes room; any other stays.
    if (known->is_linked() && known->exhausted()) remove(known);
    if (sids_.find(op.sid) == known) {
      if (known->is_linked()) return ok();
      suspended_ = true;
      return flow::again;
    }
  }
  if (!protocol::is_valid_subscription(op.subject)) return connection_.fail(errc::invalid_subject);
  auto* const sub =
      subscription::create(connection_, its_account().id, op.subject, op.queue, op.sid);
  sids_.insert(sub);
  connection_.home().subscribe(its_account(), sub);
  return ok();
}

flow client_role::on_unsub(const protocol::ops::unsub& op) {
  active_ = true;
  if (tracing_) [[unlikely]] {
    trace("<<-", std::string("UNSUB ").append(op.sid).append(
                     op.max > 0 ? " " + std::to_string(op.max) : ""));
  }
  auto* const sub = sids_.find(op.sid);
  if (sub != nullptr && sub->is_linked()) {
    // Never back to "no limit": another shard could deliver one more before it is off the index.
    if (op.max > 0) sub->max.store(static_cast<std::uint32_t>(op.max), std::memory_order_seq_cst);
    if (op.max <= 0 || sub->exhausted()) remove(sub);
  }
  // +OK says that nothing more arrives for this sid, so it waits until that is true.
  if (verbose_ && removed_ != nullptr) {
    suspended_ = true;
    return flow::again;
  }
  return ok();
}

void client_role::on_exhausted(subscription* sub, std::uint32_t sid_hash) {
  if (!sids_.holds(sub, sid_hash) || !sub->is_linked()) return;
  if (!sub->exhausted()) return;
  remove(sub);
}

// Off the index at once; off the books once no other shard can be staging a message for it.
void client_role::remove(subscription* sub) {
  if (tracing_) [[unlikely]] {
    trace_removal(*sub);
  }
  auto& home = connection_.home();
  const auto tag = home.unsubscribe(its_account(), sub);
  // What this batch has staged for it must leave first: a shard that wakes up now could else put a
  // message for the sid's next subscription ahead of it.
  home.flush_own(connection_);
  if (home.epoch().passed(tag)) {
    sids_.erase(sub);
    subscription::destroy(sub);
    return;
  }
  if (removed_ == nullptr) removed_ = std::make_unique<std::vector<removed>>();
  removed_->push_back({tag, sub});
  wait_for_removed();
}

void client_role::remove_all() {
  std::vector<subscription*> all;
  sids_.for_each([&all](subscription* sub) {
    if (sub->is_linked()) all.push_back(sub);
  });
  for (auto* const sub : all) remove(sub);
}

void client_role::wait_for_removed() {
  if (std::exchange(waiting_, true)) return;
  // The role may be gone by then: look the connection up again.
  auto& home = connection_.home();
  home.epoch().when_passed(removed_->back().tag, [&home, cid = connection_.id] {
    home.with_role(cid, [](role& r) { static_cast<client_role&>(r).settle_removed(); });
  });
}

void client_role::settle_removed() {
  waiting_ = false;
  auto& epoch = connection_.home().epoch();
  const auto done = std::find_if(removed_->begin(), removed_->end(),
                                 [&epoch](const removed& r) { return !epoch.passed(r.tag); });
  for (auto it = removed_->begin(); it != done; ++it) {
    sids_.erase(it->sub);
    subscription::destroy(it->sub);
  }
  removed_->erase(removed_->begin(), done);
  if (!removed_->empty()) return wait_for_removed();
  removed_.reset();
  if (std::exchange(suspended_, false)) connection_.resume();
}

flow client_role::on_connect(std::string_view json) {
  protocol::connect_options asked;
  // Fields that are left out keep what they were.
  asked.verbose = verbose_;
  asked.pedantic = pedantic_;
  asked.echo = echo_;
  asked.headers = limits_.headers;
  asked.no_responders = no_responders_;
  asked.protocol = protocol_;
  if (!protocol::parse_connect(json, asked)) return on_error(errc::bad_arguments);
  if (tracing_) [[unlikely]] {
    trace("<<-", "CONNECT " + protocol::without_secrets(json));
  }
  if (connected_ && sids_.size() != 0) {
    // The reference forgets all subscriptions without a word.
    remove_all();
    if (removed_ != nullptr) {
      suspended_ = true;
      return flow::again;
    }
  }
  last_input_ = connection_.home().now();
  verbose_ = asked.verbose;
  pedantic_ = asked.pedantic;
  keep_title(asked, {});
  // Until a PONG says better: from the INFO to this.
  if (rtt_us_ == 0) note_rtt(std::chrono::system_clock::now() - connection_.start());
  if (asked.has_account) return refuse({});
  if (const auto next = log_in(asked); next != flow::go_on) return next;
  if (asked.protocol < 0 || asked.protocol > 1) {
    note_rarely(connection_.home().of().protocol_error_notice, log_level::error,
                protocol::error_text(errc::invalid_client_protocol), {});
    return connection_.fail(errc::invalid_client_protocol);
  }
  asked.headers = asked.headers && opts().headers;
  if (asked.no_responders && !asked.headers) return connection_.fail(errc::no_responders_headers);
  protocol_ = static_cast<std::uint8_t>(asked.protocol);
  no_responders_ = asked.no_responders;
  limits_.headers = asked.headers;
  echo_ = asked.echo;
  apply_flags();
  connected_ = true;
  first_ping_ = true;
  schedule_ping();
  return ok();
}

void client_role::apply_flags() {
  const bool answers = connection_.grants.load(std::memory_order_relaxed) != nullptr;
  const auto flags = static_cast<std::uint8_t>(
      (echo_ ? 0 : receiver::no_echo) | (limits_.headers ? 0 : receiver::no_headers) |
      (answers ? receiver::grants_replies : 0) | (tracing_ ? receiver::is_traced : 0));
  if (connection_.flags.exchange(flags, std::memory_order_relaxed) != flags && sids_.size() != 0) {
    connection_.home().of().index.invalidate_all();
  }
}

flow client_role::on_info(std::string_view json) {
  // A client has no business to send it; what is well-formed is ignored.
  return protocol::parse_info(json) ? flow::go_on : on_error(errc::bad_arguments);
}

flow client_role::on_ping() {
  active_ = true;
  // PONG promises that nothing more arrives for what was unsubscribed before the PING.
  if (removed_ != nullptr) {
    suspended_ = true;
    return flow::again;
  }
  if (tracing_) [[unlikely]] {
    trace("<<-", "PING");
    trace("->>", "PONG");
  }
  connection_.send_pong();
  if (connected_ && !std::exchange(greeted_, true) && protocol_ >= 1) {
    send_info(info_kind::answers_connect);
  }
  return flow::go_on;
}

flow client_role::on_pong() {
  if (tracing_) [[unlikely]] {
    trace("<<-", "PONG");
  }
  if (std::exchange(pings_out_, std::uint8_t{0}) != 0) {
    note_rtt(connection_.home().now() - last_ping_);
  }
  return flow::go_on;
}

void client_role::note_rtt(std::chrono::nanoseconds took) {
  const auto us = std::chrono::duration_cast<std::chrono::microseconds>(took).count();
  rtt_us_ = static_cast<std::uint32_t>(
      std::clamp<std::int64_t>(us, 1, std::numeric_limits<std::uint32_t>::max()));
}

flow client_role::on_error(errc code) {
  note_rarely(connection_.home().of().protocol_error_notice, log_level::error,
              "Client parser ERROR: ", protocol::to_string(code));
  return connection_.fail(code);
}

flow client_role::on_peer_error(std::string_view text) {
  note_rarely(connection_.home().of().protocol_error_notice, log_level::error, "Client Error ",
              text);
  return connection_.fail(errc::peer_error);
}

void client_role::schedule_ping() {
  const auto interval = way_in().ping_interval;
  if (!std::exchange(first_ping_, false)) return connection_.set_timer(interval);
  // Soon, to learn the round trip; spread, so that clients that came together don't stay together.
  const auto first = std::min<milliseconds>(interval, protocol::first_ping_delay);
  const auto spread = static_cast<std::uint32_t>(first.count() / 5 + 1);
  connection_.set_timer(first + milliseconds(connection_.home().random().below(spread)));
}

// Nothing counts as input until somebody has logged in.
milliseconds client_role::login_time_left() const {
  const auto left = way_in().login_timeout - (connection_.home().now() - last_input_);
  return std::max(std::chrono::ceil<milliseconds>(left), milliseconds(0));
}

void client_role::rewind_timer() {
  connection_.set_timer(who_ == nullptr ? login_time_left() : way_in().ping_interval);
}

void client_role::on_timer() {
  if (who_ == nullptr) {
    if (check_ != nullptr) return;
    // The wheel may be a tick early.
    if (login_time_left() > milliseconds(0)) return rewind_timer();
    connection_.fail(errc::authentication_timeout);
    return;
  }
  const auto now = connection_.home().now();
  const bool rtt_known =
      pings_out_ == 0 && last_ping_ != decltype(last_ping_){} && now - last_ping_ < rtt_lifetime;
  if (now - last_input_ >= way_in().ping_interval || !rtt_known) {
    if (pings_out_ >= opts().ping_max) {
      connection_.fail(errc::stale_connection);
      return;
    }
    // Of several that are out, the next PONG answers the first.
    if (pings_out_++ == 0) last_ping_ = now;
    if (tracing_) [[unlikely]] {
      trace("->>", "PING");
    }
    connection_.send("PING\r\n");
  }
  schedule_ping();
}

bool client_role::on_lame_duck() {
  // Only who has had its first PONG and knows of INFOs that come unasked.
  if (!greeted_ || protocol_ < 1) return false;
  send_info(info_kind::lame_duck);
  return true;
}

void client_role::on_close(close_reason reason) {
  auto& home = connection_.home();
  const bool slow =
      reason == close_reason::slow_pending || reason == close_reason::slow_write_deadline;
  if (slow) {
    note_rarely(home.of().slow_consumer_notice, log_level::info,
                "Slow Consumer Detected: ", to_string(reason));
  }
  auto& log = home.of().log;
  if (log.enabled(log_level::debug)) {
    log.write(log_level::debug,
              describe().append(" - Client connection closed: ").append(to_string(reason)));
  }

  std::vector<subscription*> all;
  sids_.for_each([&](subscription* sub) { all.push_back(sub); });
  for (auto* const sub : all) {
    if (sub->is_linked()) {
      if (tracing_) [[unlikely]] {
        trace_removal(*sub);
      }
      home.of().index.remove(its_account(), sub, home.epoch());
    }
    home.epoch().retire(sub, subscription::destroy);
  }
  sids_.clear();
  removed_.reset();
  leave_tally();
  if (who_ != nullptr) its_account().leave();
}

void client_role::deliver(const delivery&, bool) {}

std::string client_role::describe() const {
  std::string text;
  if (const auto by_proxy = connection_.bytes().forwarded_for(); !by_proxy.empty()) {
    const bool is_v6 = by_proxy.find(':') != std::string_view::npos;
    text.append(is_v6 ? "[" : "").append(by_proxy).append(is_v6 ? "]/" : "/");
  }
  text += ip_text(connection_.peer().address());
  text.append(":").append(std::to_string(connection_.peer().port()));
  text.append(" - ").append(way_in().id_name).append(":").append(std::to_string(connection_.id));
  if (who_ != nullptr && title_ != nullptr) {
    const auto [version, language, name, refused] = title();
    std::string said;
    if (!version.empty()) said.append("v").append(version);
    for (const auto part : {language, name}) {
      if (!part.empty()) said.append(said.empty() ? "" : ":").append(part);
    }
    if (!said.empty()) text.append(" - ").append(quoted(said));
  }
  if (who_ == nullptr) return text;
  using enum principal::proof;
  if (who_->by == token) {
    text.append(" - ").append(quoted(its_account().name + "/token"));
  } else if (!who_->name.empty()) {
    const std::string_view kind = who_->by == nkey ? "/nkey:" : "/user:";
    text.append(" - ").append(quoted(its_account().name + std::string(kind) + who_->name));
  }
  return text;
}

void client_role::keep_title(const protocol::connect_options& asked, std::string_view refused) {
  title_.reset();
  std::string title;
  for (const std::string_view each : {std::string_view(asked.version), std::string_view(asked.lang),
                                      std::string_view(asked.name), refused}) {
    // What follows a zero of their own is nobody's name.
    title.append(each, 0, each.find('\0')) += '\0';
  }
  if (title.size() == 4) return;  // nothing but zeros
  title_ = std::make_unique_for_overwrite<char[]>(title.size());
  title.copy(title_.get(), title.size());
}

client_role::title_parts client_role::title() const noexcept {
  if (title_ == nullptr) return {};
  const auto behind = [](std::string_view part) -> std::string_view {
    const char* const end = part.data() + part.size();
    return end + 1;
  };
  const std::string_view version = title_.get();
  const auto language = behind(version);
  const auto name = behind(language);
  return {version, language, name, behind(name)};
}

void client_role::show(connection_figures& of) const {
  of.rtt = std::chrono::microseconds(rtt_us_);
  of.subscriptions = sids_.size();
  of.last_activity = std::max({of.start, of.last_activity, to_wall_time(last_input_)});
}

void client_role::identify(connection_view& of) const {
  const auto said = title();
  of.version = said.version;
  of.language = said.language;
  of.name = said.name;
  if (who_ == nullptr) {
    of.user = said.refused;
  } else {
    of.user = who_->by == principal::proof::token ? "[REDACTED]" : who_->name;
  }
}

bool client_role::some_subscriptions(subscription_walk& from,
                                     std::size_t most,
                                     const std::function<void(const subscription&)>& visit) const {
  return sids_.for_some(from.parts, from.next, most, [&visit](const subscription* sub) {
    if (sub->is_linked()) visit(*sub);
  });
}

void client_role::note_rarely(rate_limited& notice,
                              log_level level,
                              std::string_view what,
                              std::string_view detail) const {
  connection_.home().note_rarely(connection_, notice, level, what, detail);
}

}  // namespace nuncio::server
