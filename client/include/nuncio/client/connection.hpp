#pragma once

#include <nuncio/client/error.hpp>
#include <nuncio/client/message.hpp>
#include <nuncio/client/options.hpp>
#include <nuncio/client/subscription.hpp>
#include <nuncio/protocol/info.hpp>

#include <boost/asio/any_completion_handler.hpp>
#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/async_result.hpp>
#include <boost/asio/deferred.hpp>
#include <boost/system/error_code.hpp>

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <string_view>
#include <utility>
#include <vector>

namespace nuncio::client {

class driver;

/// When the answers to a request are enough. The time counts in any case.
struct collect_options {
  std::chrono::milliseconds timeout{5000};  ///< for all of them
  std::size_t count = 0;                    ///< answers; 0: any number
  std::chrono::milliseconds stall{0};       ///< without another answer; 0: no matter
  bool until_empty = false;                 ///< an answer without a payload ends it, and isn't one
  std::size_t max_bytes = 64UL * 1024 * 1024;  ///< of all; then they are enough, too
};

/// A connection to a server of NATS' kind, and to the next one when that is lost.
///
///   const auto executor = co_await boost::asio::this_coro::executor;
///   nuncio::client::connection nc(executor, {.name = "orders"});
///   co_await nc.async_connect();
///   auto orders = nc.subscribe("orders.>");
///   nc.publish("orders.new", "3 lamps");
///   auto order = co_await orders.async_next();
///
/// It makes no thread of its own. (Asio resolves host names on one; addresses need none.)
/// Thread:  any. Everything happens on the executor, which must run one handler at a time: an
///          io_context that one thread runs, or a strand.
class connection {
 public:
  /// What operations complete with, whatever the token was.
  ///@{
  using handler = boost::asio::any_completion_handler<void(boost::system::error_code)>;
  using answer_handler =
      boost::asio::any_completion_handler<void(boost::system::error_code, message)>;
  using answers_handler =
      boost::asio::any_completion_handler<void(boost::system::error_code, std::vector<message>)>;
  ///@}
  /// Gets messages where they lie; called on the executor.
  using callback = std::function<void(const message_view&)>;

  static constexpr std::chrono::milliseconds default_timeout{5000};  ///< of a request

  /// What has gone over all connections so far. Totals only grow.
  struct counters {
    std::uint64_t in_messages = 0;  ///< received, of all subscriptions
    std::uint64_t in_bytes = 0;     ///< of the stream
    std::uint64_t out_bytes = 0;    ///< of the stream, too
    std::uint64_t reconnects = 0;   ///< after losses
    std::uint64_t dropped = 0;      ///< messages to be sent that made room for others
  };

  /// Nothing is opened yet, and options are judged by async_connect().
  connection(boost::asio::any_io_executor executor, options settings);
  connection(const connection&) = delete;
  connection& operator=(const connection&) = delete;
  /// Closes it. Afterwards no callback is called, if this happens on the executor.
  ~connection();

  /// Connects; completes once the server has agreed. Later losses are repaired by themselves.
  /// While one is being repaired it waits for the next connection; several may wait at once.
  ///
  /// Errors:  errc::bad_options; errc::closed; otherwise what the last server tried had to say.
  ///          After an error it may be called again.
  /// Cancel:  terminal, partial, total. If no other call waits for the first connection, the
  /// attempt
  ///          is given up.
  template <class Token = boost::asio::deferred_t>
  auto async_connect(Token&& token = {}) {
    return boost::asio::async_initiate<Token, void(boost::system::error_code)>(
        [this](auto done) { start_connect(handler(std::move(done))); }, token);
  }

  /// Sends a message to whoever is subscribed to `subject`. It never waits: the message is on its
  /// way with all others published in the same turn of the loop, or when there is a connection.
  ///
  /// Returns: errc::bad_subject (also of the reply), errc::max_payload, errc::no_headers;
  ///          errc::buffer_full; errc::closed. Nothing is sent then.
  /// Cost:    one copy of the message.
  boost::system::error_code publish(std::string_view subject, std::string_view payload);
  /// The same with headers.
  boost::system::error_code publish(std::string_view subject,
                                    const headers& header,
                                    std::string_view payload);
  /// The same with everything a message can have; an empty `reply` or `header_block` is none.
  boost::system::error_code publish(const message_view& m);

  /// publish() that waits for room where there is none, unless options::pending_full says
  /// when_full::error.
  ///
  /// Errors:  as of publish(), but errc::buffer_full only for what exceeds the whole buffer.
  /// Cancel:  terminal, partial, total, while it waits; the message isn't sent then.
  /// Lifetime: the views until the call returns.
  template <class Token = boost::asio::deferred_t>
  auto async_publish(std::string_view subject, std::string_view payload, Token&& token = {}) {
    return async_publish(message_view{.subject = subject, .payload = payload},
                         std::forward<Token>(token));
  }
  /// The same with everything a message can have.
  template <class Token = boost::asio::deferred_t>
  auto async_publish(const message_view& m, Token&& token = {}) {
    return boost::asio::async_initiate<Token, void(boost::system::error_code)>(
        [this](auto done, message what) {
          start_publish(std::move(what), handler(std::move(done)));
        },
        token, message(m));
  }

  /// Subscribes. What is wrong with it is said where its messages would come.
  [[nodiscard]] subscription subscribe(std::string_view subject, const subscribe_options& set = {});
  /// Calls `deliver` for each message, on the executor, as it is read; nothing is copied.
  [[nodiscard]] subscription subscribe(std::string_view subject,
                                       callback deliver,
                                       const subscribe_options& set = {});

  /// Sends a message and waits for the first answer. All requests of a connection share one
  /// subscription.
  ///
  /// Completes with `void(error_code, message)`.
  /// Errors:  errc::timed_out; errc::no_responders, at once, if nobody is subscribed; as of
  ///          publish(); errc::closed. A lost connection isn't one: the answer may come on the
  ///          next.
  /// Cancel:  all types. Nothing is said to whoever answers.
  /// Lifetime: the views until the call returns.
  template <class Token = boost::asio::deferred_t>
  auto async_request(std::string_view subject,
                     std::string_view payload,
                     std::chrono::milliseconds timeout = default_timeout,
                     Token&& token = {}) {
    return async_request(message_view{.subject = subject, .payload = payload}, timeout,
                         std::forward<Token>(token));
  }
  /// The same with headers; the reply of `m` is not looked at.
  template <class Token = boost::asio::deferred_t>
  auto async_request(const message_view& m,
                     std::chrono::milliseconds timeout = default_timeout,
                     Token&& token = {}) {
    return boost::asio::async_initiate<Token, void(boost::system::error_code, message)>(
        [this, timeout](auto done, message what) {
          start_request(std::move(what), timeout, answer_handler(std::move(done)));
        },
        token, message(m));
  }

  /// Sends a message and collects answers, of several who are subscribed or of one who sends
  /// several, until `until` says that it is enough.
  ///
  /// Completes with `void(error_code, std::vector<message>)`.
  /// Errors:  errc::no_responders, at once, if nobody is subscribed; errc::timed_out if no answer
  ///          came; as of publish(); errc::closed, with what had come.
  /// Cancel:  all types; operation_aborted, with what had come.
  /// Lifetime: the views until the call returns.
  template <class Token = boost::asio::deferred_t>
  auto async_request_many(const message_view& m,
                          const collect_options& until = {},
                          Token&& token = {}) {
    return boost::asio::async_initiate<Token,
                                       void(boost::system::error_code, std::vector<message>)>(
        [this, until](auto done, message what) {
          start_request_many(std::move(what), until, answers_handler(std::move(done)));
        },
        token, message(m));
  }
  /// The same of a message without headers.
  template <class Token = boost::asio::deferred_t>
  auto async_request_many(std::string_view subject,
                          std::string_view payload,
                          const collect_options& until = {},
                          Token&& token = {}) {
    return async_request_many(message_view{.subject = subject, .payload = payload}, until,
                              std::forward<Token>(token));
  }

  /// Completes when the server has handled everything said so far, so that subscriptions made
  /// before are in place and refusals have been told.
  ///
  /// Without a connection it waits for one.
  /// Errors:  errc::disconnected, if the connection is lost meanwhile; errc::closed.
  /// Cancel:  all types.
  template <class Token = boost::asio::deferred_t>
  auto async_flush(Token&& token = {}) {
    return boost::asio::async_initiate<Token, void(boost::system::error_code)>(
        [this](auto done) { start_flush(handler(std::move(done))); }, token);
  }

  /// Ends it well: subscriptions end, those of their messages that are on their way still come, and
  /// what was published until then, by callbacks too, reaches the server. Then it is closed.
  ///
  /// Messages that wait in subscriptions can be taken afterwards. Requests without an answer yet
  /// end with errc::closed. Errors:  errc::disconnected, if the connection is lost meanwhile;
  /// errc::closed. Cancel:  none.
  template <class Token = boost::asio::deferred_t>
  auto async_drain(Token&& token = {}) {
    return boost::asio::async_initiate<Token, void(boost::system::error_code)>(
        [this](auto done) { start_drain(handler(std::move(done))); }, token);
  }

  /// Ends it for good: operations end with errc::closed, and what waits to be sent is thrown away.
  void close();

  /// What the present server said last; defaults before the first. On the executor only.
  [[nodiscard]] const protocol::server_info& server_info() const noexcept;
  /// On the executor only.
  [[nodiscard]] bool is_connected() const noexcept;
  /// Thread:  any.
  [[nodiscard]] counters statistics() const noexcept;
  /// The executor that it was made with.
  [[nodiscard]] boost::asio::any_io_executor get_executor() const noexcept;

  struct access;  ///< the library's own way to what is behind it

 private:
  friend struct access;
  void start_connect(handler done);
  void start_publish(message m, handler done);
  void start_request(message m, std::chrono::milliseconds timeout, answer_handler done);
  void start_request_many(message m, const collect_options& until, answers_handler done);
  void start_flush(handler done);
  void start_drain(handler done);

  std::shared_ptr<driver> driver_;
};

}  // namespace nuncio::client
