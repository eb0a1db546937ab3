#include "internal_role.hpp"

#include "net/observer.hpp"
#include "net/shard.hpp"

#include <utility>

namespace nuncio::server {
namespace {

// Nobody has more to say to a server; what is cut off is no JSON any more.
constexpr std::size_t most_of_request = 32UL * 1024;

}  // namespace

internal_role::internal_role(node& owner) : receiver(0), node_(owner) {
  self = this;
  flags.store(takes_itself, std::memory_order_relaxed);
}

internal_role::~internal_role() {
  for (auto* const sub : subscriptions_) subscription::destroy(sub);
}

void internal_role::subscribe(
    const std::function<std::vector<std::string>(const account&)>& subjects) {
  std::size_t at = 0;
  node_.all_accounts.for_each([&](account& each) {
    if (at++ < known_) return;
    for (const auto& subject : subjects(each)) {
      const auto sid = std::to_string(subscriptions_.size() + 1);
      auto* const sub = subscription::create(*this, each.id, subject, {}, sid);
      subscriptions_.push_back(sub);
      node_.shards.front()->subscribe(each, sub);
      each.subscriptions.fetch_sub(1, std::memory_order_relaxed);
      each.own_subscriptions.fetch_add(1, std::memory_order_relaxed);
    }
  });
  known_ = at;
}

void internal_role::each_subscription(const std::function<void(const subscription&)>& visit) const {
  for (const auto* const sub : subscriptions_) visit(*sub);
}

void internal_role::deliver(const delivery& message, bool) {
  if (message.sender == nullptr || node_.watcher == nullptr) return;
  const bool asks_who = message.subject == user_info_subject;
  system_request asked{std::string(message.subject), std::string(message.reply),
                       std::string(message.payload.substr(0, most_of_request)), message.account,
                       asks_who ? message.sender->user_info() : std::string()};
  // Later: what is counted when this batch ends is in the answer.
  message.from->post(
      [this, asked = std::move(asked)]() mutable { node_.watcher->on_request(std::move(asked)); });
}

}  // namespace nuncio::server
