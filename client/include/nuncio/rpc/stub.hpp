#pragma once

#include <nuncio/client/connection.hpp>
#include <nuncio/rpc/call_options.hpp>
#include <nuncio/rpc/codec_msgpack.hpp>
#include <nuncio/rpc/interceptor.hpp>
#include <nuncio/rpc/policies.hpp>
#include <nuncio/rpc/stream.hpp>
#include <nuncio/rpc/stream_options.hpp>
#include <nuncio/rpc/trace.hpp>

#include <boost/asio/any_completion_executor.hpp>
#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/associated_cancellation_slot.hpp>
#include <boost/asio/associated_executor.hpp>
#include <boost/asio/async_result.hpp>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/use_awaitable.hpp>

#include <chrono>
#include <cstdint>
#include <exception>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <variant>

namespace nuncio::rpc {

class stub_core;

namespace detail {

/// A request, written.
struct request {
  request() = default;  // no aggregate: see is_safe_beside_co_await

  std::string endpoint;
  std::string payload;
  content_type type = content_type::msgpack;
  std::optional<std::chrono::nanoseconds> timeout;
  std::optional<std::chrono::steady_clock::time_point> deadline;  ///< of the call that is served
  metadata headers;
  std::string id;
  std::string key;
  std::uint8_t priority = 1;
  bool is_idempotent = false;
  std::optional<retry_options> retries;
  std::optional<std::chrono::nanoseconds> hedge_after;
};

/// What a stub gives instead of a reply; see stub::fallback().
class fallback {
 public:
  fallback() = default;
  fallback(const fallback&) = delete;
  fallback& operator=(const fallback&) = delete;
  virtual ~fallback() = default;
};

template <class Reply>
class typed_fallback final : public fallback {
 public:
  explicit typed_fallback(std::function<result<Reply>(const status&)> f) : f_(std::move(f)) {}
  [[nodiscard]] result<Reply> operator()(const status& why) const {
    try {
      return f_(why);
    } catch (const error& other) {
      return other.status();
    } catch (const std::exception& other) {
      return status(code::internal, std::string("the fallback failed: ") + other.what());
    }
  }

 private:
  std::function<result<Reply>(const status&)> f_;
};

/// A call on its way: how its end gets to whoever made it.
class pending_call {
 public:
  pending_call(const pending_call&) = delete;
  pending_call& operator=(const pending_call&) = delete;
  virtual ~pending_call() = default;
  /// Takes what there is to be had from the reply, which is gone afterwards.
  virtual void set(status failure) = 0;
  virtual void set(std::string_view payload, content_type type) = 0;
  /// Why there is no reply; ok if there is one.
  [[nodiscard]] virtual status failure() const { return {}; }
  /// Takes what `by` gives for a failure; false if it is for another type of replies.
  virtual bool fall_back(const fallback& /*by*/, const status& /*why*/) { return false; }
  [[nodiscard]] virtual boost::asio::cancellation_slot slot() const noexcept = 0;
  /// Tells, on the executor of whoever made it.
  static void complete(std::unique_ptr<pending_call> it);

 protected:
  /// `executor` doesn't run dry before it is told.
  explicit pending_call(boost::asio::any_completion_executor executor);
  /// Calls the handler, after `self` is gone, which is this.
  virtual void tell(std::unique_ptr<pending_call> self) = 0;

 private:
  boost::asio::any_completion_executor executor_;
};

template <class Reply, class Handler>
class typed_call final : public pending_call {
 public:
  typed_call(Handler done, const boost::asio::any_io_executor& executor)
      : pending_call(boost::asio::get_associated_executor(done, executor)),
        done_(std::move(done)) {}

  void set(status failure) override { failure_ = std::make_unique<status>(std::move(failure)); }
  void set(std::string_view payload, content_type type) override {
    auto reply = codec_of<Reply>::decode(payload, type);
    if (reply) return keep(std::move(reply));
    set(status(code::internal, "the reply can't be read: " + reply.error().text));
  }
  [[nodiscard]] status failure() const override { return failure_ ? *failure_ : status(); }
  bool fall_back(const fallback& by, const status& why) override {
    const auto* const typed = dynamic_cast<const typed_fallback<Reply>*>(&by);
    if (typed == nullptr) return false;
    auto out = (*typed)(why);
    if (out) {
      keep(std::move(out));
    } else {
      set(std::move(out).error());
    }
    return true;
  }
  [[nodiscard]] boost::asio::cancellation_slot slot() const noexcept override {
    return boost::asio::get_associated_cancellation_slot(done_);
  }

 private:
  void tell(std::unique_ptr<pending_call> self) override {
    auto done = std::move(done_);
    auto out = take();
    self.reset();
    std::move(done)(std::move(out));
  }
  template <class Result>
  void keep(Result&& reply) {
    if constexpr (std::is_void_v<Reply>) {
      reply_.emplace();
    } else {
      reply_.emplace(*std::forward<Result>(reply));
    }
  }
  [[nodiscard]] result<Reply> take() {
    if (failure_) return std::move(*failure_);
    if constexpr (std::is_void_v<Reply>) {
      return {};
    } else {
      return *std::move(reply_);
    }
  }

  Handler done_;
  // Most calls only wait, and few fail: a result would take up room for a whole status.
  std::optional<std::conditional_t<std::is_void_v<Reply>, std::monostate, Reply>> reply_;
  std::unique_ptr<status> failure_;
};

}  // namespace detail

/// How the calls of a stub are made.
struct stub_options {
  /// For every call that doesn't say another.
  std::chrono::nanoseconds timeout = std::chrono::seconds(5);
  called_stream_options streams;  ///< what bounds its streams
  /// For every call that doesn't say others.
  retry_options retries;
  retry_budget_options retry_budget;  ///< of the stub and its copies together
  /// Makes a second attempt at idempotent calls that have no answer after this. The first answer
  /// wins, and the other attempt is cancelled.
  std::optional<std::chrono::nanoseconds> hedge_after;
  /// They are told of every call; see interceptor.hpp.
  interceptor_list interceptors;
  /// If nobody listens on `SERVICE.ENDPOINT`, all instances are asked where they do, by
  /// `$SRV.INFO.SERVICE`. Not by send(), which never hears that nobody listens.
  bool look_up = true;
  /// Calls that are likely to fail aren't made; each endpoint has a circuit of its own.
  std::optional<circuit_breaker_options> circuit_breaker;
  /// Calls without a `parent` begin a trace (W3C Trace Context); those with one go on with its own.
  rpc::new_traces new_traces = rpc::new_traces::none;
};

/// The caller's side of a service.
///
///   rpc::stub calc(connection, "calc");
///   int sum = co_await calc.call<int>("add", sum_request{2, 3}, {.timeout = 50ms});
///
/// Nothing is sent before a call. Cheap to copy; copies share what is learnt of the service: budget
/// of retries, circuits, subjects. The connection must outlive calls.
/// Thread: any.
class stub {
 public:
  /// For a service by its name. The connection may still be connecting.
  stub(client::connection& connection, std::string service, const stub_options& set = {});

  /// Calls `endpoint` and waits for its answer, in a coroutine.
  ///
  /// Errors:  throws rpc::error. UNAVAILABLE at once if nobody serves it; DEADLINE_EXCEEDED;
  ///          what the handler said; RESOURCE_EXHAUSTED if the request is too large, or more waits
  ///          to be sent than the connection's options allow.
  /// Cancel:  terminal. The handler is cancelled, too, if it has been running for a while.
  /// Cost:    about a dozen allocations, and 1 KB while it is in flight.
  template <class Reply = void, class Request>
  [[nodiscard]] boost::asio::awaitable<Reply> call(std::string_view endpoint,
                                                   Request&& value,
                                                   const call_options& options = {}) {
    static_assert(detail::is_safe_beside_co_await<Request&&>,
                  "g++ 12 breaks temporaries like this one beside a co_await: name the request "
                  "in a line of its own");
    return finish<Reply>(core_, write(endpoint, value, options));
  }

  /// The same with any completion token, and without exceptions.
  ///
  /// Completes with `void(result<Reply>)`, on the token's executor.
  /// Cancel:  all types.
  template <class Reply, class Request, class Token>
  auto async_call(std::string_view endpoint,
                  const Request& value,
                  const call_options& options,
                  Token&& token) const {
    return start<Reply>(core_, write(endpoint, value, options), std::forward<Token>(token));
  }

  /// Sends a one-way call and forgets it.
  ///
  /// Returns: what kept it from being sent. Nobody says whether somebody listened.
  template <class Request>
  status send(std::string_view endpoint, const Request& value, const call_options& options = {}) {
    return send_now(write(endpoint, value, options));
  }
  /// Sends a one-way call; completes with `void(result<void>)` once the broker has handed it to an
  /// instance, or UNAVAILABLE if there is none. The handler may not have run then.
  template <class Request, class Token>
  auto async_send(std::string_view endpoint,
                  const Request& value,
                  const call_options& options,
                  Token&& token) const {
    return start<void>(core_, write(endpoint, value, options), std::forward<Token>(token), true);
  }

  /// Opens a stream of items that the service sends.
  ///
  ///   auto ticks = clock.server_stream<tick>("ticks", request);
  ///   while (auto each = co_await ticks.async_read()) show(*each);
  ///
  /// It returns at once; what goes wrong is told by the first read: UNAVAILABLE if nobody serves
  /// it. A service that knows nothing of streams may answer with messages, the last one empty.
  /// `timeout` bounds the whole stream, and is none unless set. Thread: the connection's executor.
  template <class Item, class Request>
  [[nodiscard]] reader<Item> server_stream(std::string_view endpoint,
                                           const Request& value,
                                           const call_options& options = {}) {
    return reader<Item>(open(write(endpoint, value, options), protocol::rpc_frame::server));
  }
  /// Opens a stream of items that the service gets, and answers once. Otherwise as
  /// server_stream().
  template <class Item, class Reply>
  [[nodiscard]] client_call<Item, Reply> client_stream(std::string_view endpoint,
                                                       const call_options& options = {}) {
    return client_call<Item, Reply>(
        open(begin<Item>(endpoint, options), protocol::rpc_frame::client));
  }
  /// Opens a stream in each direction. Otherwise as server_stream().
  template <class Sent, class Received>
  [[nodiscard]] bidi_call<Sent, Received> bidi_stream(std::string_view endpoint,
                                                      const call_options& options = {}) {
    return bidi_call<Sent, Received>(
        open(begin<Sent>(endpoint, options), protocol::rpc_frame::bidi));
  }

  /// What calls of `endpoint` that ask for a `Reply` get instead, if they fail with what a circuit
  /// breaker counts; `f(const status&)` returns a Reply or a result<Reply>, and throws rpc::error.
  /// One for each endpoint; the last one counts, for this stub and its copies, from now on.
  ///
  /// Interceptors are told of the failure nevertheless.
  /// Thread: any; `f` is called on the connection's executor.
  template <class Reply, class F>
  void fallback(std::string_view endpoint, F f) {
    set_fallback(std::string(endpoint), std::make_shared<detail::typed_fallback<Reply>>(
                                            [f = std::move(f)](const status& why) -> result<Reply> {
                                              if constexpr (std::is_void_v<decltype(f(why))>) {
                                                f(why);
                                                return {};
                                              } else {
                                                return f(why);
                                              }
                                            }));
  }

 private:
  template <class Item>
  [[nodiscard]] detail::request begin(std::string_view endpoint,
                                      const call_options& options) const {
    detail::request out;
    out.endpoint = endpoint;
    out.type = choose_type<Item>(options.encoding);
    keep(out, options);
    return out;
  }
  template <class Request>
  [[nodiscard]] detail::request write(std::string_view endpoint,
                                      const Request& value,
                                      const call_options& options) const {
    using codec = codec_of<std::remove_cvref_t<Request>>;
    detail::request out;
    out.endpoint = endpoint;
    out.type = choose_type<std::remove_cvref_t<Request>>(options.encoding);
    codec::encode(value, out.type, out.payload);
    keep(out, options);
    return out;
  }
  template <class Reply, class Token>
  static auto start(std::shared_ptr<stub_core> core,
                    detail::request what,
                    Token&& token,
                    bool is_one_way = false) {
    return boost::asio::async_initiate<Token, void(result<Reply>)>(
        [](auto done, std::shared_ptr<stub_core> by, detail::request request, bool one_way) {
          using call = detail::typed_call<Reply, decltype(done)>;
          const auto executor = executor_of(*by);
          start_call(by, std::move(request), std::make_unique<call>(std::move(done), executor),
                     one_way);
        },
        token, std::move(core), std::move(what), is_one_way);
  }
  template <class Reply>
  static boost::asio::awaitable<Reply> finish(std::shared_ptr<stub_core> core,
                                              detail::request what) {
    auto out = co_await start<Reply>(std::move(core), std::move(what), boost::asio::use_awaitable);
    co_return std::move(out).value();
  }

  void keep(detail::request& out, const call_options& options) const;
  [[nodiscard]] status send_now(detail::request what) const;
  [[nodiscard]] std::shared_ptr<detail::stream_end> open(detail::request what,
                                                         protocol::rpc_frame kind) const;
  void set_fallback(std::string endpoint, std::shared_ptr<const detail::fallback> by);
  static boost::asio::any_io_executor executor_of(const stub_core& core);
  static void start_call(const std::shared_ptr<stub_core>& core,
                         detail::request what,
                         std::unique_ptr<detail::pending_call> call,
                         bool is_one_way);

  std::shared_ptr<stub_core> core_;
};

}  // namespace nuncio::rpc
