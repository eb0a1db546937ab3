#pragma once

#include "auth/authenticator.hpp"
#include "core/account.hpp"
#include "core/permissions.hpp"
#include "core/sid_map.hpp"
#include "net/connection.hpp"
#include "net/entrance.hpp"
#include "net/message_trace.hpp"
#include "net/rate_limited.hpp"
#include "net/traced_message.hpp"

#include <nuncio/protocol/connect.hpp>
#include <nuncio/protocol/parser.hpp>
#include <nuncio/server/log.hpp>
#include <nuncio/server/options.hpp>
#include <nuncio/server/role.hpp>

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace nuncio::server {

/// A NATS client: CONNECT, SUB, UNSUB, PUB, HPUB, PING, and what the reference server answers.
/// Source: nats-server 2.15.2, server/client.go, checked against a live one.
class client_role final : public role {
 public:
  explicit client_role(connection& c);
  client_role(const client_role&) = delete;
  client_role& operator=(const client_role&) = delete;
  ~client_role() override;

  void on_open() override;
  void on_ready() override;
  verdict on_input(std::string_view bytes) override;
  void on_timer() override;
  [[nodiscard]] bool can_move() const override {
    return removed_ == nullptr && !waiting_ && check_ == nullptr;
  }
  void on_reload(const in_force& before) override;
  bool on_lame_duck() override;
  void on_close(close_reason reason) override;
  void deliver(const delivery& message, bool last) override;
  void on_exhausted(subscription* sub, std::uint32_t sid_hash) override;
  void on_error_sent(std::string_view text) override;
  void on_delivered(const traced_message& what) override;
  [[nodiscard]] std::string_view name() const noexcept override { return title().name; }
  [[nodiscard]] std::string user_info() const override;
  void show(connection_figures& of) const override;
  void identify(connection_view& of) const override;
  bool some_subscriptions(subscription_walk& from,
                          std::size_t most,
                          const std::function<void(const subscription&)>& visit) const override;
  [[nodiscard]] std::string describe() const override;

  // The parser's handler.
  protocol::flow on_pub(const protocol::ops::pub& op);
  protocol::flow on_sub(const protocol::ops::sub& op);
  protocol::flow on_unsub(const protocol::ops::unsub& op);
  protocol::flow on_connect(std::string_view json);
  protocol::flow on_info(std::string_view json);
  protocol::flow on_ping();
  protocol::flow on_pong();
  protocol::flow on_error(protocol::errc code);
  protocol::flow on_peer_error(std::string_view text);

 private:
  struct removed {
    std::uint64_t tag;
    subscription* sub;
  };

  // Why a message isn't taken.
  struct denial {
    std::string_view said;  // to the client
    std::string_view logged;
    std::string_view subject;  // that it is about, or the reply
  };
  [[nodiscard]] static denial denied_subject(std::string_view subject) noexcept {
    return {"Publish to", "Publish Violation - Subject ", subject};
  }

  // A bcrypt password is checked elsewhere; CONNECT is looked at again when that is done.
  struct password_check {
    std::shared_ptr<const principal> who;
    enum class state : std::uint8_t { asked, right, wrong } is = state::asked;
  };

  [[nodiscard]] const options& opts() const noexcept;
  [[nodiscard]] const authenticator& access() const noexcept;
  [[nodiscard]] const entrance& way_in() const noexcept;
  [[nodiscard]] account& its_account() const noexcept { return connection_.its_account(); }

  // Logging in: client_login.cpp.
  [[nodiscard]] bool may_begin(char first);
  [[nodiscard]] std::shared_ptr<const principal> without_connect() const;
  void add_cookies(protocol::connect_options& asked) const;
  [[nodiscard]] protocol::flow log_in(protocol::connect_options& asked);
  [[nodiscard]] bool ask_for_check(const decision& what);
  [[nodiscard]] protocol::flow turn_away(protocol::connect_options& asked,
                                         const credentials& shown);
  [[nodiscard]] protocol::flow refuse(std::string_view who);
  [[nodiscard]] bool admit(std::shared_ptr<const principal> who);
  [[nodiscard]] std::string name_in_tally() const;
  [[nodiscard]] bool count_by_user();
  void recount_by_user();
  void leave_tally();
  void apply_limits();
  void apply_options();
  void apply_flags();
  void apply_grants(std::shared_ptr<const principal> who);
  [[nodiscard]] std::int64_t max_subscriptions() const noexcept;
  [[nodiscard]] bool still_welcome(const in_force& before);
  void drop_forbidden();

  /// The line that says so; `more` follows the subject and the queue.
  [[nodiscard]] static std::string violation(std::string_view what,
                                             std::string_view subject,
                                             std::string_view queue = {},
                                             std::string_view more = {});
  /// What such a line says.
  [[nodiscard]] static std::string_view text_of(std::string_view line) noexcept {
    return line.substr(6, line.size() - 9);
  }
  protocol::flow publish(const protocol::ops::pub& op);
  std::string deny_publish(const protocol::ops::pub& op, const denial& what);
  protocol::flow deny_subscription(const protocol::ops::sub& op);
  [[nodiscard]] bool may_reply(std::string_view subject);
  [[nodiscard]] bool may_publish(std::string_view subject);
  [[nodiscard]] std::optional<denial> denial_of(const protocol::ops::pub& op);
  [[nodiscard]] bool is_allowed(const protocol::ops::pub& op);
  [[nodiscard]] protocol::ops::pub mapped(const protocol::ops::pub& op,
                                          const subject_mapping& by) const;
  protocol::flow ok();
  void send_error(std::string_view line);
  enum class info_kind : std::uint8_t { greeting, answers_connect, changed, lame_duck };
  void send_info(info_kind kind);
  void send_no_responders(const protocol::ops::pub& op);
  void remove(subscription* sub);
  void remove_all();
  void settle_removed();
  void wait_for_removed();
  struct title_parts {
    std::string_view version;
    std::string_view language;
    std::string_view name;
    std::string_view refused;  // the user that it isn't
  };
  void keep_title(const protocol::connect_options& asked, std::string_view refused);
  [[nodiscard]] title_parts title() const noexcept;
  void note_rtt(std::chrono::nanoseconds took);
  void schedule_ping();
  [[nodiscard]] std::chrono::milliseconds login_time_left() const;
  void rewind_timer();
  void note_rarely(rate_limited& notice,
                   log_level level,
                   std::string_view what,
                   std::string_view detail) const;

  // Of messages that are to be told of: client_message_trace.cpp.
  [[nodiscard]] bool may_wish_trace(const protocol::ops::pub& op) const noexcept;
  protocol::flow publish_traced(const protocol::ops::pub& op);
  [[nodiscard]] message_trace begin_trace(const protocol::ops::pub& op,
                                          std::string_view destination,
                                          trace_encoding encoding) const;
  [[nodiscard]] protocol::flow deliver_traced(const protocol::ops::pub& op,
                                              bool is_dry,
                                              message_trace& trace);

  // For the log: client_trace.cpp.
  void trace(std::string_view direction, std::string_view text) const;
  void trace_payload(std::string_view direction, std::string_view shown) const;
  void trace_error(std::string_view text) const;
  void trace_removal(const subscription& of) const;

  connection& connection_;
  sid_map sids_;
  protocol::parse_limits limits_;
  // Removed from the index, in `sids_` until no shard can be staging messages for them.
  std::unique_ptr<std::vector<removed>> removed_;  // null: none; there are many connections
  std::shared_ptr<const principal> who_;           // null: nobody yet
  std::unique_ptr<password_check> check_;
  // The title_parts, a zero behind each; not strings, which take 32 bytes each. Null: all are
  // empty.
  std::unique_ptr<char[]> title_;

  std::chrono::steady_clock::time_point last_input_;
  std::chrono::steady_clock::time_point last_ping_;  // when one was last sent
  std::uint32_t rtt_us_ = 0;                         // 0: not measured yet
  std::uint16_t last_slot_ = 0;                      // of the shard's match cache
  std::uint8_t pings_out_ = 0;
  std::uint8_t protocol_ = 0;
  bool verbose_ = true;  // as long as no CONNECT says otherwise
  bool pedantic_ = true;
  bool echo_ = true;
  bool no_responders_ = false;
  bool connected_ = false;
  bool is_counted_ = false;  // among those of its user
  bool active_ = false;   // this input held something that makes a PING needless: not a mere PONG
  bool greeted_ = false;  // the INFO that answers CONNECT has been sent
  bool first_ping_ = true;
  bool waiting_ = false;    // for a grace period
  bool suspended_ = false;  // input waits for it, too
  bool tracing_ = false;
};

}  // namespace nuncio::server
