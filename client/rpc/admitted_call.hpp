#pragma once

#include "runtime.hpp"

#include <nuncio/rpc/handler.hpp>
#include <nuncio/rpc/interceptor.hpp>

#include <chrono>
#include <memory>
#include <string>
#include <string_view>

namespace nuncio::rpc {

class service_core;
struct endpoint_state;

/// In the list of what a service has to stop.
class running_call : public boost::intrusive::list_base_hook<
                         boost::intrusive::link_mode<boost::intrusive::auto_unlink>> {
 public:
  /// The service stops.
  virtual void stop() = 0;
  /// The service takes no more calls, and would like this one to end.
  virtual void drain() {}

 protected:
  ~running_call() = default;
};

/// A call that an endpoint has taken: what its handler sees of it, and its place in the books of
/// the service.
class admitted_call : public detail::served_call, public running_call {
 public:
  admitted_call(const admitted_call&) = delete;
  admitted_call& operator=(const admitted_call&) = delete;

  /// False: an interceptor has refused it, and it is over.
  bool is_let_in();
  /// It is answered, or nobody waits for an answer, and it is out of the books.
  [[nodiscard]] bool is_over() const noexcept { return is_over_; }

 protected:
  admitted_call(std::shared_ptr<service_core> home, std::shared_ptr<endpoint_state> endpoint);
  ~admitted_call();

  /// `type` is that of the payload.
  void begin(const message_view& m, const reading& said, content_type type, time now);
  /// It is over; `failure` says how, unless it went well.
  void leave(const status* failure);
  /// The handler has ended, before or after that.
  void note_handler_ended() noexcept { is_running_ = false; }
  /// Fires the handler's cancellation, if it still runs. `self` is this.
  void cancel_handler(std::shared_ptr<admitted_call> self);
  void fail_unexpectedly(std::string_view text) override;

  [[nodiscard]] service_core& home() const noexcept { return *home_; }
  [[nodiscard]] endpoint_state& endpoint() const noexcept { return *endpoint_; }
  /// Where answers go; empty for one-way calls.
  [[nodiscard]] const std::string& reply() const noexcept { return reply_; }

 private:
  [[nodiscard]] call_facts facts();

  std::shared_ptr<service_core> home_;
  std::shared_ptr<endpoint_state> endpoint_;
  std::string reply_;
  time started_;
  bool is_over_ = false;
  bool is_running_ = true;   // the handler
  bool is_watched_ = false;  // by interceptors
};

}  // namespace nuncio::rpc
