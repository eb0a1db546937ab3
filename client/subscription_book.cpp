#include "subscription_book.hpp"

#include <nuncio/client/error.hpp>
#include <nuncio/protocol/writer.hpp>

#include <charconv>
#include <utility>

namespace nuncio::client {
namespace {

using boost::system::error_code;

// The part behind `before` up to the next quote.
std::string_view quoted(std::string_view text, std::string_view before) noexcept {
  const auto at = text.find(before);
  if (at == std::string_view::npos) return {};
  text.remove_prefix(at + before.size());
  return text.substr(0, text.find('"'));
}

std::uint64_t to_number(std::string_view text) noexcept {
  std::uint64_t value = 0;
  std::from_chars(text.data(), text.data() + text.size(), value);
  return value;
}

}  // namespace

void subscription_book::add(sid id, std::string subject, std::string queue, subscriber& to) {
  subscriptions_.try_emplace(id, subscription{std::move(subject), std::move(queue), &to});
}

std::optional<std::uint64_t> subscription_book::limit(sid id, std::uint64_t max) {
  const auto at = subscriptions_.find(id);
  if (at == subscriptions_.end()) return std::nullopt;
  auto& sub = at->second;
  sub.max = max;
  if (sub.delivered < max) return max - sub.earlier;
  auto* const to = sub.to;
  remove(id);
  to->on_end({});
  return 0;
}

void subscription_book::leave(sid id) {
  if (const auto at = subscriptions_.find(id); at != subscriptions_.end()) {
    at->second.is_leaving = true;
  }
}

bool subscription_book::remove(sid id) {
  const auto at = subscriptions_.find(id);
  if (at == subscriptions_.end()) return false;
  if (at->second.where == place::both) gone_from_both_.push_back(id);
  subscriptions_.erase(at);
  return true;
}

void subscription_book::end_all(error_code why) {
  for (const auto& [id, sub] : std::exchange(subscriptions_, {})) sub.to->on_end(why);
}

void subscription_book::deliver(const protocol::server_message& m) {
  const auto at = subscriptions_.find(to_number(m.sid));
  if (at == subscriptions_.end()) return;
  auto& sub = at->second;
  auto* const to = sub.to;
  const bool is_last = ++sub.delivered == sub.max;
  // Off the books first: the subscriber may change them.
  if (is_last) remove(at->first);
  to->on_message(m);
  if (is_last) to->on_end({});
}

void subscription_book::refuse(std::string_view complaint) {
  const auto subject = quoted(complaint, "to \"");
  const auto queue = quoted(complaint, "using queue \"");
  const auto named = to_number(quoted(complaint, "(sid \""));
  std::vector<subscriber*> refused;
  for (auto at = subscriptions_.begin(); at != subscriptions_.end();) {
    const auto& [id, sub] = *at;
    if (named != 0 ? id != named : sub.subject != subject || sub.queue != queue) {
      ++at;
      continue;
    }
    refused.push_back(sub.to);
    subscriptions_.erase(at++);
  }
  for (auto* const each : refused) each->on_end(errc::permission);
}

void subscription_book::append_lines(std::string& out, sid id, subscription& it) {
  it.earlier = it.delivered;
  protocol::append_sub(out, it.subject, it.queue, id);
  if (it.max > 0) protocol::append_unsub(out, id, it.max - it.earlier);
}

std::string subscription_book::resubscription() {
  std::string out;
  gone_from_both_.clear();
  for (auto& [id, sub] : subscriptions_) {
    sub.where = place::here;
    if (!sub.is_leaving) append_lines(out, id, sub);
  }
  return out;
}

// A maximum is counted by one server, so what has one is on one only.
std::string subscription_book::join_groups() {
  std::string out;
  gone_from_both_.clear();
  for (auto& [id, sub] : subscriptions_) {
    if (sub.queue.empty() || sub.max > 0 || sub.is_leaving) continue;
    sub.where = place::both;
    append_lines(out, id, sub);
  }
  return out;
}

void subscription_book::stay(sid id) {
  if (const auto at = subscriptions_.find(id); at != subscriptions_.end()) {
    at->second.where = place::behind;
  }
}

std::string subscription_book::leave_all() {
  std::string out;
  for (const auto& [id, sub] : subscriptions_) {
    if (sub.where != place::behind) protocol::append_unsub(out, id);
  }
  return out;
}

std::string subscription_book::join_rest() {
  std::string out;
  for (const auto id : std::exchange(gone_from_both_, {})) protocol::append_unsub(out, id);
  for (auto& [id, sub] : subscriptions_) {
    if (sub.where == place::here && !sub.is_leaving) append_lines(out, id, sub);
    if (sub.where != place::both) continue;
    sub.where = place::here;
    // What was said meanwhile.
    if (sub.is_leaving) {
      protocol::append_unsub(out, id);
    } else if (sub.max > 0) {
      protocol::append_unsub(out, id, sub.max - sub.earlier);
    }
  }
  return out;
}

std::string subscription_book::return_all() {
  std::string out;
  for (auto& [id, sub] : subscriptions_) {
    if (sub.where != place::behind) continue;
    sub.where = place::here;
    append_lines(out, id, sub);
  }
  return out;
}

}  // namespace nuncio::client
