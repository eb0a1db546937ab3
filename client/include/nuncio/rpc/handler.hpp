#pragma once

#include <nuncio/rpc/codec.hpp>
#include <nuncio/rpc/context.hpp>
#include <nuncio/rpc/stream.hpp>

#include <boost/asio/awaitable.hpp>
#include <boost/asio/bind_cancellation_slot.hpp>
#include <boost/asio/co_spawn.hpp>

#include <concepts>
#include <exception>
#include <memory>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>

/// Between a service and the user's handlers; see service.hpp.
namespace nuncio::rpc::detail {

/// A call that is being served, as the code around its handler sees it. It ends once.
class served_call : public context {
 public:
  /// What the payload of the request is.
  [[nodiscard]] content_type type() const noexcept { return type_; }
  virtual void succeed(std::string_view payload, content_type type) = 0;
  virtual void fail(status why) = 0;
  /// For what a handler throws.
  void fail(const std::exception_ptr& thrown);
  /// Its items; null where it isn't a stream.
  [[nodiscard]] virtual std::shared_ptr<stream_end> stream() { return nullptr; }

 protected:
  using context::context;
  ~served_call() = default;
  /// A handler threw something that wasn't meant for callers; `text` is what it said.
  virtual void fail_unexpectedly(std::string_view text) = 0;
};

class handler {
 public:
  handler() = default;
  handler(const handler&) = delete;
  handler& operator=(const handler&) = delete;
  virtual ~handler() = default;
  /// Lifetime: `payload` until it returns.
  virtual void run(std::shared_ptr<served_call> call, std::string_view payload) = 0;
};

template <class T>
struct awaited {
  using type = T;
  static constexpr bool is_awaitable = false;
};
template <class T, class Executor>
struct awaited<boost::asio::awaitable<T, Executor>> {
  using type = T;
  static constexpr bool is_awaitable = true;
};

/// What is handed to a handler: where its request is void, `nothing`.
template <class T>
using request_of = std::conditional_t<std::is_void_v<T>, nothing, T>;

/// Calls it with as many arguments as it takes.
template <class F, class Request>
decltype(auto) invoke(F& f, Request&& request, context& about) {
  if constexpr (std::invocable<F&, Request&&, context&>) {
    return f(std::forward<Request>(request), about);
  } else if constexpr (std::invocable<F&, Request&&>) {
    return f(std::forward<Request>(request));
  } else if constexpr (std::invocable<F&, context&>) {
    return f(about);
  } else {
    static_assert(std::invocable<F&>,
                  "a handler is called with (request, rpc::context&), (request), (rpc::context&) "
                  "or ()");
    return f();
  }
}

/// Ends a call with what its handler returned.
template <class Reply>
void answer(served_call& call) {
  call.succeed({}, call.type());
}
template <class Reply, class Given>
void answer(served_call& call, const Given& given) {
  const Reply& reply = given;
  const auto type = choose_type<Reply>(call.type());
  std::string payload;
  try {
    codec<Reply>::encode(reply, type, payload);
  } catch (...) {
    return call.fail(std::current_exception());
  }
  call.succeed(payload, type);
}

/// Runs a handler that is a coroutine: the call ends with what it returns or throws.
template <class Reply, class Returned>
void spawn(std::shared_ptr<served_call> call, boost::asio::awaitable<Returned> work) {
  const auto slot = call->cancellation_slot();
  const auto executor = call->get_executor();
  boost::asio::co_spawn(
      executor, std::move(work),
      boost::asio::bind_cancellation_slot(
          slot, [call = std::move(call)](const std::exception_ptr& thrown, auto&&... reply) {
            if (thrown) return call->fail(thrown);
            answer<Reply>(*call, reply...);
          }));
}

template <class Request, class Reply, class F>
class unary_handler final : public handler {
  using returned = decltype(invoke(
      std::declval<F&>(), std::declval<request_of<Request>>(), std::declval<context&>()));
  using reply_type = typename awaited<returned>::type;
  static_assert((std::is_void_v<Reply> && std::is_void_v<reply_type>) ||
                    std::convertible_to<reply_type, Reply>,
                "the handler returns something else than the endpoint's reply");

 public:
  explicit unary_handler(F f) : f_(std::move(f)) {}

  void run(std::shared_ptr<served_call> call, std::string_view payload) override {
    auto request = codec_of<Request>::decode(payload, call->type());
    if (!request) return call->fail(std::move(request).error());
    if constexpr (awaited<returned>::is_awaitable) {
      auto& about = *call;
      // The frame holds the request; `call` outlives it, and so does this, which calls refer to.
      spawn<Reply>(std::move(call), invoke(f_, *std::move(request), about));
    } else {
      try {
        if constexpr (std::is_void_v<reply_type>) {
          invoke(f_, *std::move(request), *call);
          answer<Reply>(*call);
        } else {
          answer<Reply>(*call, invoke(f_, *std::move(request), *call));
        }
      } catch (...) {
        call->fail(std::current_exception());
      }
    }
  }

 private:
  F f_;
};

/// Calls it with a context behind the arguments, if it takes one.
template <class F, class... Arguments>
auto invoke_stream(F& f, context& about, Arguments&&... arguments) {
  if constexpr (std::invocable<F&, Arguments&&..., context&>) {
    return f(std::forward<Arguments>(arguments)..., about);
  } else {
    static_assert(
        std::invocable<F&, Arguments&&...>,
        "a handler of a stream is called with (request, writer&), (writer&), (reader&) or "
        "(reader&, writer&), and rpc::context& behind them if it likes");
    return f(std::forward<Arguments>(arguments)...);
  }
}

// Their coroutines hold what the user's refer to. What they await is made in a line of its own,
// since g++ 12 breaks temporaries beside a co_await.

template <class Request, class Item, class F>
class server_stream_handler final : public handler {
 public:
  explicit server_stream_handler(F f) : f_(std::move(f)) {}

  void run(std::shared_ptr<served_call> call, std::string_view payload) override {
    auto request = codec_of<Request>::decode(payload, call->type());
    if (!request) return call->fail(std::move(request).error());
    spawn<void>(call, serve(f_, call, *std::move(request)));
  }

 private:
  static boost::asio::awaitable<void> serve(F& f,
                                            std::shared_ptr<served_call> call,
                                            request_of<Request> request) {
    writer<Item> out(call->stream());
    auto work = begin(f, *call, std::move(request), out);
    co_await std::move(work);
  }
  static auto begin(F& f, context& about, request_of<Request>&& request, writer<Item>& out) {
    if constexpr (std::invocable<F&, request_of<Request>, writer<Item>&> ||
                  std::invocable<F&, request_of<Request>, writer<Item>&, context&>) {
      return invoke_stream(f, about, std::move(request), out);
    } else {
      return invoke_stream(f, about, out);
    }
  }

  F f_;
};

template <class Item, class Reply, class F>
class client_stream_handler final : public handler {
 public:
  explicit client_stream_handler(F f) : f_(std::move(f)) {}

  void run(std::shared_ptr<served_call> call, std::string_view) override {
    spawn<Reply>(call, serve(f_, call));
  }

 private:
  static boost::asio::awaitable<Reply> serve(F& f, std::shared_ptr<served_call> call) {
    reader<Item> in(call->stream());
    auto work = invoke_stream(f, *call, in);
    co_return co_await std::move(work);
  }

  F f_;
};

template <class In, class Out, class F>
class bidi_stream_handler final : public handler {
 public:
  explicit bidi_stream_handler(F f) : f_(std::move(f)) {}

  void run(std::shared_ptr<served_call> call, std::string_view) override {
    spawn<void>(call, serve(f_, call));
  }

 private:
  static boost::asio::awaitable<void> serve(F& f, std::shared_ptr<served_call> call) {
    reader<In> in(call->stream());
    writer<Out> out(call->stream());
    auto work = invoke_stream(f, *call, in, out);
    co_await std::move(work);
  }

  F f_;
};

}  // namespace nuncio::rpc::detail
