#pragma once

#include <nuncio/client/connection.hpp>
#include <nuncio/protocol/rpc.hpp>
#include <nuncio/protocol/service.hpp>
#include <nuncio/rpc/codec_msgpack.hpp>
#include <nuncio/rpc/handler.hpp>
#include <nuncio/rpc/interceptor.hpp>
#include <nuncio/rpc/stream_options.hpp>

#include <boost/asio/any_completion_handler.hpp>
#include <boost/asio/async_result.hpp>
#include <boost/asio/deferred.hpp>

#include <chrono>
#include <cstddef>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

namespace nuncio::rpc {

class service_core;

/// What a service is and how much it takes. What is about endpoints holds for those that don't say
/// another.
struct service_options {
  std::string name;                     ///< letters, digits, `-` and `_`
  std::string version;                  ///< semantic, such as `1.2.0`
  std::string description;              ///< for people
  protocol::service_metadata metadata;  ///< told in INFO
  /// Group of which one instance gets each request; nothing: every instance gets all of them.
  std::optional<std::string> queue = "q";
  /// Endpoints are reachable as `<name>.v<major>.<endpoint>` as well.
  bool versioned = false;
  std::size_t max_concurrent = 1000;  ///< calls of an endpoint at a time; more are refused at once
  std::size_t max_per_caller = 200;   ///< calls of one connection at a time
  /// A caller who can be told is told that its call runs, and where to cancel it, after this.
  std::chrono::milliseconds accept_after{20};
  served_stream_options streams;  ///< what bounds its streams
  /// Gets a line when a handler throws what isn't meant for callers; std::clog unless set.
  std::function<void(std::string_view)> log;
  /// They are told of every request; see interceptor.hpp.
  interceptor_list interceptors;
};

/// What an endpoint may say for itself.
struct endpoint_options {
  /// Instead of `<service>.<name>`.
  std::string subject;
  /// Instead of the service's; an empty text: every instance gets all requests.
  std::optional<std::string> queue;
  protocol::service_metadata metadata;        ///< told in INFO
  bool idempotent = false;                    ///< told to callers in the metadata
  std::optional<std::size_t> max_concurrent;  ///< the service's, unless set
  std::optional<std::size_t> max_per_caller;  ///< the service's, unless set
};

/// One instance of a named, versioned set of endpoints.
///
///   rpc::service calc(connection, {.name = "calc", .version = "1.2.0"});
///   calc.endpoint<sum_request, int>("add", [](sum_request r) { return r.a + r.b; });
///
/// It answers $SRV.PING, INFO and STATS, so that `nats micro` and all libraries see it. The
/// connection may still be connecting, and must outlive it.
/// Thread: the connection's executor. Destroying it stops it; handlers that still run are
/// cancelled.
class service {
 public:
  /// What async_drain() completes with, whatever the token was.
  using handler = boost::asio::any_completion_handler<void(boost::system::error_code)>;

  /// Errors:  std::invalid_argument for a name or version that can't be one.
  service(client::connection& connection, service_options settings);
  service(service&&) noexcept = default;
  /// The one that this was stops first.
  service& operator=(service&&) noexcept;
  service(const service&) = delete;
  service& operator=(const service&) = delete;
  ~service();

  /// Serves unary and one-way calls of `name`.
  ///
  /// `f` is called with (Request, context&), (Request), (context&) or (), and returns Reply or
  /// asio::awaitable<Reply>; either may be void. What it throws becomes the caller's status if it
  /// is an rpc::error, and INTERNAL otherwise.
  /// Errors:  std::invalid_argument for a name, subject or queue that can't be one.
  template <class Request, class Reply, class F>
  void endpoint(std::string_view name, F f, const endpoint_options& set = {}) {
    add(name, std::make_shared<detail::unary_handler<Request, Reply, F>>(std::move(f)), set,
        codec_of<Request>::preferred);
  }

  /// Serves streams of items that the service sends. `f` is a coroutine, called with
  /// (Request, writer<Item>&) or (writer<Item>&), and a context& behind them if it takes one; when
  /// it returns, the stream ends well, and `reply_headers()` are its trailers. What it throws ends
  /// it as a unary call. Callers that know nothing of streams get the items as messages, the last
  /// one empty.
  template <class Request, class Item, class F>
  void server_stream(std::string_view name, F f, const endpoint_options& set = {}) {
    add(name, std::make_shared<detail::server_stream_handler<Request, Item, F>>(std::move(f)), set,
        codec_of<Request>::preferred, protocol::rpc_frame::server);
  }
  /// Serves streams of items that the service gets, and answers once: (reader<Item>&), returns
  /// asio::awaitable<Reply>. Otherwise as server_stream().
  template <class Item, class Reply, class F>
  void client_stream(std::string_view name, F f, const endpoint_options& set = {}) {
    add(name, std::make_shared<detail::client_stream_handler<Item, Reply, F>>(std::move(f)), set,
        codec_of<Item>::preferred, protocol::rpc_frame::client);
  }
  /// Serves streams in both directions: (reader<In>&, writer<Out>&). Otherwise as server_stream().
  template <class In, class Out, class F>
  void bidi_stream(std::string_view name, F f, const endpoint_options& set = {}) {
    add(name, std::make_shared<detail::bidi_stream_handler<In, Out, F>>(std::move(f)), set,
        codec_of<In>::preferred, protocol::rpc_frame::bidi);
  }

  /// Endpoints under `prefix` instead of the service's name. Groups may be nested by dots.
  class group {
   public:
    /// As service::endpoint().
    template <class Request, class Reply, class F>
    void endpoint(std::string_view name, F f, endpoint_options set = {}) {
      of_.template endpoint<Request, Reply>(name, std::move(f), placed(name, std::move(set)));
    }
    /// As service::server_stream().
    template <class Request, class Item, class F>
    void server_stream(std::string_view name, F f, endpoint_options set = {}) {
      of_.template server_stream<Request, Item>(name, std::move(f), placed(name, std::move(set)));
    }
    /// As service::client_stream().
    template <class Item, class Reply, class F>
    void client_stream(std::string_view name, F f, endpoint_options set = {}) {
      of_.template client_stream<Item, Reply>(name, std::move(f), placed(name, std::move(set)));
    }
    /// As service::bidi_stream().
    template <class In, class Out, class F>
    void bidi_stream(std::string_view name, F f, endpoint_options set = {}) {
      of_.template bidi_stream<In, Out>(name, std::move(f), placed(name, std::move(set)));
    }

   private:
    friend class service;
    group(service& of, std::string prefix) : of_(of), prefix_(std::move(prefix)) {}
    [[nodiscard]] endpoint_options placed(std::string_view name, endpoint_options set) const {
      if (set.subject.empty()) set.subject = prefix_ + '.' + std::string(name);
      return set;
    }
    service& of_;
    std::string prefix_;
  };
  /// Lifetime: that of the service.
  [[nodiscard]] group in_group(std::string prefix) { return {*this, std::move(prefix)}; }

  /// Takes no more requests, and completes when those that it has are answered, and the streams
  /// have ended: their callers are told that they should. No call fails by it: other instances get
  /// the requests from now on.
  ///
  /// Errors:  errc::closed, with the connection. Cancel:  none.
  template <class Token = boost::asio::deferred_t>
  auto async_drain(Token&& token = {}) {
    return boost::asio::async_initiate<Token, void(boost::system::error_code)>(
        [core = core_](auto done) { start_drain(core, handler(std::move(done))); }, token);
  }
  /// Ends it at once; calls in progress are cancelled and answered UNAVAILABLE.
  void stop();

  /// Of this instance; new for each.
  [[nodiscard]] std::string_view id() const noexcept;
  /// What it answers to STATS, since the start or reset().
  [[nodiscard]] protocol::service_stats stats() const;
  /// Zeroes the counters.
  void reset();

 private:
  void add(std::string_view name,
           std::shared_ptr<detail::handler> handler,
           const endpoint_options& set,
           content_type preferred,
           protocol::rpc_frame kind = protocol::rpc_frame::none);
  static void start_drain(const std::shared_ptr<service_core>& core, handler done);

  std::shared_ptr<service_core> core_;
};

}  // namespace nuncio::rpc
