#include "permissions.hpp"

#include <nuncio/protocol/subject.hpp>

#include <algorithm>
#include <atomic>
#include <utility>

namespace nuncio::server {
namespace {

constexpr std::string_view blanks = " \t\r\n";

// At most so many are looked at for each new grant: two would do, and no grant pays for many.
constexpr int max_pruned = 64;

struct words {
  std::string subject;
  std::string queue;
  bool readable = true;  // one word or two
};

words split(std::string_view entry) {
  const auto next = [&entry] {
    entry.remove_prefix(std::min(entry.find_first_not_of(blanks), entry.size()));
    const auto word = entry.substr(0, entry.find_first_of(blanks));
    entry.remove_prefix(word.size());
    return std::string(word);
  };
  words found;
  found.subject = next();
  found.queue = next();
  found.readable = !found.subject.empty() && next().empty();
  return found;
}

subject_patterns readable(const subject_patterns& entries) {
  subject_patterns kept;
  std::copy_if(entries.begin(), entries.end(), std::back_inserter(kept),
               [](const std::string& entry) { return split(entry).readable; });
  return kept;
}

subject_patterns subjects_of(const subject_patterns& entries) {
  subject_patterns subjects;
  subjects.reserve(entries.size());
  for (const auto& entry : entries) subjects.push_back(split(entry).subject);
  return subjects;
}

bool names_queue(std::string_view pattern, std::string_view queue) noexcept {
  return pattern == queue || (!protocol::is_literal(pattern) && protocol::covers(pattern, queue));
}

subject_rules publish_rules(const permissions& what) {
  auto rules = what.publish;
  // Who may answer what it is asked shall not publish anything else, unless that is said.
  if (what.responses && !rules.allow) rules.allow.emplace();
  return rules;
}

bool is_restricted(const subject_rules& rules) noexcept {
  return rules.allow || !rules.deny.empty();
}

std::optional<response_rules> with_defaults(std::optional<response_rules> rules) {
  if (!rules) return rules;
  if (rules->max == 0) rules->max = response_rules{}.max;
  if (rules->expires == rules->expires.zero()) rules->expires = response_rules{}.expires;
  return rules;
}

std::atomic<std::uint64_t> last_number{0};

}  // namespace

publisher_rules::publisher_rules(const subject_rules& rules)
    : deny_(subjects_of(rules.deny)), number_(++last_number) {
  if (rules.allow) allow_.emplace(*rules.allow);
}

bool publisher_rules::allows(std::string_view subject) const noexcept {
  return (!allow_ || allow_->matches(subject)) && !deny_.matches(subject);
}

bool allowed_beginnings::ask(const publisher_rules& rules,
                             std::string_view subject,
                             slot& known) noexcept {
  const auto allowed =
      rules.allow_ ? rules.allow_->look_for(subject) : subject_set::answer{true, true};
  if (!allowed.found) return false;
  const auto denied = rules.deny_.look_for(subject);
  if (allowed.by_beginning && denied.by_beginning && !denied.found) {
    const char* const data = subject.data();
    known = {detail::load(data, sizeof(slot::beginning)), rules.number_};
  }
  return !denied.found;
}

queue_patterns::queue_patterns(const subject_patterns& entries) : subjects_(subjects_of(entries)) {
  for (std::size_t i = 0; i < entries.size(); ++i) {
    auto entry = split(entries[i]);
    if (entry.queue.empty() || !entry.readable) continue;
    queues_.resize(entries.size());
    queues_[i] = std::move(entry.queue);
  }
}

void queue_patterns::add(answer& to, std::uint32_t place, std::string_view queue) const noexcept {
  const bool plain = queues_.empty() || queues_[place].empty();
  to.plain = to.plain || plain;
  if (plain) return;
  to.qualified = true;
  to.named = to.named || (!queue.empty() && names_queue(queues_[place], queue));
}

queue_patterns::answer queue_patterns::matching(std::string_view subject,
                                                std::string_view queue) const noexcept {
  answer found;
  subjects_.each_match(subject, [&](std::uint32_t place) {
    add(found, place, queue);
    return !(found.plain && queues_.empty());
  });
  return found;
}

queue_patterns::answer queue_patterns::covering(std::string_view subject,
                                                std::string_view queue) const noexcept {
  answer found;
  subjects_.each_cover(subject, [&](std::uint32_t place) {
    add(found, place, queue);
    return !(found.plain && queues_.empty());
  });
  return found;
}

subscriber_rules::subscriber_rules(const subject_rules& rules) : deny_(rules.deny) {
  if (rules.allow) allow_.emplace(readable(*rules.allow));
}

bool subscriber_rules::may_subscribe(std::string_view subject,
                                     std::string_view queue) const noexcept {
  if (allow_) {
    const auto found = allow_->covering(subject, queue);
    const bool by_queue = !queue.empty() && found.qualified;
    if (!(by_queue ? found.named : found.plain)) return false;
  }
  return deny_.empty() || !denies(deny_.covering(subject, queue));
}

grants::grants(const permissions& what) : said(what), responses(with_defaults(what.responses)) {
  const auto publishing = publish_rules(what);
  if (is_restricted(publishing)) publish.emplace(publishing);
  if (is_restricted(what.subscribe)) subscribe.emplace(what.subscribe);
}

std::shared_ptr<const grants> make_grants(const permissions& what) {
  if (what == permissions{}) return nullptr;
  return std::make_shared<const grants>(what);
}

bool same_grants(const grants* a, const grants* b) {
  return a == b || (a != nullptr && b != nullptr && a->said == b->said);
}

reply_grants::reply_grants(std::shared_ptr<const grants> may)
    : may_(std::move(may)), rules_(may_->responses.value_or(response_rules{})) {}

bool reply_grants::too_old(const left& grant, clock::time_point now) const noexcept {
  return rules_.expires >= rules_.expires.zero() && now - grant.since > rules_.expires;
}

void reply_grants::forget(place at) {
  by_reply_.erase(at->reply);
  by_age_.erase(at);
}

void reply_grants::grant(std::string_view reply, clock::time_point now) {
  const auto& publish = may_->publish;
  if (publish && publish->allows(reply)) return;
  const auto times = rules_.max < 0 ? 0 : static_cast<std::uint32_t>(rules_.max);
  const std::scoped_lock guard(lock_);
  for (int i = 0; i < max_pruned && !by_age_.empty() && too_old(by_age_.front(), now); ++i) {
    forget(by_age_.begin());
  }
  if (const auto known = by_reply_.find(reply); known != by_reply_.end()) {
    const auto at = known->second;
    at->times = times;
    at->since = now;
    by_age_.splice(by_age_.end(), by_age_, at);
    return;
  }
  if (by_age_.size() >= max_live) forget(by_age_.begin());
  by_age_.push_back({std::string(reply), times, now});
  by_reply_.emplace(by_age_.back().reply, std::prev(by_age_.end()));
}

bool reply_grants::take(std::string_view reply, clock::time_point now) {
  const std::scoped_lock guard(lock_);
  const auto found = by_reply_.find(reply);
  if (found == by_reply_.end()) return false;
  const auto at = found->second;
  if (too_old(*at, now)) {
    forget(at);
    return false;
  }
  if (rules_.max >= 0 && --at->times == 0) forget(at);
  return true;
}

std::size_t reply_grants::size() const {
  const std::scoped_lock guard(lock_);
  return by_age_.size();
}

}  // namespace nuncio::server
