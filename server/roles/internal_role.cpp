#include "internal_role.hpp"

#include "net/shard.hpp"

#include <boost/asio/post.hpp>
#include <boost/json/object.hpp>
#include <boost/json/serialize.hpp>
#include <fmt/chrono.h>
#include <fmt/format.h>

#include <chrono>
#include <utility>

namespace nuncio::server {
namespace {

namespace json = boost::json;

constexpr std::string_view user_info_subject = "$SYS.REQ.USER.INFO";

std::string utc_now() {
  const auto now = std::chrono::system_clock::now();
  const auto seconds = std::chrono::floor<std::chrono::seconds>(now);
  const auto nanoseconds = std::chrono::duration_cast<std::chrono::nanoseconds>(now - seconds);
  return fmt::format("{:%Y-%m-%dT%H:%M:%S}.{:09}Z",
                     fmt::gmtime(std::chrono::system_clock::to_time_t(seconds)),
                     nanoseconds.count());
}

}  // namespace

internal_role::internal_role(node& owner) : receiver(0), node_(owner) {
  self = this;
  flags.store(takes_itself, std::memory_order_relaxed);
}

internal_role::~internal_role() {
  for (auto* const sub : subscriptions_) subscription::destroy(sub);
}

void internal_role::subscribe() {
  std::size_t known = subscriptions_.size();
  node_.all_accounts.for_each([&](account& each) {
    if (known != 0) {
      --known;
      return;
    }
    auto* const sub = subscription::create(*this, each.id, user_info_subject, {}, "1");
    subscriptions_.push_back(sub);
    node_.shards.front()->subscribe(each, sub);
    each.subscriptions.fetch_sub(1, std::memory_order_relaxed);
    each.own_subscriptions.fetch_add(1, std::memory_order_relaxed);
  });
}

void internal_role::each_subscription(const std::function<void(const subscription&)>& visit) const {
  for (const auto* const sub : subscriptions_) visit(*sub);
}

void internal_role::deliver(const delivery& message, bool) {
  if (message.reply.empty() || message.sender == nullptr) return;
  shard& here = *message.from;
  // Later: the shard is in the middle of a delivery now.
  boost::asio::post(here.io(),
                    [this, &here, to = message.account, reply = std::string(message.reply),
                     user = message.sender->user_info()] {
                      const std::string text = answer(user);
                      const std::string size = std::to_string(text.size());
                      protocol::ops::pub op;
                      op.subject = reply;
                      op.size_text = size;
                      op.body = text;
                      std::uint16_t slot = 0;
                      here.enter();
                      here.publish(*to, nullptr, nullptr, op, slot);
                      here.end_batch();
                    });
}

std::string internal_role::answer(std::string_view data) {
  const json::object server{
      {"name", node_.identity.info.server_name},
      {"host", node_.opts.host},
      {"id", node_.identity.info.server_id},
      {"ver", node_.identity.info.version},
      {"jetstream", false},
      {"flags", 0},
      {"seq", sequence_.fetch_add(1, std::memory_order_relaxed) + 1},
      {"time", utc_now()},
  };
  return "{\"server\":" + json::serialize(server) + ",\"data\":" + std::string(data) + '}';
}

}  // namespace nuncio::server
