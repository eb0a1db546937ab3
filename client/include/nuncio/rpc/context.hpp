#pragma once

#include <nuncio/rpc/codec.hpp>
#include <nuncio/rpc/metadata.hpp>
#include <nuncio/rpc/trace.hpp>

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/cancellation_signal.hpp>

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace nuncio::rpc {

class admitted_call;
namespace detail {
class served_call;
}

/// A call that is being served, as its handler sees it.
///
/// Lifetime: until the handler is done. Thread: the connection's executor.
class context {
 public:
  /// A moment by our clock.
  using time = std::chrono::steady_clock::time_point;

  context(const context&) = delete;
  context& operator=(const context&) = delete;

  /// The subject of the request.
  [[nodiscard]] std::string_view subject() const noexcept { return subject_; }
  /// When the caller gives up, by our clock. Its cancellation fires then.
  [[nodiscard]] std::optional<time> deadline() const noexcept { return deadline_; }
  /// What came with the request.
  [[nodiscard]] const metadata& headers() const noexcept { return headers_; }
  /// What goes with the reply, or begins a stream.
  [[nodiscard]] metadata& reply_headers() noexcept { return reply_headers_; }
  /// The caller's place in a trace, and its baggage; read from headers() each time.
  [[nodiscard]] trace_context trace() const;
  /// 0 (most important) to 3, as the caller said.
  [[nodiscard]] std::uint8_t priority() const noexcept { return priority_; }
  /// 1, and more when the caller tries again.
  [[nodiscard]] std::uint32_t attempt() const noexcept { return attempt_; }
  /// The same for all attempts of one call; empty unless the call is idempotent or the caller gave
  /// one.
  [[nodiscard]] std::string_view call_id() const noexcept { return call_id_; }
  /// True once nobody waits for the answer any more: the caller cancelled, is gone, or its time is
  /// up. Operations that the handler awaits end with operation_aborted then.
  [[nodiscard]] bool is_cancelled() const noexcept { return is_cancelled_; }
  /// For handlers that aren't coroutines.
  [[nodiscard]] boost::asio::cancellation_slot cancellation_slot() noexcept {
    return cancellation_.slot();
  }
  /// The connection's.
  [[nodiscard]] const boost::asio::any_io_executor& get_executor() const noexcept {
    return executor_;
  }

 protected:
  /// For the library.
  explicit context(boost::asio::any_io_executor executor) : executor_(std::move(executor)) {}
  ~context() = default;

 private:
  friend class detail::served_call;
  friend class admitted_call;

  boost::asio::any_io_executor executor_;
  std::string subject_;
  std::string call_id_;
  std::optional<time> deadline_;
  metadata headers_;
  metadata reply_headers_;
  boost::asio::cancellation_signal cancellation_;
  std::uint32_t attempt_ = 1;
  std::uint8_t priority_ = 1;
  content_type type_ = content_type::msgpack;
  bool is_cancelled_ = false;
};

}  // namespace nuncio::rpc
