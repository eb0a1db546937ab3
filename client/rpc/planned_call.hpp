#pragma once

#include "attempt.hpp"
#include "call_plan.hpp"
#include "stub_core.hpp"
#include "written.hpp"

#include <array>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

namespace nuncio::rpc {

/// A unary or one-way call as its user sees it: makes the attempts that its plan says, and ends
/// with one of them.
///
/// It owns itself from start() to its end, when it is handed to the driver to tell its user. It
/// goes without a word if all of its attempts do, which is when their connection is destroyed.
/// Thread: the connection's executor.
class planned_call final : public client::finished_call, public moved_call {
 public:
  using time = call_plan::time;

  static void start(std::shared_ptr<stub_core> core,
                    detail::request&& what,
                    std::unique_ptr<detail::pending_call> done,
                    bool is_one_way);

  planned_call(std::shared_ptr<stub_core> core,
               const detail::request& what,
               std::unique_ptr<detail::pending_call> done,
               bool is_one_way);
  planned_call(const planned_call&) = delete;
  planned_call& operator=(const planned_call&) = delete;
  ~planned_call() override;

  void complete() override { detail::pending_call::complete(std::move(done_)); }
  /// The user doesn't want it any more.
  void cancel() override;

  // For its attempts.
  [[nodiscard]] client::driver& home() const noexcept { return *core_->home; }
  [[nodiscard]] time deadline() const noexcept { return plan_.deadline(); }
  [[nodiscard]] content_type type() const noexcept { return type_; }
  [[nodiscard]] bool is_one_way() const noexcept { return is_one_way_; }
  [[nodiscard]] const std::string& subject() const noexcept { return what_.subject; }
  [[nodiscard]] const std::string& payload() const noexcept { return what_.payload; }
  [[nodiscard]] protocol::rpc_block block(std::uint32_t number, time deadline, time now) const;
  /// The time of one that hasn't begun has come.
  std::optional<time> on_due(attempt& which, time now);
  /// There is something new to be known of where to send one that hasn't begun.
  std::optional<time> on_found(attempt& which, time now);
  void on_answer(attempt& from, std::string_view payload, content_type type);
  void on_failure(attempt& from, status why, bool timed_out);
  /// It is destroyed and hasn't said how it ended.
  void on_gone(attempt& which);

 private:
  [[nodiscard]] bool can_look_up(const status& why) const noexcept;
  void look_up_instead(time now);
  void choose_subject();
  void judge(status why, bool timed_out, time now);
  void begin(detail::request&& what, time now);
  attempt& add(time first);
  void begin_now(attempt& which, time now);
  void forget(attempt& which) noexcept;
  /// All attempts but the one that has just been forgotten.
  void drop_others();
  bool admit(time now);
  void fail(status why);
  void note_end(const status& how);
  void finish();
  [[nodiscard]] call_facts facts() const;

  std::unique_ptr<planned_call> self_;
  std::shared_ptr<stub_core> core_;
  std::unique_ptr<detail::pending_call> done_;
  written what_;
  std::string endpoint_;
  metadata headers_;
  time started_;
  circuit_breaker* circuit_ = nullptr;
  circuit_breaker::ticket ticket_;
  call_plan plan_;
  std::array<attempt*, 2> live_{};
  std::optional<client::timed_mux::token> first_;
  std::array<char, 16> drawn_id_{};
  content_type type_;
  std::uint8_t looked_up_ = 0;  // since the plan has begun an attempt
  bool has_asked_ = false;
  bool is_one_way_;
  bool has_drawn_id_ = false;
  bool is_watched_ = false;  // by interceptors
};

}  // namespace nuncio::rpc
