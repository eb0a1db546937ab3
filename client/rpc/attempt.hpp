#pragma once

#include "runtime.hpp"
#include "written.hpp"

#include <boost/asio/cancellation_signal.hpp>

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

namespace nuncio::rpc {

/// One attempt at a unary call, in the table of its connection.
class attempt final : public client::mux_call, public bound_call, public waiting_call {
 public:
  attempt(runtime& home,
          std::unique_ptr<detail::pending_call> call,
          content_type type,
          time deadline)
      : mux_call(deadline), home_(home), call_(std::move(call)), deadline_(deadline), type_(type) {}

  std::optional<time> on_answer(const message_view& m, time now) override;
  std::optional<time> on_time(time now) override;
  void on_failure(boost::system::error_code why) override;
  void on_lost(std::string& farewell) override;
  void on_forbidden(std::string_view) override {}  // it still gets its answer
  void on_opened() override;

  /// It is written later.
  void keep(written&& what, client::timed_mux::token which) {
    unsent_ = std::make_unique<written>(std::move(what));
    which_ = which;
  }
  [[nodiscard]] boost::asio::cancellation_slot slot() const noexcept { return call_->slot(); }
  void set_token(client::timed_mux::token which) noexcept { which_ = which; }
  std::unique_ptr<detail::pending_call> take() { return std::move(call_); }

 private:
  void end(status why) { finish(home_.home(), std::move(call_), std::move(why)); }
  std::optional<time> accept(std::string_view control, time now);
  [[nodiscard]] time next_time(time now) const;

  runtime& home_;
  std::unique_ptr<detail::pending_call> call_;
  time deadline_;
  client::timed_mux::token which_ = 0;
  std::unique_ptr<written> unsent_;
  std::string control_;
  content_type type_;
  std::uint8_t unanswered_ = 0;  // pings
};

/// Nobody listens where it was sent.
[[nodiscard]] status nobody();

}  // namespace nuncio::rpc
