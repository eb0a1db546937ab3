#pragma once

#include "accept_pace.hpp"
#include "auxiliary.hpp"
#include "core/accounts.hpp"
#include "core/epochs.hpp"
#include "core/sublist.hpp"
#include "in_force.hpp"
#include "observer.hpp"
#include "rate_counter.hpp"
#include "rate_limited.hpp"
#include "tally.hpp"

#include <nuncio/protocol/info.hpp>
#include <nuncio/server/log.hpp>
#include <nuncio/server/options.hpp>
#include <nuncio/server/role.hpp>
#include <nuncio/server/stats.hpp>
#include <nuncio/server/views.hpp>

#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

namespace nuncio::server {

class connection;
class shard;

/// What all shards of one server share. Constant while they run, but for what is atomic or says how
/// it is shared.
struct node {
  node(options settings,
       log_sink& sink,
       std::uint64_t seed,
       boost::asio::io_context* users_loop = nullptr);
  node(const node&) = delete;
  node& operator=(const node&) = delete;
  ~node();

  const wall_time start;
  const options opts;
  log_sink& log;
  /// Of the user's, on which the only shard runs; null: shards have their own.
  boost::asio::io_context* const loop;
  identity_info identity;

  sublist index;
  accounts all_accounts;
  /// What the options make of the server now. Shards have it from take_rules(); who is none asks
  /// here.
  [[nodiscard]] std::shared_ptr<const in_force> rules() const;
  void set_rules(std::shared_ptr<const in_force> next);
  /// The secret that nonces come from: see nonce_of().
  std::array<std::byte, 32> nonce_key{};
  accept_pace pace;  ///< of all listeners, which are the first shard's
  auxiliary aside;
  auxiliary handshakes;  ///< their steps
  rate_counter handshake_rate;
  rate_counter websocket_handshake_rate;
  std::unique_ptr<epochs> all_epochs;
  std::vector<std::unique_ptr<shard>> shards;
  /// Null: nobody watches. Set before the shards run.
  observer* watcher = nullptr;
  /// Gives a new connection its meaning.
  std::function<std::unique_ptr<role>(connection&)> make_client;

  /// Thread: any. Cost: a few loads per shard and account; stops nobody.
  [[nodiscard]] stats statistics();
  /// What INFO tells every client, and the one with this id at this address besides.
  [[nodiscard]] static protocol::server_info info_for(const in_force& rules,
                                                      std::uint64_t cid,
                                                      const boost::asio::ip::tcp::endpoint& peer,
                                                      connection_type type);
  /// What the client with this id signs if it has an nkey. Nobody can guess it, and nobody needs to
  /// keep it.
  [[nodiscard]] std::string nonce_of(std::uint64_t cid) const;
  /// A shard is busy, or has connections though it isn't the first. Empty if there is nothing to
  /// balance; any shard.
  std::function<void()> wake_balancing;
  /// Any thread but the shards', while they run. Has the first one's thread do `work`, and waits
  /// until that is done.
  void run_on_first(const std::function<void()>& work) const;
  /// The last connection has ended; any shard.
  void last_one_left() noexcept;

  /// Set once, before `lame_duck`: called by the shard whose connection was the last one.
  std::function<void()> when_left;
  std::atomic<bool> lame_duck{false};

  std::atomic<std::uint64_t> next_cid{1};
  std::atomic<std::int64_t> connections{0};
  /// Connections that a reload has made too many; shards that close one count it down.
  std::atomic<std::int64_t> excess{0};
  tally by_address;  ///< connections, while there is a limit
  tally by_user;
  rate_limited slow_consumer_notice;
  rate_limited protocol_error_notice;
  rate_limited violation_notice;
  rate_limited login_notice;
  rate_limited full_queue_notice;      ///< of passwords: apart, so that refusals don't hide it
  rate_limited reload_refusal_notice;  ///< whom a reload closes: apart from who comes
  rate_limited reload_close_notice;
  rate_limited removal_notice;
  rate_limited handshake_notice;
  rate_limited limit_notice;

 private:
  mutable std::mutex rules_lock_;  // guards `rules_`
  std::shared_ptr<const in_force> rules_;
};

}  // namespace nuncio::server
