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
  auto* const sub = subscription::create(*this, node_.global.id, user_info_subject, {}, "1");
  subscriptions_.push_back(sub);
  node_.shards.front()->subscribe(node_.global, sub);
  node_.global.subscriptions.fetch_sub(1, std::memory_order_relaxed);  // nobody's but ours
}

void internal_role::deliver(const delivery& message, bool) {
  if (message.reply.empty()) return;
  shard& here = *message.from;
  // Later: the shard is in the middle of a delivery now.
  boost::asio::post(here.io(), [this, &here, reply = std::string(message.reply)] {
    const std::string text = user_info();
    const std::string size = std::to_string(text.size());
    protocol::ops::pub op;
    op.subject = reply;
    op.size_text = size;
    op.body = text;
    std::uint16_t slot = 0;
    here.enter();
    here.publish(node_.global, nullptr, op, slot);
    here.end_batch();
  });
}

std::string internal_role::user_info() {
  const json::object answer{
      {"server",
       {{"name", node_.info.server_name},
        {"host", node_.info.host},
        {"id", node_.info.server_id},
        {"ver", node_.info.version},
        {"jetstream", false},
        {"flags", 0},
        {"seq", sequence_.fetch_add(1, std::memory_order_relaxed) + 1},
        {"time", utc_now()}}},
      {"data", {{"user", ""}, {"account", node_.global.name}, {"account_name", node_.global.name}}},
  };
  return json::serialize(answer);
}

}  // namespace nuncio::server
