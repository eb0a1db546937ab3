#include "auth/password.hpp"
#include "client_role.hpp"
#include "core/quoted.hpp"
#include "net/shard.hpp"
#include "net/websocket_upgrade.hpp"

#include <nuncio/protocol/connect.hpp>

#include <boost/json/array.hpp>
#include <boost/json/object.hpp>
#include <boost/json/serialize.hpp>
#include <sodium.h>

#include <algorithm>
#include <tuple>
#include <utility>

// Logging in: who is it, in which account, and what may it do.
namespace nuncio::server {
namespace {

using protocol::errc;
using protocol::flow;

// The password of a client while it waits to be checked.
class kept_secret {
 public:
  explicit kept_secret(std::string_view text) : text_(text) {}
  kept_secret(const kept_secret&) = delete;
  kept_secret& operator=(const kept_secret&) = delete;
  ~kept_secret() { sodium_memzero(text_.data(), text_.size()); }

  [[nodiscard]] std::string_view text() const noexcept { return text_; }

 private:
  std::string text_;
};

// CONNECT's copies of them go with it.
void wipe(protocol::connect_options& asked) {
  for (auto* const text : {&asked.pass, &asked.auth_token, &asked.jwt}) {
    sodium_memzero(text->data(), text->size());
    text->clear();
  }
}

constexpr std::string_view some_token = "Token \"[REDACTED]\"";

std::string name_of(const credentials& shown) {
  if (!shown.nkey.empty()) return "Nkey " + quoted(shown.nkey);
  if (!shown.user.empty()) return "User " + quoted(shown.user);
  return std::string(shown.token.empty() ? "" : some_token);
}

std::string name_of(const principal& who) {
  using enum principal::proof;
  if (who.by == nkey) return "Nkey " + quoted(who.name);
  if (who.by == token) return std::string(some_token);
  return "User " + quoted(who.name.empty() ? "N/A" : who.name);
}

}  // namespace

// Where credentials are asked for, nothing comes before CONNECT, unless there is somebody whom
// those are who bring none.
bool client_role::may_begin(char first) {
  if (first == 'C' || first == 'c') return true;
  auto who = without_connect();
  if (who == nullptr) {
    return refuse({}) != flow::closed;
  }
  return admit(std::move(who));
}

// A certificate names only who says CONNECT.
std::shared_ptr<const principal> client_role::without_connect() const {
  return access().without_connect({connection_.type(), {}, way_in().maps_certificates(), nullptr});
}

// What CONNECT leaves out.
void client_role::add_cookies(protocol::connect_options& asked) const {
  const auto* const brought = connection_.bytes().cookies();
  if (brought == nullptr) return;
  if (asked.user.empty()) asked.user = brought->user;
  if (asked.pass.empty()) asked.pass = brought->password;
  if (asked.auth_token.empty()) asked.auth_token = brought->token;
}

flow client_role::log_in(protocol::connect_options& asked) {
  const auto& home = connection_.home();
  add_cookies(asked);
  const auto shown = credentials_of(asked);
  if (check_ != nullptr) {
    // CONNECT comes a second time, with the answer.
    const auto done = std::exchange(check_, nullptr);
    if (done->who == nullptr) return log_in(asked);  // the users have changed meanwhile
    if (done->is != password_check::state::right) return turn_away(asked, shown);
    wipe(asked);
    return admit(std::move(done->who)) ? flow::go_on : flow::closed;
  }
  const auto nonce = access().needs_nonce() ? home.of().nonce_of(connection_.id) : std::string();
  const bool maps = way_in().maps_certificates();
  const auto names = maps ? connection_.peer_names() : nullptr;
  const auto found = access().decide(shown, {connection_.type(), nonce, maps, names.get()});
  if (maps && !shown.user.empty() && found.what == decision::kind::accepted) {
    note_rarely(home.of().login_notice, log_level::warn,
                "its certificate says who it is, not CONNECT: ", name_of(shown));
  }
  if (found.what == decision::kind::check_password) {
    const bool is_asked = ask_for_check(found);
    wipe(asked);
    if (is_asked) return flow::again;
    // Not their fault: a text after which clients come back.
    return connection_.fail(errc::max_connections);
  }
  if (found.what != decision::kind::accepted) return turn_away(asked, shown);
  wipe(asked);
  return admit(found.who) ? flow::go_on : flow::closed;
}

// False if too many wait for that already.
bool client_role::ask_for_check(const decision& what) {
  auto& home = connection_.home();
  check_ = std::make_unique<password_check>();
  check_->who = what.who;
  auto job = [&home, cid = connection_.id, stored = std::string(what.stored),
              offered = std::make_shared<const kept_secret>(what.offered)] {
    const bool is_right = matches_bcrypt(stored, offered->text());
    home.post_to_role(cid, [is_right](role& r) {
      // Only clients ask, and ids are never used again.
      auto& self = static_cast<client_role&>(r);
      using state = password_check::state;
      if (self.check_ == nullptr) return;
      self.check_->is = is_right ? state::right : state::wrong;
      self.connection_.resume();
    });
  };
  if (home.of().aside.post(std::move(job))) return true;
  check_.reset();
  note_rarely(home.of().full_queue_notice, log_level::error, "authentication error - ",
              "too many passwords wait to be checked");
  return false;
}

// It is remembered as who it said it was.
flow client_role::turn_away(protocol::connect_options& asked, const credentials& shown) {
  wipe(asked);
  const std::string_view token = shown.token.empty() ? std::string_view{} : "[REDACTED]";
  const std::string_view user = shown.user.empty() ? token : std::string_view(shown.user);
  keep_title(asked, shown.nkey.empty() ? user : std::string_view(shown.nkey));
  return refuse(name_of(shown));
}

// The same answer whatever is wrong: who guesses learns nothing.
flow client_role::refuse(std::string_view who) {
  note_rarely(connection_.home().of().login_notice, log_level::error,
              who.empty() ? "authentication error" : "authentication error - ", who);
  return connection_.fail(errc::authorization_violation);
}

// False if its account or its user has too many, and the connection is over.
bool client_role::admit(std::shared_ptr<const principal> who) {
  account& to = connection_.home().rules().account_of(*who);
  const account* const before = who_ == nullptr ? nullptr : &its_account();
  if (who_ == nullptr || &to != &its_account()) {
    if (!to.join()) {
      connection_.fail(errc::max_account_connections);
      return false;
    }
    leave_tally();
    if (who_ != nullptr) its_account().leave();
    connection_.join(to);
  } else if (who_->name != who->name) {
    leave_tally();
  }
  apply_grants(std::move(who));
  apply_limits();
  if (count_by_user()) {
    auto* const watcher = connection_.home().of().watcher;
    if (watcher != nullptr && before != &to) watcher->on_opened(connection_, before);
    return true;
  }
  note_rarely(connection_.home().of().limit_notice, log_level::error,
              "Too many connections of this user", {});
  connection_.fail(errc::max_account_connections);
  return false;
}

// The same name may be in two accounts.
std::string client_role::name_in_tally() const {
  return std::to_string(its_account().id) + ' ' + who_->name;
}

// False if there are too many. Those without a name aren't counted.
bool client_role::count_by_user() {
  const auto limit = opts().max_connections_per_user;
  if (limit <= 0 || is_counted_ || who_->name.empty()) return true;
  is_counted_ = connection_.home().of().by_user.join(name_in_tally(), limit);
  return is_counted_;
}

// Those who are there stay, and are counted from when there is a limit.
void client_role::recount_by_user() {
  if (who_ == nullptr || who_->name.empty()) return;
  const bool is_wanted = opts().max_connections_per_user > 0;
  if (!is_wanted) return leave_tally();
  if (!is_counted_) is_counted_ = connection_.home().of().by_user.join(name_in_tally(), -1);
}

void client_role::leave_tally() {
  if (std::exchange(is_counted_, false)) {
    connection_.home().of().by_user.leave(name_in_tally());
  }
}

void client_role::apply_limits() {
  const auto of_account = its_account().max_payload.load(std::memory_order_relaxed);
  limits_.max_control_line = opts().max_control_line;
  limits_.max_payload =
      of_account < 0 ? opts().max_payload : std::min(opts().max_payload, of_account);
}

void client_role::apply_grants(std::shared_ptr<const principal> who) {
  const auto* const may = who->may.get();
  const auto* const hears = may != nullptr && may->subscribe && may->subscribe->filters_deliveries()
                                ? &*may->subscribe
                                : nullptr;
  std::unique_ptr<reply_grants> replies;
  if (may != nullptr && may->responses) replies = std::make_unique<reply_grants>(who->may);
  connection_.rules.store(hears, std::memory_order_release);
  auto* const old_replies =
      connection_.grants.exchange(replies.release(), std::memory_order_acq_rel);
  // Other shards may be looking at what was in force.
  auto& epoch = connection_.home().epoch();
  if (old_replies != nullptr) epoch.retire(old_replies);
  if (who_ != nullptr && who_->may != nullptr) {
    epoch.retire(new std::shared_ptr<const principal>(std::move(who_)));
  }
  who_ = std::move(who);
}

// Negative: no limit.
std::int64_t client_role::max_subscriptions() const noexcept {
  const auto of_server = opts().max_subscriptions > 0 ? opts().max_subscriptions : -1;
  const auto of_account = its_account().max_subscriptions.load(std::memory_order_relaxed);
  if (of_account < 0 || of_server < 0) return std::max(of_account, of_server);
  return std::min(of_account, of_server);
}

// What is remembered of them, as it is asked for with every message.
void client_role::apply_options() {
  tracing_ = opts().trace && connection_.home().of().log.enabled(log_level::trace);
  apply_limits();
}

void client_role::on_reload(const in_force& before) {
  const auto& rules = connection_.home().rules();
  if (!still_welcome(before)) return;
  recount_by_user();
  const auto max_payload = limits_.max_payload;
  apply_options();
  apply_flags();
  // The shard's clock goes by the shortest of them, so that all timers are wound anew.
  const auto times = [](const in_force& of) {
    return std::tie(of.standard.ping_interval, of.websocket.ping_interval, of.opts.write_deadline);
  };
  if (times(rules) != times(before)) rewind_timer();
  const auto told = [](const in_force& of) {
    return std::tie(of.standard.info.host, of.standard.info.port);
  };
  const bool is_news = max_payload != limits_.max_payload || told(rules) != told(before);
  if (greeted_ && protocol_ >= 1 && is_news) send_info(info_kind::changed);
}

// Is the user still there, in the same account? Then it goes on, with what it may do now.
bool client_role::still_welcome(const in_force& before) {
  const auto& rules = connection_.home().rules();
  // What was asked of the old authenticator doesn't count any more: CONNECT is looked at again.
  if (check_ != nullptr) check_->who = nullptr;
  if (who_ == nullptr) {
    if (access().auth_required()) return true;
    return admit(without_connect());
  }
  const auto type = connection_.type();
  const auto next = access().successor(*who_, *before.entrance_of(type).access, type);
  if (next.what == succession::kind::refused) {
    note_rarely(connection_.home().of().reload_refusal_notice, log_level::error,
                "authentication error - ", name_of(*who_));
    connection_.fail(errc::authorization_violation);
    return false;
  }
  auto now = next.who;
  // Without a word: clients come back by themselves, and give up after most words.
  const bool has_to_ask = next.what == succession::kind::asks_again;
  if (has_to_ask || &rules.account_of(*now) != &its_account()) {
    note_rarely(connection_.home().of().reload_close_notice, log_level::info,
                has_to_ask ? "Closed by reload, to show its credentials again: "
                           : "Closed by reload, as it belongs to another account now: ",
                name_of(*who_));
    connection_.end(close_reason::authorization);
    return false;
  }
  const bool is_same = same_grants(now->may.get(), who_->may.get());
  if (is_same) {
    // The old one is kept: others may be reading its rules.
    return true;
  }
  if (now->name != who_->name) leave_tally();  // by the name that it is counted under
  apply_grants(std::move(now));
  apply_flags();
  drop_forbidden();
  return true;
}

// Subscriptions that it may not have any more.
void client_role::drop_forbidden() {
  const auto* const may = who_->may.get();
  if (may == nullptr || !may->subscribe) return;
  std::vector<subscription*> forbidden;
  sids_.for_each([&](subscription* sub) {
    if (sub->is_linked() && !may->subscribe->may_subscribe(sub->subject(), sub->queue())) {
      forbidden.push_back(sub);
    }
  });
  for (auto* const sub : forbidden) {
    const auto which = " (sid \"" + std::string(sub->sid()) + "\")";
    send_error(violation("Subscription to", sub->subject(), sub->queue(), which));
    std::string line = "Removed sub " + quoted(sub->subject());
    if (!sub->queue().empty()) line.append(" using queue ").append(quoted(sub->queue()));
    line.append(which).append(" for ").append(name_of(*who_)).append(" - not authorized");
    note_rarely(connection_.home().of().removal_notice, log_level::info, line, {});
    remove(sub);
  }
}

std::string client_role::user_info() const {
  namespace json = boost::json;
  json::object out{{"user", who_ != nullptr ? who_->name : std::string()},
                   {"account", its_account().name},
                   {"account_name", its_account().name}};
  const auto* const may = who_ == nullptr ? nullptr : who_->may.get();
  if (may == nullptr) return json::serialize(out);
  const auto listed = [](const std::vector<std::string>& texts) {
    json::array all;
    for (const auto& each : texts) all.emplace_back(each);
    return all;
  };
  const auto shown = [&](const subject_rules& rules) {
    json::object side;
    if (rules.allow) side["allow"] = listed(*rules.allow);
    if (!rules.deny.empty()) side["deny"] = listed(rules.deny);
    return side;
  };
  json::object rights;
  const auto publish = shown(may->said.publish);
  const auto subscribe = shown(may->said.subscribe);
  if (!publish.empty()) rights["publish"] = publish;
  if (!subscribe.empty()) rights["subscribe"] = subscribe;
  if (may->said.responses) {
    rights["responses"] = {{"max", may->said.responses->max},
                           {"ttl", may->said.responses->expires.count()}};
  }
  out["permissions"] = std::move(rights);
  return json::serialize(out);
}

}  // namespace nuncio::server
