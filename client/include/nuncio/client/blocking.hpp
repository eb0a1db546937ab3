#pragma once

#include <nuncio/client/connection.hpp>
#include <nuncio/client/error.hpp>
#include <nuncio/client/message.hpp>
#include <nuncio/client/options.hpp>
#include <nuncio/client/subscription.hpp>
#include <nuncio/protocol/info.hpp>

#include <boost/asio/any_io_executor.hpp>

#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <stop_token>
#include <string_view>
#include <vector>

/// The client library for small tools: functions that wait until they are done. What they wait for
/// happens on one thread for each connection, which the connection owns.
///
///   nuncio::blocking::connection nc({.servers = "nats://127.0.0.1:4222"});
///   nc.connect();
///   auto orders = nc.subscribe("orders.>");
///   while (const auto order = orders.next()) std::cout << order->payload() << '\n';
///
/// What goes wrong is thrown, as boost::system::system_error, whose code() is what the functions of
/// nuncio::client complete with; `Errors` names those. A function that has to wait can't do so on
/// the connection's own thread, that is in a callback: it is an error,
/// `boost::system::errc::resource_deadlock_would_occur`.
///
/// Cost: two changes of threads for what waits.
namespace nuncio::blocking {

/// No end of waiting.
inline constexpr auto forever = std::chrono::nanoseconds::max();

/// A subscription, as its owner holds it. Destroying it ends it.
///
/// It may be used, but then gives no more than the messages that it has, when its connection is
/// gone.
/// Thread: any, and several at once, but for moving and destroying.
class subscription {
 public:
  subscription() noexcept;  ///< of nothing: only to be assigned to
  /// The other one is of nothing then.
  subscription(subscription&& other) noexcept;
  /// Ends what it was.
  subscription& operator=(subscription&& other) noexcept;
  subscription(const subscription&) = delete;
  subscription& operator=(const subscription&) = delete;
  /// Afterwards its callback isn't called, and doesn't run any more, unless this is done by that.
  /// Pre:     not on the connection's thread, if the connection is gone.
  ~subscription();

  /// The next message; waits for one. Several threads that wait get one each.
  ///
  /// Nothing once the subscription has ended well, which has_ended() tells; as soon as `stop` is
  /// requested, of any thread, also if that was before; and when the time is up. A time that has
  /// passed asks for what is there.
  /// Pre:     a connection has made it, without a callback, and it wasn't moved from.
  /// Errors:  errc::closed, with the connection; errc::bad_subject and errc::permission, if it was
  ///          none; each is said again by every later call. errc::slow_consumer is said once for
  ///          any number of messages dropped, in the place where they would have come.
  /// Cost:    a lock, where messages have come already: up to 1024 are fetched at once, which don't
  ///          count any more against the limits. With when_full::drop_oldest each is fetched alone.
  std::optional<client::message> next(const std::stop_token& stop = {});
  /// The same, for so long at most.
  std::optional<client::message> next(std::chrono::nanoseconds timeout,
                                      const std::stop_token& stop = {});
  /// The same, until then at most.
  std::optional<client::message> next(std::chrono::steady_clock::time_point until,
                                      const std::stop_token& stop = {});

  /// True once next() has said that nothing will come any more, be it by an error.
  [[nodiscard]] bool has_ended() const noexcept;

  /// No message arrives any more; those that wait can still be taken. Doesn't wait.
  void unsubscribe();
  /// It ends after `max` messages, counted from its start; at once if it has had as many. Doesn't
  /// wait.
  void unsubscribe_after(std::uint64_t max);
  /// Ends it well: once this returns every message that was on its way has come, and can be taken.
  ///
  /// Pre:     a connection has made it, and it wasn't moved from.
  /// Errors:  errc::disconnected, errc::closed; it has ended then, too. errc::timed_out; it goes on
  ///          draining then.
  void drain(std::chrono::nanoseconds timeout = forever);

  /// Messages dropped since they weren't taken fast enough.
  [[nodiscard]] std::uint64_t dropped() const noexcept;

 private:
  friend class connection;
  struct state;
  struct waiter;
  explicit subscription(std::shared_ptr<state> its) noexcept;
  void end() noexcept;

  std::shared_ptr<state> state_;
};

/// A connection to a server of NATS' kind, and to the next one when that is lost.
///
/// Thread: any, and several at once. Callbacks, those of the options too, are called on the
///         connection's thread: what they wait for holds everything else up. They mustn't throw,
///         nor destroy the connection.
class connection {
 public:
  /// Gets a message where it lies in the read buffer.
  using callback = client::connection::callback;

  /// Starts the thread; connect() connects.
  /// Errors:  std::system_error, if there can be no thread.
  explicit connection(client::options settings = {});
  connection(const connection&) = delete;
  connection& operator=(const connection&) = delete;
  /// Closes it: functions that wait on other threads end with errc::closed. Call flush() or drain()
  /// before, if what was published is to arrive. Afterwards no callback is called.
  ///
  /// Pre:     no other thread begins a call meanwhile, but of its subscriptions.
  /// Cost:    a look-up of a host name that is under way is waited for, if no subscription is left.
  ~connection();

  /// Connects, or waits for the next connection while one that was lost is made again.
  ///
  /// Errors:  errc::bad_options; errc::closed; otherwise what the last server tried had to say.
  ///          After an error it may be called again. `options::connect_timeout` bounds one attempt.
  void connect();

  /// Sends a message to whoever is subscribed to `subject`: it is on its way when this returns, or
  /// waits for a connection. Where there is no room for it, it waits for some, unless
  /// options::pending_full says when_full::error, or this is a callback.
  ///
  /// Errors:  errc::bad_subject (also of the reply), errc::max_payload, errc::no_headers;
  ///          errc::buffer_full, where it doesn't wait, or the message exceeds the whole buffer;
  ///          errc::closed. Nothing is sent then.
  /// Cost:    one copy of the message and a lock, where there is room.
  void publish(std::string_view subject, std::string_view payload);
  /// The same with headers.
  void publish(std::string_view subject, const client::headers& header, std::string_view payload);
  /// The same with everything a message can have; an empty `reply` or `header_block` is none.
  void publish(const client::message_view& m);

  /// Subscribes. What is wrong with it is said by next(). It is in place before anything that is
  /// published or requested on this connection afterwards; flush() tells when others can rely on
  /// it. Doesn't wait.
  [[nodiscard]] subscription subscribe(std::string_view subject,
                                       const client::subscribe_options& set = {});
  /// Calls `deliver` for each message, on the connection's thread, as it is read; nothing is
  /// copied.
  [[nodiscard]] subscription subscribe(std::string_view subject,
                                       callback deliver,
                                       const client::subscribe_options& set = {});

  /// Sends a message and waits for the first answer.
  ///
  /// Errors:  errc::timed_out; errc::no_responders, at once, if nobody is subscribed; as of
  ///          publish(), which doesn't wait for room; errc::closed.
  client::message request(std::string_view subject,
                          std::string_view payload,
                          std::chrono::milliseconds timeout = client::connection::default_timeout);
  /// The same with headers; the reply of `m` is not looked at.
  client::message request(const client::message_view& m,
                          std::chrono::milliseconds timeout = client::connection::default_timeout);

  /// Sends a message and collects answers until `until` says that it is enough.
  ///
  /// Errors:  errc::no_responders, at once, if nobody is subscribed; errc::timed_out if no answer
  ///          came; as of publish(), which doesn't wait for room; errc::closed, and what had come
  ///          is gone.
  std::vector<client::message> request_many(const client::message_view& m,
                                            const client::collect_options& until = {});
  /// The same without headers.
  std::vector<client::message> request_many(std::string_view subject,
                                            std::string_view payload,
                                            const client::collect_options& until = {});

  /// Returns when the server has handled everything said so far, so that subscriptions made before
  /// are in place and refusals have been told to options::on_status. Without a connection it waits
  /// for one.
  ///
  /// Errors:  errc::disconnected, if the connection is lost meanwhile; errc::timed_out;
  ///          errc::closed.
  void flush(std::chrono::nanoseconds timeout = forever);

  /// Ends it well: subscriptions end, those of their messages that are on their way still come and
  /// can be taken, and what was published until then, by callbacks too, reaches the server. Then it
  /// is closed. Requests without an answer yet end with errc::closed.
  ///
  /// Errors:  errc::disconnected, if the connection is lost meanwhile; errc::closed.
  ///          errc::timed_out; it goes on draining then.
  void drain(std::chrono::nanoseconds timeout = forever);

  /// Ends it for good: functions that wait end with errc::closed, and what waits to be sent is
  /// thrown away. Doesn't wait.
  void close();

  /// What the present server said last; defaults before the first.
  [[nodiscard]] protocol::server_info server_info() const;
  /// There is a connection at this moment.
  [[nodiscard]] bool is_connected() const;
  /// Doesn't wait.
  [[nodiscard]] client::connection::counters statistics() const noexcept;

  /// The connection behind it, for what isn't here: operations with completion tokens, such as
  /// futures, and calls by nuncio::rpc.
  ///
  ///   nuncio::rpc::stub prices(nc.async(), "prices");
  ///   auto price = prices.async_call<int>("get", lamp, {}, boost::asio::use_future).get();
  ///
  /// What is made of it, subscriptions for instance, must be gone before this is.
  [[nodiscard]] client::connection& async() noexcept;
  /// Of the connection's thread.
  [[nodiscard]] boost::asio::any_io_executor get_executor() const noexcept;

 private:
  friend class subscription;
  struct core;

  std::shared_ptr<core> core_;  // subscriptions hold it, too: the thread ends with the last of them
};

}  // namespace nuncio::blocking
