#pragma once

#include <nuncio/rpc/metadata.hpp>
#include <nuncio/rpc/status.hpp>

#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <string_view>
#include <utility>
#include <vector>

namespace nuncio::rpc {

class context;

/// Whose interceptor is told.
enum class call_side : std::uint8_t {
  caller,
  service,
};

/// What kind of call it is.
enum class call_kind : std::uint8_t {
  unary,
  one_way,
  server_stream,  ///< one request, items of the service
  client_stream,  ///< items of the caller, one answer
  bidi_stream,    ///< items of both
};

/// `caller`, `service`.
[[nodiscard]] std::string_view to_string(call_side side) noexcept;
/// `unary`, `one_way`, `server_stream` and so on.
[[nodiscard]] std::string_view to_string(call_kind kind) noexcept;

/// What a call_view shows; of the library's own making. Pointers and views outlive it.
struct call_facts {
  /// As call_view shows it.
  ///@{
  call_side side = call_side::caller;
  call_kind kind = call_kind::unary;
  std::string_view service;
  std::string_view endpoint;
  const void* key = nullptr;
  const metadata* headers = nullptr;
  metadata* added = nullptr;  ///< where headers can be added
  context* served = nullptr;
  std::optional<std::chrono::steady_clock::time_point> deadline;
  std::uint32_t attempts = 0;
  ///@}
};

/// A call, as an interceptor sees it.
///
/// Lifetime: until the function that it is given to returns.
class call_view {
 public:
  /// A moment by our clock.
  using time = std::chrono::steady_clock::time_point;

  /// Made by the library.
  explicit call_view(const call_facts& of) : facts_(of) {}
  call_view(const call_view&) = delete;
  call_view& operator=(const call_view&) = delete;
  ~call_view() = default;

  /// Where it is looked at.
  [[nodiscard]] call_side side() const noexcept { return facts_.side; }
  /// What kind of call it is.
  [[nodiscard]] call_kind kind() const noexcept { return facts_.kind; }
  /// Names, without versions or groups.
  [[nodiscard]] std::string_view service() const noexcept { return facts_.service; }
  /// The endpoint's name, without versions or groups.
  [[nodiscard]] std::string_view endpoint() const noexcept { return facts_.endpoint; }
  /// The same at start and end of a call, and of no other call in between.
  [[nodiscard]] const void* key() const noexcept { return facts_.key; }
  /// What came, or goes, with the request.
  [[nodiscard]] const metadata& headers() const noexcept { return *facts_.headers; }
  /// When the caller gives up.
  [[nodiscard]] std::optional<time> deadline() const noexcept { return facts_.deadline; }
  /// At the caller: how many attempts were made. At the service: which one this is, from 1 on.
  [[nodiscard]] std::uint32_t attempts() const noexcept { return facts_.attempts; }
  /// At the service: what the handler gets. Null for one that was refused before it became a call.
  [[nodiscard]] context* served() const noexcept { return facts_.served; }

  /// At start: adds to the headers of the request, at the caller, or of the reply, at the service.
  /// Errors:  false, and nothing is added, as metadata::add().
  // NOLINTNEXTLINE(readability-make-member-function-const): what it adds to belongs to the call
  bool add_header(std::string_view name, std::string_view value) {
    return facts_.added != nullptr && facts_.added->add(name, value);
  }
  /// At start: the call ends with `why` before it is sent, or before its request is decoded.
  /// Pre:     `why` isn't ok.
  void refuse(status why) { refusal_ = std::move(why); }
  /// What refuse() was given; nothing if it wasn't called.
  [[nodiscard]] const std::optional<status>& refusal() const noexcept { return refusal_; }

 private:
  call_facts facts_;
  std::optional<status> refusal_;
};

/// Is told of calls; stubs and services have lists of them. At start they are told in the order of
/// the list until one refuses, and at the end those that were told of the start in the other order.
///
/// At the caller it is the call as its user sees it, however many attempts it takes. At the service
/// it is every request, and one that is refused for want of room ends as soon as it has started.
/// Thread: the connection's executor, but stub::send() calls it where it is called. One that is in
/// several lists needs to be as safe as their connections' threads demand.
class interceptor {
 public:
  interceptor() = default;
  interceptor(const interceptor&) = delete;
  interceptor& operator=(const interceptor&) = delete;
  virtual ~interceptor() = default;

  /// A call starts. An rpc::error that it throws refuses the call with its status, anything else
  /// with INTERNAL; at a service that is for the log, and the caller gets an incident.
  virtual void on_start(call_view& /*call*/) {}
  /// It has ended, after `took` since its start; `how` may be ok.
  virtual void on_end(const call_view& /*call*/,
                      const status& /*how*/,
                      std::chrono::nanoseconds /*took*/) noexcept {}
};

/// In the order in which they are told of the start.
using interceptor_list = std::vector<std::shared_ptr<interceptor>>;

}  // namespace nuncio::rpc
