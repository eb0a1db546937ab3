#pragma once

#include "admitted_call.hpp"

#include <memory>
#include <optional>
#include <string>
#include <string_view>

namespace nuncio::rpc {

/// A unary or one-way call that is being served.
///
/// It ends once: by its handler, or before that by its caller, its deadline or the connection; what
/// the handler says then is not sent any more.
class served_unary final : public admitted_call,
                           public bound_call,
                           public std::enable_shared_from_this<served_unary> {
 public:
  served_unary(std::shared_ptr<service_core> home, std::shared_ptr<endpoint_state> endpoint);
  served_unary(const served_unary&) = delete;
  served_unary& operator=(const served_unary&) = delete;
  virtual ~served_unary();

  /// `type` is that of the payload.
  void begin(const message_view& m, const reading& said, content_type type, time now);
  /// Its handler still runs: the deadline and the caller's control begin to matter.
  void watch(time now);

  using detail::served_call::fail;
  void succeed(std::string_view payload, content_type type) override;
  void fail(status why) override;

  // By its entry in the table of controlled calls.
  std::optional<time> on_control(const message_view& m, time now);
  std::optional<time> on_time(time now);
  void on_lost(std::string& farewell) override;
  void on_forbidden(std::string_view subject) override {
    if (subject == reply()) abandon();
  }
  /// Nobody wants it any more.
  void abandon();
  void stop() override;

 private:
  std::optional<status> answer(std::string_view header_block, std::string_view payload);
  void give(const status& why);
  void finish(const status* failure = nullptr);
  void accept(time now);
  [[nodiscard]] std::optional<time> next_time() const;

  std::optional<time> accept_at_;
  std::optional<client::timed_mux::token> controlled_;
  bool takes_accept_ = false;
  bool is_accepted_ = false;
};

}  // namespace nuncio::rpc
