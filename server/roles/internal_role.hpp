#pragma once

#include "core/receiver.hpp"
#include "core/subscription.hpp"
#include "net/node.hpp"

#include <nuncio/server/role.hpp>

#include <cstddef>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

namespace nuncio::server {

/// The server's own subscriber: hears what clients ask of it, and hands that to the node's watcher.
///
/// Thread: deliver() from any shard.
class internal_role final : public role, private receiver {
 public:
  explicit internal_role(node& owner);
  internal_role(const internal_role&) = delete;
  internal_role& operator=(const internal_role&) = delete;
  ~internal_role() override;

  /// Subscribes in every account that it hasn't asked for yet to what `subjects(account)` says. On
  /// the first shard's thread, once that runs.
  void subscribe(const std::function<std::vector<std::string>(const account&)>& subjects);

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
  bool on_lame_duck() override { return false; }
  void on_close(close_reason) override {}
  void on_exhausted(subscription*, std::uint32_t) override {}

  node& node_;
  std::size_t known_ = 0;  // accounts, the first of all
  std::vector<subscription*> subscriptions_;
};

}  // namespace nuncio::server
