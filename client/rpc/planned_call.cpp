#include "planned_call.hpp"

#include "failures.hpp"
#include "interception.hpp"

#include <algorithm>
#include <utility>

namespace nuncio::rpc {
namespace {

// In a call: subjects may come and go.
constexpr std::uint8_t max_look_ups = 3;

constexpr std::string_view id_digits =
    "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz-_";

// 96 random bits.
std::array<char, 16> draw_id(random_stock& from) {
  const auto bytes = from.draw<std::array<std::uint8_t, 12>>();
  std::array<char, 16> out{};
  for (std::size_t i = 0; i < 4; ++i) {
    std::uint32_t bits = 0;
    for (std::size_t k = 0; k < 3; ++k) bits = bits << 8 | bytes[3 * i + k];
    for (std::size_t k = 0; k < 4; ++k) out[4 * i + k] = id_digits[bits >> (6 * k) & 63];
  }
  return out;
}

call_plan::settings settings_of(const stub_core& core,
                                const detail::request& what,
                                call_plan::time now) {
  return {.retries = what.retries.value_or(core.options.retries),
          .hedge_after = what.hedge_after ? what.hedge_after : core.options.hedge_after,
          .is_idempotent = what.is_idempotent,
          .deadline = core.deadline_of(what, now)};
}

}  // namespace

void planned_call::start(std::shared_ptr<stub_core> core,
                         detail::request&& what,
                         std::unique_ptr<detail::pending_call> done,
                         bool is_one_way) {
  auto made = std::make_unique<planned_call>(std::move(core), what, std::move(done), is_one_way);
  auto& it = *made;
  it.self_ = std::move(made);
  it.begin(std::move(what), it.started_);
}

planned_call::planned_call(std::shared_ptr<stub_core> core,
                           const detail::request& what,
                           std::unique_ptr<detail::pending_call> done,
                           bool is_one_way)
    : core_(std::move(core)),
      done_(std::move(done)),
      started_(core_->home->now()),
      plan_(settings_of(*core_, what, started_)),
      type_(what.type),
      is_one_way_(is_one_way) {}

planned_call::~planned_call() = default;

protocol::rpc_block planned_call::block(std::uint32_t number, time deadline, time now) const {
  protocol::rpc_line line;
  line.takes_accept = !is_one_way_;
  line.is_one_way = is_one_way_;
  line.attempt = number;
  if (has_drawn_id_) line.call_id = {drawn_id_.data(), drawn_id_.size()};
  return what_.block(line, deadline, now);
}

call_facts planned_call::facts() const {
  return {.side = call_side::caller,
          .kind = is_one_way_ ? call_kind::one_way : call_kind::unary,
          .service = core_->prefix,
          .endpoint = endpoint_,
          .key = this,
          .headers = &headers_,
          .deadline = plan_.deadline(),
          .attempts = plan_.attempts()};
}

void planned_call::begin(detail::request&& what, time now) {
  const auto& watching = core_->options.interceptors;
  if (!watching.empty()) {
    auto first = facts();
    first.endpoint = what.endpoint;
    first.headers = first.added = &what.headers;
    call_view view(first);
    if (auto why = begin_call(watching, view)) return fail(*std::move(why));
    is_watched_ = true;
  }
  what_ = compose(core_->prefix, what);
  endpoint_ = std::move(what.endpoint);
  headers_ = std::move(what.headers);
  if (plan_.is_idempotent() && what_.call_id.empty()) {
    drawn_id_ = draw_id(core_->random);
    has_drawn_id_ = true;
  }
  if (plan_.deadline() <= now) {
    return fail(status::not_run(code::deadline_exceeded, "there was no time left"));
  }
  if (!admit(now)) return;
  if (const auto found = core_->subjects->find(endpoint_)) what_.subject = *found;
  core_->budget.note_call(now);
  auto& first = add(plan_.attempt_deadline(now));
  first_ = first.token();
  runtime::of(home()).cancel_by(done_->slot(), *first_);
  const auto hedge_at = plan_.hedge_at(now);
  begin_now(first, now);
  if (self_ && hedge_at) add(*hedge_at);
}

bool planned_call::admit(time now) {
  circuit_ = is_one_way_ ? nullptr : core_->circuit_of(endpoint_);
  if (circuit_ == nullptr) return true;
  ticket_ = circuit_->admit(now);
  if (ticket_.how != circuit_breaker::admission::refused) return true;
  auto why = status::not_run(code::unavailable, "too many calls have failed", "circuit-open");
  if (circuit_->open_until() > now) {
    why.retry_after = std::chrono::ceil<std::chrono::milliseconds>(circuit_->open_until() - now);
  }
  fail(std::move(why));
  return false;
}

attempt& planned_call::add(time first) {
  auto made = std::make_unique<attempt>(*this, first);
  auto& it = *made;
  *std::find(live_.begin(), live_.end(), nullptr) = &it;
  it.set_token(home().expect(std::move(made)));
  return it;
}

void planned_call::begin_now(attempt& which, time now) {
  const auto token = which.token();
  if (which.begin(plan_.begin(), plan_.attempt_deadline(now), now)) return;
  // The table doesn't know yet that it is over.
  static_cast<void>(home().calls().remove(token));
}

std::optional<planned_call::time> planned_call::on_due(attempt& which, time now) {
  if (now >= plan_.deadline()) {
    forget(which);
    fail(status::not_run(code::deadline_exceeded, "there was no answer as to who serves it"));
    return std::nullopt;
  }
  const bool is_hedge = live_[0] != nullptr && live_[1] != nullptr;
  if (is_hedge && !plan_.may_hedge(now, core_->budget)) {
    forget(which);
    return std::nullopt;
  }
  return which.begin(plan_.begin(), plan_.attempt_deadline(now), now);
}

void planned_call::forget(attempt& which) noexcept {
  std::replace(live_.begin(), live_.end(), &which, static_cast<attempt*>(nullptr));
  which.detach();
}

void planned_call::on_gone(attempt& which) {
  forget(which);
  if (live_[0] == nullptr && live_[1] == nullptr) self_.reset();
}

void planned_call::on_answer(attempt& from, std::string_view payload, content_type type) {
  forget(from);
  done_->set(payload, type);
  if (is_watched_ || circuit_ != nullptr) note_end(done_->failure());
  finish();
}

void planned_call::on_failure(attempt& from, status why, bool timed_out) {
  const bool has_begun = from.has_begun();
  forget(from);
  if (!has_begun || home().is_closed()) return fail(std::move(why));
  const auto now = home().now();
  if (can_look_up(why)) {
    plan_.take_back();
    return look_up_instead(now);
  }
  judge(std::move(why), timed_out, now);
}

void planned_call::judge(status why, bool timed_out, time now) {
  if (home().is_closed()) return fail(std::move(why));
  const auto next =
      plan_.on_failure(why, timed_out, now, core_->budget, core_->random.draw<std::uint32_t>());
  if (next.what == call_plan::verdict::give_up) return fail(std::move(why));
  if (first_) runtime::of(home()).note_moved(*first_, *this);
  if (next.what != call_plan::verdict::retry) return;
  drop_others();  // a hedge that waits for its time
  looked_up_ = 0;
  choose_subject();
  add(next.at);
}

void planned_call::choose_subject() {
  if (const auto found = core_->subjects->find(endpoint_)) {
    what_.subject = *found;
  } else {
    what_.subject = core_->prefix + '.' + endpoint_;
  }
}

// Anything else that waits or runs goes its own way.
bool planned_call::can_look_up(const status& why) const noexcept {
  return core_->options.look_up && looked_up_ < max_look_ups && why.surely_not_run &&
         why.reason == "no-responders" && why.instance.empty() && live_[0] == nullptr &&
         live_[1] == nullptr;
}

void planned_call::look_up_instead(time now) {
  ++looked_up_;
  has_asked_ = false;
  if (first_) runtime::of(home()).note_moved(*first_, *this);
  auto& next = add(plan_.deadline());
  const auto token = next.token();
  if (!on_found(next, now)) static_cast<void>(home().calls().remove(token));
}

std::optional<planned_call::time> planned_call::on_found(attempt& which, time now) {
  auto& subjects = *core_->subjects;
  if (const auto other = subjects.find_instead(endpoint_, what_.subject)) {
    what_.subject = *other;
    return which.begin(plan_.begin(), plan_.attempt_deadline(now), now);
  }
  if (subjects.wait(which, !std::exchange(has_asked_, true), now)) return plan_.deadline();
  forget(which);
  plan_.begin();
  judge(nobody(), false, now);
  return std::nullopt;
}

void planned_call::cancel() {
  fail({code::cancelled, "the call was cancelled"});
}

void planned_call::fail(status why) {
  if (plan_.may_have_run()) why.surely_not_run = false;
  note_end(why);
  if (!is_one_way_ && is_breaking(why) && !core_->fallbacks.empty()) {
    const auto at = core_->fallbacks.find(endpoint_);
    if (at != core_->fallbacks.end() && done_->fall_back(*at->second, why)) return finish();
  }
  done_->set(std::move(why));
  finish();
}

void planned_call::note_end(const status& how) {
  const auto now = home().now();
  if (circuit_ != nullptr) circuit_->note(ticket_, how, now);
  if (is_watched_) {
    end_call(core_->options.interceptors, call_view(facts()), how, now - started_);
  }
}

void planned_call::drop_others() {
  for (auto& each : live_) {
    if (each == nullptr) continue;
    each->leave();
    static_cast<void>(home().calls().remove(std::exchange(each, nullptr)->token()));
  }
}

void planned_call::finish() {
  drop_others();
  if (first_) runtime::of(home()).forget_moved(*first_);
  core_->home->finish_soon(std::move(self_));
}

}  // namespace nuncio::rpc
