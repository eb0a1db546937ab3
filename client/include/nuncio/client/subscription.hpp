#pragma once

#include <nuncio/client/message.hpp>
#include <nuncio/client/options.hpp>

#include <boost/asio/any_completion_handler.hpp>
#include <boost/asio/async_result.hpp>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/deferred.hpp>
#include <boost/system/error_code.hpp>

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <utility>

namespace nuncio::client {

class subscription_state;

/// What a subscription may say besides its subject.
struct subscribe_options {
  std::string queue;               ///< group of which one member gets each message; empty: none
  std::uint64_t max_messages = 0;  ///< it ends after so many; 0: never by itself
  std::optional<subscription_limits> limits;  ///< instead of the connection's
};

/// A subscription, as its owner holds it. Messages wait in it until they are taken by async_next()
/// or try_next(), or go to a callback at once.
///
/// It outlives lost connections. Destroying it ends it; what waited is gone then.
/// Thread: any, but one at a time, and destruction on the connection's executor if it has a
/// callback, which may otherwise still be running.
class subscription {
 public:
  /// What its operations complete with, whatever the token was.
  ///@{
  using drain_handler = boost::asio::any_completion_handler<void(boost::system::error_code)>;
  using next_handler =
      boost::asio::any_completion_handler<void(boost::system::error_code, message)>;

  ///@}
  subscription() noexcept = default;  ///< of nothing: only to be assigned to
  subscription(subscription&& other) noexcept = default;
  /// The one that this was ends first.
  subscription& operator=(subscription&& other) noexcept;
  subscription(const subscription&) = delete;
  subscription& operator=(const subscription&) = delete;
  ~subscription();

  /// The next message.
  ///
  /// Pre:     a connection has made it, and it wasn't moved from.
  /// Completes with `void(error_code, message)`.
  /// Errors:  errc::ended, once everything was taken; errc::bad_subject and errc::permission, if it
  ///          never was one; errc::closed, with the connection. Each is said again by every later
  ///          call. errc::slow_consumer is said once for any number of messages dropped, in the
  ///          place where they would have come.
  /// Cancel:  all types; no message is lost by it.
  /// Cost:    one allocation for the message, none for the operation after the first few.
  template <class Token = boost::asio::deferred_t>
  auto async_next(Token&& token = {}) {
    return boost::asio::async_initiate<Token, void(boost::system::error_code, message)>(
        [state = state_](auto handler) { start_next(state, next_handler(std::move(handler))); },
        token);
  }

  /// The next message; nothing once it has ended well, so that
  ///
  ///   while (auto m = co_await orders.async_read()) use(*m);
  ///
  /// ends by itself. Errors:  throws boost::system::system_error for what else async_next() says.
  /// Cancel:  as async_next(). Lifetime: this, until it completes.
  [[nodiscard]] boost::asio::awaitable<std::optional<message>> async_read();

  /// A message that waits, without waiting. On the connection's executor only.
  [[nodiscard]] std::optional<message> try_next();

  /// Ends it well: completes once every message that was on its way has come. They can still be
  /// taken.
  ///
  /// Pre:     a connection has made it, and it wasn't moved from.
  /// Completes with `void(error_code)`.
  /// Errors:  errc::disconnected, errc::closed; it has ended then, too.
  /// Cancel:  none.
  template <class Token = boost::asio::deferred_t>
  auto async_drain(Token&& token = {}) {
    return boost::asio::async_initiate<Token, void(boost::system::error_code)>(
        [state = state_](auto done) { start_drain(state, drain_handler(std::move(done))); }, token);
  }

  /// No message arrives any more; those that wait can still be taken.
  void unsubscribe();
  /// It ends after `max` messages, counted from its start; at once if it has had as many.
  void unsubscribe_after(std::uint64_t max);

  /// Messages dropped since they weren't taken fast enough.
  [[nodiscard]] std::uint64_t dropped() const noexcept;

 private:
  friend class connection;
  explicit subscription(std::shared_ptr<subscription_state> state) noexcept
      : state_(std::move(state)) {}
  static void start_drain(const std::shared_ptr<subscription_state>& state, drain_handler done);
  static void start_next(const std::shared_ptr<subscription_state>& state, next_handler handler);

  std::shared_ptr<subscription_state> state_;
};

}  // namespace nuncio::client
