#pragma once

#include "stream_core.hpp"
#include "stub_core.hpp"
#include "written.hpp"

#include <nuncio/rpc/interceptor.hpp>

#include <memory>
#include <optional>
#include <string>
#include <string_view>

namespace nuncio::rpc {

/// The caller's end of a stream.
class called_stream final : public stream_core, public waiting_call {
 public:
  called_stream(std::shared_ptr<stub_core> by,
                const detail::request& what,
                rpc_frame kind,
                std::optional<time> deadline,
                time now);
  virtual ~called_stream();

  /// False: an interceptor has refused it, and it is over. One may add to the headers of `what`.
  bool is_let_in(detail::request& what);
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

  /// What interceptors are told at the end.
  struct watched {
    std::string endpoint;
    metadata headers;
    time began;
  };
  [[nodiscard]] call_facts facts(const watched& it) const;

  struct unsent {
    written what;
    std::optional<time> deadline;
  };
  void write(const unsent& opening);

  const std::shared_ptr<stub_core> core_;
  std::optional<client::timed_mux::token> which_;
  std::unique_ptr<watched> watched_;
  std::unique_ptr<unsent> unsent_;
  std::string control_;
};

}  // namespace nuncio::rpc
