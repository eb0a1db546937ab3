#pragma once

#include "core/receiver.hpp"
#include "core/subscription.hpp"
#include "net/node.hpp"

#include <nuncio/server/role.hpp>

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace nuncio::server {

/// The server's own subscriber: the few system services that every account can ask.
/// Now `$SYS.REQ.USER.INFO`, which tells a client who it is.
/// Source: nats-server 2.15.2, server/events.go, checked against a live one.
///
/// Thread: deliver() from any shard.
class internal_role final : public role, private receiver {
 public:
  explicit internal_role(node& owner);
  internal_role(const internal_role&) = delete;
  internal_role& operator=(const internal_role&) = delete;
  ~internal_role() override;

  /// For every account that it hasn't subscribed for yet. On the first shard's thread, once that
  /// runs.
  void subscribe();

  void deliver(const delivery& message, bool last) override;
  [[nodiscard]] std::string describe() const override { return "SYSTEM"; }
  /// On the first shard's thread.
  void each_subscription(const std::function<void(const subscription&)>& visit) const override;

 private:
  // It has no peer.
  void on_open() override {}
  verdict on_input(std::string_view) override { return {}; }
  void on_timer() override {}
  [[nodiscard]] bool can_move() const override { return false; }
  void on_reload(const in_force&) override {}
  void on_lame_duck() override {}
  void on_close(close_reason) override {}
  void on_exhausted(subscription*, std::uint32_t) override {}

  [[nodiscard]] std::string answer(std::string_view data);

  node& node_;
  std::atomic<std::uint64_t> sequence_{0};
  std::vector<subscription*> subscriptions_;
};

}  // namespace nuncio::server
