#pragma once

#include "stream_core.hpp"
#include "written.hpp"

#include <memory>
#include <optional>
#include <string>
#include <string_view>

namespace nuncio::rpc {

/// The caller's end of a stream.
class called_stream final : public stream_core, public waiting_call {
 public:
  called_stream(std::shared_ptr<client::driver> by,
                stream_machine::settings set,
                const called_stream_options& options,
                content_type type,
                time now);
  virtual ~called_stream();

  /// Writes the opening, or does so once there is a connection.
  void start(written&& what, std::optional<time> deadline);
  void on_opened() override;

  [[nodiscard]] status refuse(const status& why) override;
  void cancel() override;

 private:
  [[nodiscard]] const std::string& peer() const noexcept override { return control_; }
  [[nodiscard]] std::string reply_of(rpc_frame frame) const override;
  [[nodiscard]] protocol::rpc_block farewell(const status& why) const override;
  bool take_control(const message_view& m) override;
  void on_ended(const status& how) override;
  void send_failure(const status&) override {}  // a service's

  struct unsent {
    written what;
    std::optional<time> deadline;
  };
  void write(const unsent& opening);

  client::timed_mux::token which_ = 0;
  std::unique_ptr<unsent> unsent_;
  std::string control_;
};

}  // namespace nuncio::rpc
