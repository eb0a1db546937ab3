#pragma once

#include <nuncio/protocol/parser.hpp>
#include <nuncio/server/close_reason.hpp>
#include <nuncio/server/views.hpp>

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <string>
#include <string_view>

namespace nuncio::server {

struct account;
class in_force;
class role;
class shard;
struct subscription;
struct traced_message;

/// A message for a role that writes it by itself; views that live during the call.
struct delivery {
  std::string_view subject;                  ///< where it was published
  std::string_view reply;                    ///< empty where there is none
  std::string_view sid;                      ///< of the subscription that gets it
  std::string_view headers;                  ///< the whole block, or empty
  std::string_view payload;                  ///< without the headers
  const server::account* account = nullptr;  ///< of the publisher
  const role* sender = nullptr;  ///< whose connection published it; null: the server itself
  shard* from =
      nullptr;  ///< on whose thread this is; publish from there only later, by posting to it
};

/// How far a walk over a role's subscriptions has come. Between its steps they may come and go.
struct subscription_walk {
  std::uint32_t parts = 0;  ///< that the role has divided them into; 0: it is at the beginning
  std::uint32_t next = 0;   ///< the first of them that hasn't been visited
};

/// What a connection means. The connection moves bytes; the role understands them. Nothing outside
/// of roles/ asks what kind a connection is.
///
/// Thread: all calls come from the thread of the connection's shard, but deliver(), which any shard
/// may call and which must not block.
class role {
 public:
  /// What has become of the bytes that on_input() was given.
  struct verdict {
    std::size_t consumed = 0;  ///< bytes that are done with
    /// Bytes from the first unconsumed one that make another call worthwhile; 0: any more.
    std::size_t needed = 0;
    /// go_on; suspended: call again after connection::resume(); closed: the connection is over.
    protocol::flow next = protocol::flow::go_on;
  };

  role() = default;
  role(const role&) = delete;
  role& operator=(const role&) = delete;
  virtual ~role() = default;

  /// The connection is up; greet.
  virtual void on_open() = 0;
  /// What had to be settled between the two has been, such as TLS: input follows. After on_open().
  virtual void on_ready() {}
  /// Bytes from the peer: what was not consumed before, then new ones. `protocol::parser_padding`
  /// readable bytes follow, and views into them may be lent to the shard until the batch ends.
  virtual verdict on_input(std::string_view bytes) = 0;
  /// The timer that the role set has fired.
  virtual void on_timer() = 0;
  /// False while it waits for something on its shard, so that its connection must stay there.
  [[nodiscard]] virtual bool can_move() const = 0;
  /// Other options are in force; `before` are those until now.
  virtual void on_reload(const in_force& before) = 0;
  /// The server is about to go: tell the peer, if it understands. False: it doesn't.
  virtual bool on_lame_duck() = 0;
  /// The connection is over; give back subscriptions. Nothing more can be sent.
  virtual void on_close(close_reason reason) = 0;
  /// A message for a subscription whose receiver takes_itself. `last`: its limit is reached.
  virtual void deliver(const delivery& message, bool last) = 0;
  /// A delivery has reached the limit of one of its subscriptions. `sub` may be gone already, and
  /// is only a name to look up among those with this hash of their sid.
  virtual void on_exhausted(subscription* sub, std::uint32_t sid_hash) = 0;
  /// Its connection sends an -ERR with this text.
  virtual void on_error_sent(std::string_view) {}
  /// A message was on its way to a receiver that is_traced. Another shard says so a little later.
  virtual void on_delivered(const traced_message&) {}
  /// What the peer calls itself. Constant while it has subscriptions, so that any shard may ask
  /// that has found one of them.
  [[nodiscard]] virtual std::string_view name() const noexcept { return {}; }
  /// Whom it has turned out to be, as JSON: `user`, `account` and what it may do.
  /// Source: nats-server 2.15.2, server/events.go, UserInfo.
  [[nodiscard]] virtual std::string user_info() const { return "{}"; }
  /// Adds to what its connection has done when it was last heard, its round trip and the number of
  /// its subscriptions.
  virtual void show(connection_figures&) const {}
  /// Likewise who it is.
  virtual void identify(connection_view&) const {}
  /// Calls visit(const subscription&) for each of its subscriptions.
  virtual void each_subscription(const std::function<void(const subscription&)>&) const {}
  /// Likewise for some, `most` at the most or little more, from where `from` is, which goes on with
  /// them; false: these were the last. Those that are there all the time are visited once each; of
  /// others no two with the same sid.
  virtual bool some_subscriptions(subscription_walk& from,
                                  std::size_t most,
                                  const std::function<void(const subscription&)>& visit) const;
  /// One line for logs: kind, id and who it is.
  [[nodiscard]] virtual std::string describe() const = 0;
};

// Good enough for a role that only ever adds some, and has no hundreds of thousands.
inline bool role::some_subscriptions(subscription_walk& from,
                                     std::size_t most,
                                     const std::function<void(const subscription&)>& visit) const {
  const std::size_t end = from.next + most;
  std::uint32_t at = 0;
  each_subscription([&](const subscription& each) {
    if (at >= from.next && at < end) visit(each);
    ++at;
  });
  from.parts = at;
  from.next = static_cast<std::uint32_t>(std::min<std::size_t>(at, end));
  return from.next < at;
}

}  // namespace nuncio::server
