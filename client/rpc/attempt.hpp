#pragma once

#include "runtime.hpp"

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace nuncio::rpc {

class planned_call;

/// One attempt at a unary or one-way call, in the table of its connection, which owns it. It has a
/// reply subject of its own.
///
/// It ends once, and tells its call; it may also be left by it before.
class attempt final : public client::mux_call, public bound_call, public waiting_call {
 public:
  /// It begins at `first`, or when begin() says so.
  attempt(planned_call& of, time first);
  attempt(const attempt&) = delete;
  attempt& operator=(const attempt&) = delete;
  ~attempt() override;

  std::optional<time> on_answer(const message_view& m, time now) override;
  std::optional<time> on_time(time now) override;
  void on_failure(boost::system::error_code why) override;
  void on_lost(std::string& farewell) override;
  void on_forbidden(std::string_view) override {}  // it still gets its answer
  void on_opened() override;

  void set_token(client::timed_mux::token which) noexcept { which_ = which; }
  [[nodiscard]] client::timed_mux::token token() const noexcept { return which_; }
  [[nodiscard]] bool has_begun() const noexcept { return number_ != 0; }

  /// Writes it, now with `deadline`, or when there is a connection, and then it has all the time
  /// that is left. When on_time() is due; nothing if it is over.
  std::optional<time> begin(std::uint32_t number, time deadline, time now);
  /// A one-way request is with an instance.
  void confirm();
  /// Its call doesn't want it any more; it is to be removed.
  void leave();
  /// It is over, and has no call any more.
  void detach() noexcept { of_ = nullptr; }

 private:
  std::optional<time> write(time now);
  void end(status why, bool timed_out = false);
  std::optional<time> accept(std::string_view control, time now);
  [[nodiscard]] time next_time(time now) const;
  void remove();

  runtime& home_;
  planned_call* of_;
  time deadline_;
  client::timed_mux::token which_ = 0;
  std::uint32_t number_ = 0;  // 0: it hasn't begun
  std::string control_;
  std::uint8_t unanswered_ = 0;  // pings
  bool is_sent_ = false;
};

}  // namespace nuncio::rpc
