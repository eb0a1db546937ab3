#pragma once

#include "admitted_call.hpp"
#include "stream_core.hpp"

#include <memory>
#include <optional>
#include <string>
#include <string_view>

namespace nuncio::rpc {

/// A stream that is being served.
///
/// The stream and the handler end in either order: the stream by the handler, or before that by
/// the caller, the deadline or the connection, and then the handler is cancelled.
class served_stream final : public stream_core, public admitted_call {
 public:
  using time = stream_core::time;

  served_stream(std::shared_ptr<service_core> by,
                std::shared_ptr<endpoint_state> endpoint,
                const reading& said,
                content_type type,
                time now);
  virtual ~served_stream();

  void begin(const message_view& m, const reading& said, content_type type, time now);
  /// Says that the call is taken, before its handler runs.
  void accept(const rpc_line& opening, std::string_view payload) {
    if (!is_classic()) machine().accept(opening, payload);
  }
  [[nodiscard]] std::shared_ptr<served_stream> self() {
    return std::static_pointer_cast<served_stream>(shared_from_this());
  }

  // For the handler.
  using detail::served_call::fail;
  void succeed(std::string_view payload, content_type type) override;
  void fail(status why) override;
  std::shared_ptr<detail::stream_end> stream() override;
  [[nodiscard]] sent send(std::string_view payload, content_type type) override;
  [[nodiscard]] status refuse(const status& why) override { return why; }
  void cancel() override {}  // the handler throws

  // For the service.
  void stop() override;
  void drain() override;

 private:
  using stream_core::send;

  [[nodiscard]] const std::string& peer() const noexcept override { return reply(); }
  [[nodiscard]] std::string reply_of(rpc_frame frame) const override;
  [[nodiscard]] protocol::rpc_block farewell(const status& why) const override;
  bool take_control(const message_view&) override { return true; }  // not to a service
  void on_ended(const status& how) override;
  void send_failure(const status& why) override;

  [[nodiscard]] bool is_classic() const noexcept { return machine().rules().is_classic; }
  void end();
  void give(status why);
  void put_last(protocol::rpc_block block, std::string_view payload);

  std::optional<client::timed_mux::token> controlled_;
};

}  // namespace nuncio::rpc
