#pragma once

#include <nuncio/rpc/codec.hpp>
#include <nuncio/rpc/context.hpp>

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

/// Calls it with as many arguments as it takes.
template <class F, class Request>
decltype(auto) invoke(F& f, Request&& request, context& about) {
  if constexpr (std::invocable<F&, Request&&, context&>) {
    return f(std::forward<Request>(request), about);
  } else if constexpr (std::invocable<F&, Request&&>) {
    return f(std::forward<Request>(request));
  } else {
    static_assert(std::invocable<F&>,
                  "a handler is called with (request, rpc::context&), (request) or ()");
    return f();
  }
}

template <class Request, class Reply, class F>
class unary_handler final : public handler {
  using returned =
      decltype(invoke(std::declval<F&>(), std::declval<Request>(), std::declval<context&>()));
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
      auto work = invoke(f_, *std::move(request), about);
      const auto slot = about.cancellation_slot();
      boost::asio::co_spawn(
          about.get_executor(), std::move(work),
          boost::asio::bind_cancellation_slot(
              slot, [call = std::move(call)](const std::exception_ptr& thrown, auto&&... reply) {
                if (thrown) return call->fail(thrown);
                answer(*call, reply...);
              }));
    } else {
      try {
        if constexpr (std::is_void_v<reply_type>) {
          invoke(f_, *std::move(request), *call);
          answer(*call);
        } else {
          answer(*call, invoke(f_, *std::move(request), *call));
        }
      } catch (...) {
        call->fail(std::current_exception());
      }
    }
  }

 private:
  // Nothing for a handler that returns nothing.
  static void answer(served_call& call) { call.succeed({}, call.type()); }
  template <class Given>
  static void answer(served_call& call, const Given& given) {
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

  F f_;
};

}  // namespace nuncio::rpc::detail
