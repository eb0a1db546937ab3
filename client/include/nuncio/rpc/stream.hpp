#pragma once

#include <nuncio/rpc/codec_msgpack.hpp>
#include <nuncio/rpc/metadata.hpp>
#include <nuncio/rpc/status.hpp>

#include <boost/asio/any_completion_handler.hpp>
#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/as_tuple.hpp>
#include <boost/asio/associated_cancellation_slot.hpp>
#include <boost/asio/associated_executor.hpp>
#include <boost/asio/async_result.hpp>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/bind_cancellation_slot.hpp>
#include <boost/asio/dispatch.hpp>
#include <boost/asio/error.hpp>
#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/system/system_error.hpp>

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>

/// Streams as programs at both ends see them: what `stub` opens and what handlers of `service` get.
namespace nuncio::rpc {

class stream_core;

namespace detail {

/// One end of a stream, without the types of its items.
///
/// Thread: the connection's executor.
class stream_end {
 public:
  using handler = boost::asio::any_completion_handler<void(boost::system::error_code)>;

  /// `ends_with_this`: a caller's stream is given up when nobody holds it any more.
  stream_end(std::shared_ptr<stream_core> core, bool ends_with_this);
  stream_end(const stream_end&) = delete;
  stream_end& operator=(const stream_end&) = delete;
  ~stream_end();

  enum class news : std::uint8_t { none, item, end, failure };
  /// What a read would give now.
  [[nodiscard]] news look() const noexcept;
  /// Pre: look() says so. Lifetime: until pop().
  [[nodiscard]] std::string_view item() const noexcept;
  [[nodiscard]] content_type item_type() const noexcept;
  void pop();
  /// An item can't be read: the stream fails with the result.
  [[nodiscard]] status refuse(const status& why);
  [[nodiscard]] status failure() const;
  [[nodiscard]] const metadata& headers() const noexcept;
  [[nodiscard]] const metadata& trailers() const noexcept;
  [[nodiscard]] bool is_draining() const noexcept;

  enum class sent : std::uint8_t { done, full, refused };
  [[nodiscard]] sent send(std::string_view payload, content_type type);
  /// The type that items are written in, if they can be.
  [[nodiscard]] content_type wanted_type() const noexcept;
  /// Why the last item was refused.
  [[nodiscard]] status why_refused() const;
  [[nodiscard]] std::string& scratch() noexcept;
  void close();
  void cancel();

  /// Completes when look() or send() may say something else; at most one of each waits.
  void wait_readable(handler done);
  void wait_writable(handler done);

  [[nodiscard]] const boost::asio::any_io_executor& get_executor() const noexcept;

 private:
  std::shared_ptr<stream_core> core_;
  bool ends_with_this_;
};

/// A handler that completes with what `make` makes of an error code: that on the stream's
/// executor, the handler on its own.
template <class Handler, class Make>
auto carry(Handler done, const stream_end& by, Make make) {
  const auto executor = boost::asio::get_associated_executor(done, by.get_executor());
  const auto slot = boost::asio::get_associated_cancellation_slot(done);
  return boost::asio::bind_cancellation_slot(
      slot, [done = std::move(done), work = boost::asio::make_work_guard(executor),
             make = std::move(make)](boost::system::error_code error) mutable {
        boost::asio::dispatch(work.get_executor(),
                              [done = std::move(done), out = make(error)]() mutable {
                                std::move(done)(std::move(out));
                              });
      });
}

/// What went wrong while something of a stream was waited for; the stream goes on.
inline status waiting_failed(boost::system::error_code error) {
  return error == boost::asio::error::operation_aborted
             ? status(code::cancelled, "the operation was cancelled")
             : status(code::failed_precondition, "another operation of this kind is under way");
}

/// g++ 12 copies aggregates that are temporaries beside a co_await bit by bit, which breaks their
/// strings: there, they need a name.
template <class Value>
constexpr bool is_safe_beside_co_await =
#if defined(__GNUC__) && !defined(__clang__) && __GNUC__ < 13
    std::is_lvalue_reference_v<Value> || !std::is_aggregate_v<std::remove_cvref_t<Value>> ||
    std::is_trivially_copyable_v<std::remove_cvref_t<Value>>;
#else
    true;
#endif

}  // namespace detail

/// The items that come over a stream.
///
///   while (auto item = co_await in.async_read()) use(*item);
///
/// Copies are the same stream. A caller's stream is cancelled when the last of them is gone before
/// its end. One read at a time. Thread: the connection's executor.
template <class T>
class reader {
 public:
  /// Made by stubs and services.
  explicit reader(std::shared_ptr<detail::stream_end> end) : end_(std::move(end)) {}

  /// The next item; nothing after the last.
  ///
  /// Errors:  throws rpc::error, how the stream ended, behind the items that are still good;
  ///          system_error(operation_aborted) if the read was cancelled, and the stream goes on.
  /// Cancel:  all types. Cost: nothing is waited for if an item is there.
  [[nodiscard]] boost::asio::awaitable<std::optional<T>> async_read() { return next(end_); }
  /// The same with any completion token: `void(result<std::optional<T>>)`. A cancelled read is
  /// CANCELLED.
  template <class Token>
  auto async_read(Token&& token) {
    return boost::asio::async_initiate<Token, void(result<std::optional<T>>)>(
        [](auto done, const std::shared_ptr<detail::stream_end>& end) {
          end->wait_readable(
              detail::carry(std::move(done), *end, [end](boost::system::error_code error) {
                return error ? result<std::optional<T>>(detail::waiting_failed(error))
                             : take(*end).value();
              }));
        },
        token, end_);
  }
  /// Calls `f` with each item, and waits for what it returns if that can be awaited.
  /// Errors:  as async_read().
  template <class F>
  [[nodiscard]] boost::asio::awaitable<void> for_each(F f) {
    return each(end_, std::move(f));
  }

  /// What came with the beginning of the stream.
  [[nodiscard]] const metadata& headers() const noexcept { return end_->headers(); }
  /// What came with its end, once that has come.
  [[nodiscard]] const metadata& trailers() const noexcept { return end_->trailers(); }
  /// The instance at the other end is about to leave: who can should end and open elsewhere.
  [[nodiscard]] bool is_draining() const noexcept { return end_->is_draining(); }
  /// A caller's whole call is over at once, with CANCELLED, and so is its handler soon. Handlers
  /// throw instead.
  void cancel() { end_->cancel(); }

 private:
  /// Nothing if it must be waited for.
  static std::optional<result<std::optional<T>>> take(detail::stream_end& from) {
    using news = detail::stream_end::news;
    switch (from.look()) {
      case news::none:
        return std::nullopt;
      case news::end:
        return std::optional<T>();
      case news::failure:
        return from.failure();
      default:
        break;
    }
    auto item = codec_of<T>::decode(from.item(), from.item_type());
    from.pop();
    if (!item) return from.refuse(item.error());
    return std::optional<T>(*std::move(item));
  }
  static boost::asio::awaitable<std::optional<T>> next(std::shared_ptr<detail::stream_end> end) {
    auto out = take(*end);
    while (!out) {
      const auto [error] = co_await wait(*end, boost::asio::as_tuple(boost::asio::use_awaitable));
      if (error) throw boost::system::system_error(error);
      out = take(*end);
    }
    co_return std::move(*out).value();
  }
  template <class Token>
  static auto wait(detail::stream_end& on, Token&& token) {
    return boost::asio::async_initiate<Token, void(boost::system::error_code)>(
        [](auto done, detail::stream_end* end) { end->wait_readable(std::move(done)); }, token,
        &on);
  }
  template <class F>
  static boost::asio::awaitable<void> each(std::shared_ptr<detail::stream_end> end, F f) {
    while (auto item = co_await next(end)) {
      if constexpr (std::is_void_v<std::invoke_result_t<F&, T>>) {
        f(*std::move(item));
      } else {
        co_await f(*std::move(item));
      }
    }
  }

  std::shared_ptr<detail::stream_end> end_;
};

/// The items that go over a stream.
///
/// The other end says how much it takes; writing waits for that. Copies are the same stream. One
/// write at a time. Thread: the connection's executor.
template <class T>
class writer {
 public:
  /// Made by stubs and services.
  explicit writer(std::shared_ptr<detail::stream_end> end) : end_(std::move(end)) {}

  /// Sends an item, as soon as the other end and the connection have room for it.
  ///
  /// Errors:  throws rpc::error once the stream is over, with how it ended, or if the item is
  ///          larger than a message may be; system_error(operation_aborted) if cancelled, and the
  ///          item isn't sent.
  /// Cancel:  all types, while it waits. Cost: nothing is waited for if there is room; the item is
  ///          on its way when this returns then.
  template <class Value = T>
  [[nodiscard]] boost::asio::awaitable<void> async_write(Value&& value) {
    static_assert(detail::is_safe_beside_co_await<Value&&>,
                  "g++ 12 breaks temporaries like this one beside a co_await: name the item in a "
                  "line of its own");
    const auto [how, type] = begin(*end_, value);
    return finish(end_, how, type,
                  how == detail::stream_end::sent::full ? end_->scratch() : std::string());
  }
  /// The same with any completion token: `void(result<void>)`.
  template <class Token>
  auto async_write(const T& value, Token&& token) {
    std::string payload;
    const auto type = choose_type<T>(end_->wanted_type());
    codec_of<T>::encode(value, type, payload);
    return boost::asio::async_initiate<Token, void(result<void>)>(
        [](auto done, const std::shared_ptr<detail::stream_end>& end, std::string item,
           content_type as) {
          end->wait_writable(
              detail::carry(std::move(done), *end,
                            [end, item = std::move(item), as](boost::system::error_code error) {
                              if (error) return result<void>(detail::waiting_failed(error));
                              return end->send(item, as) == detail::stream_end::sent::done
                                         ? result<void>()
                                         : result<void>(end->why_refused());
                            }));
        },
        token, end_, std::move(payload), type);
  }
  /// Sends an item if there is room now. False if there is none, or the stream is over.
  [[nodiscard]] bool try_write(const T& value) {
    return begin(*end_, value).how == detail::stream_end::sent::done;
  }

 private:
  template <class, class>
  friend class client_call;
  template <class, class>
  friend class bidi_call;

  struct begun {
    detail::stream_end::sent how;
    content_type type;
  };
  static begun begin(detail::stream_end& end, const T& value) {
    const auto type = choose_type<T>(end.wanted_type());
    auto& payload = end.scratch();
    payload.clear();
    codec_of<T>::encode(value, type, payload);
    return {end.send(payload, type), type};
  }
  static boost::asio::awaitable<void> finish(std::shared_ptr<detail::stream_end> end,
                                             detail::stream_end::sent how,
                                             content_type type,
                                             std::string payload) {
    while (how == detail::stream_end::sent::full) {
      const auto [error] = co_await wait(*end, boost::asio::as_tuple(boost::asio::use_awaitable));
      if (error) throw boost::system::system_error(error);
      how = end->send(payload, type);
    }
    if (how == detail::stream_end::sent::refused) throw error(end->why_refused());
  }
  template <class Token>
  static auto wait(detail::stream_end& on, Token&& token) {
    return boost::asio::async_initiate<Token, void(boost::system::error_code)>(
        [](auto done, detail::stream_end* end) { end->wait_writable(std::move(done)); }, token,
        &on);
  }

  std::shared_ptr<detail::stream_end> end_;
};

/// A call that sends items and gets one reply.
///
///   auto sum = remote.client_stream<int, long>("sum");
///   for (int i : numbers) co_await sum.async_write(i);
///   long total = co_await sum.async_finish();
///
/// Copies are the same call, which is cancelled when the last of them is gone before its end.
/// Thread: the connection's executor.
template <class Item, class Reply>
class client_call : public writer<Item> {
 public:
  using writer<Item>::writer;

  /// Says that no more items come, and waits for the reply.
  /// Errors:  throws rpc::error, how the call ended. Cancel: all types; the call goes on.
  [[nodiscard]] boost::asio::awaitable<Reply> async_finish() { return last(this->end_); }
  /// The call is over at once, with CANCELLED, and so is its handler soon.
  void cancel() { this->end_->cancel(); }
  /// What came with the beginning of the answer.
  [[nodiscard]] const metadata& headers() const noexcept { return this->end_->headers(); }
  /// What came with its end, once that has come.
  [[nodiscard]] const metadata& trailers() const noexcept { return this->end_->trailers(); }

 private:
  using kept = std::conditional_t<std::is_void_v<Reply>, nothing, Reply>;

  static boost::asio::awaitable<Reply> last(std::shared_ptr<detail::stream_end> end) {
    end->close();
    reader<kept> from(end);
    auto reply = co_await from.async_read();
    // Success is certain at the end only.
    bool has_more = reply.has_value();
    while (has_more) {
      const auto next = co_await from.async_read();
      has_more = next.has_value();
    }
    if (!reply) throw error(code::internal, "the service ended the call without a reply");
    if constexpr (!std::is_void_v<Reply>) co_return *std::move(reply);
  }
};

/// A call that sends items and gets items, independently of each other.
///
/// Who writes without reading while the other end does the same waits for ever: read, too.
/// Copies are the same call, which is cancelled when the last of them is gone before its end.
/// Thread: the connection's executor.
template <class Sent, class Received>
class bidi_call : public writer<Sent>, public reader<Received> {
 public:
  /// Made by stubs.
  explicit bidi_call(const std::shared_ptr<detail::stream_end>& end)
      : writer<Sent>(end), reader<Received>(end), end_(end) {}

  /// Says that no more items come; those of the service go on coming.
  void close() { end_->close(); }

 private:
  std::shared_ptr<detail::stream_end> end_;
};

}  // namespace nuncio::rpc
