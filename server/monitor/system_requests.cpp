#include "system_requests.hpp"

#include "core/subscription.hpp"
#include "events.hpp"
#include "json_text.hpp"
#include "net/shard.hpp"
#include "request_options.hpp"
#include "server_info.hpp"

#include <nuncio/protocol/subject.hpp>

#include <boost/json/array.hpp>
#include <boost/json/parse.hpp>

#include <algorithm>
#include <array>
#include <atomic>
#include <memory>
#include <numeric>
#include <string_view>
#include <utility>

namespace nuncio::server::monitor {
namespace {

namespace json = boost::json;
using maker = page (*)(const sources& from, request_options& said, const std::string& account);

constexpr std::string_view to_servers = "$SYS.REQ.SERVER.";
constexpr std::string_view to_accounts = "$SYS.REQ.ACCOUNT.";
constexpr std::string_view ping = "PING";
constexpr std::string_view count_in_account = "$SYS.REQ.ACCOUNT.NSUBS";
constexpr std::string_view count_subscribers = "$SYS.DEBUG.SUBSCRIBERS";

// What every account may ask, about itself.
constexpr std::array about_itself{user_info_subject, std::string_view("$SYS.REQ.SERVER.PING.CONNZ"),
                                  std::string_view("$SYS.REQ.ACCOUNT.PING.CONNZ"),
                                  std::string_view("$SYS.REQ.ACCOUNT.PING.STATZ")};

page varz_for(const sources& from, request_options&, const std::string&) {
  return varz(from);
}

page subsz_for(const sources& from, request_options& said, const std::string& account) {
  subsz_options what;
  what.offset = said.integer("offset");
  what.limit = said.integer("limit");
  what.subscriptions = said.boolean("subscriptions");
  what.account = said.text("account");
  what.test = said.text("test");
  if (!account.empty()) {
    what.account = account;
    what.subscriptions = true;
  }
  return subsz(from, std::move(what));
}

page connz_for(const sources& from, request_options& said, const std::string& account) {
  connz_options what;
  what.sort = said.text("sort");
  what.auth = said.boolean("auth");
  if (said.boolean("subscriptions")) what.subscriptions = subscription_list::subjects;
  if (said.boolean("subscriptions_detail")) what.subscriptions = subscription_list::detail;
  what.offset = said.integer("offset");
  what.limit = said.integer("limit");
  what.cid = said.unsigned_integer("cid");
  what.has_mqtt_client = !said.text("mqtt_client").empty();
  what.state = said.state("state");
  what.user = said.text("user");
  what.account = said.text("acc");
  what.filter_subject = said.text("filter_subject");
  if (!account.empty()) what.account = account;
  return connz(from, std::move(what));
}

page accountz_for(const sources& from, request_options& said, const std::string&) {
  return accountz(from, said.text("account"));
}

page healthz_for(const sources&, request_options& said, const std::string&) {
  return healthz(health_options_of(said));
}

page routez_for(const sources& from, request_options&, const std::string&) {
  return ready(routez(from.of));
}

page gatewayz_for(const sources& from, request_options&, const std::string&) {
  return ready(gatewayz(from.of));
}

page leafz_for(const sources& from, request_options&, const std::string&) {
  return ready(leafz(from.of));
}

page jsz_for(const sources& from, request_options&, const std::string& account) {
  if (!account.empty()) throw page_error(500, "jetstream not enabled");
  return ready(jsz(from.of));
}

page nothing_for(const sources&, request_options&, const std::string&) {
  return ready(json::object());
}

page profilez_for(const sources&, request_options& said, const std::string&) {
  const auto name = said.text("name");
  const std::string why =
      name.empty() ? "Profile name not specified" : "Profile " + name + " not found";
  return ready(json::object{{"profile", nullptr}, {"error", why}});
}

page info_for(const sources& from, request_options&, const std::string& account) {
  auto whole = accountz(from, account);
  const auto found = co_await std::move(whole);
  co_return found.at("account_detail");
}

// Of one account: nothing if there is nobody, unless that is asked for.
page statz_for(const sources& from, request_options& said, const std::string& account) {
  accstatz_options what;
  what.accounts = said.texts("accounts");
  what.with_unused = said.boolean("include_unused");
  if (!account.empty()) what.accounts = {account};
  return accstatz(from, std::move(what));
}

struct row {
  std::string_view name;
  maker make;
};

// `$SYS.REQ.SERVER.<id>.…`, and `…PING.…` for all servers there are.
constexpr std::array of_server{
    row{"VARZ", varz_for},         row{"SUBSZ", subsz_for},       row{"CONNZ", connz_for},
    row{"ROUTEZ", routez_for},     row{"GATEWAYZ", gatewayz_for}, row{"LEAFZ", leafz_for},
    row{"ACCOUNTZ", accountz_for}, row{"JSZ", jsz_for},           row{"HEALTHZ", healthz_for},
    row{"EXPVARZ", nothing_for},   row{"IPQUEUESZ", nothing_for}, row{"RAFTZ", nothing_for},
    row{"PROFILEZ", profilez_for},
};
constexpr std::string_view idz = "IDZ";
constexpr std::string_view statsz_name = "STATSZ";

// `$SYS.REQ.ACCOUNT.<account>.…`
constexpr std::array of_account{
    row{"SUBSZ", subsz_for}, row{"CONNZ", connz_for}, row{"LEAFZ", leafz_for},
    row{"JSZ", jsz_for},     row{"INFO", info_for},   row{"STATZ", statz_for},
};
constexpr std::string_view conns = "CONNS";

// `$SYS.REQ.SERVER.<id>.…`: what does something.
constexpr std::string_view reload = "RELOAD";
constexpr std::string_view kick = "KICK";
constexpr std::string_view lame_duck = "LDM";

template <std::size_t Count>
const row* find(const std::array<row, Count>& table, std::string_view name) {
  const auto* const found = std::find_if(table.begin(), table.end(),
                                         [name](const row& each) { return each.name == name; });
  return found == table.end() ? nullptr : found;
}

// Is this one of the servers that the request is for? Its parts of names are enough, unless it
// wants all.
bool is_meant(const node& of, request_options& said) {
  const bool is_exact = said.boolean("exact_match");
  const auto fits = [is_exact](const std::string& wanted, std::string_view is) {
    if (wanted.empty()) return true;
    return is_exact ? wanted == is : is.find(wanted) != std::string_view::npos;
  };
  const auto rules = of.rules();
  const auto& has = rules->opts.tags;
  const auto tags = said.texts("tags");
  const bool has_tags = std::all_of(tags.begin(), tags.end(), [&has](const std::string& tag) {
    return std::find(has.begin(), has.end(), tag) != has.end();
  });
  const bool is_named = fits(said.text("server_name"), of.identity.info.server_name);
  const bool is_there = fits(said.text("host"), rules->standard.info.host);
  // It is in no cluster, and in no domain.
  const bool is_of_none = said.text("cluster").empty() && said.text("domain").empty();
  return has_tags && is_named && is_there && is_of_none;
}

json::object error_of(json::object server, int code, std::string_view text) {
  return {{"server", std::move(server)},
          {"error", json::object{{"code", code}, {"description", text}}}};
}

std::optional<std::string> to_text(const json::object& what) {
  return to_json_text(what, "");
}

request_answer ready_answer(std::optional<std::string> text) {
  co_return text;
}

request_answer answer_page(const request_sources& from,
                           const row& which,
                           request_options said,
                           std::string account) {
  std::optional<std::string> failure;
  try {
    auto making = which.make(from.pages, said, account);
    const bool is_for_us = is_meant(from.pages.of, said);
    if (!said.error().empty()) co_return to_text(error_of(from.server(), 400, said.error()));
    if (!is_for_us) co_return std::nullopt;
    auto made = co_await std::move(making);
    if (which.make == statz_for && made.at("account_statz").as_array().empty() &&
        !said.boolean("include_unused")) {
      co_return std::nullopt;
    }
    json::object out{{"server", from.server()}};
    out["data"] = std::move(made);
    co_return to_text(out);
  } catch (const page_error& why) {
    failure = why.what();
  }
  json::object out{{"server", from.server()}, {"data", nullptr}};
  out["error"] = json::object{{"code", 500}, {"description", *failure}};
  co_return to_text(out);
}

request_answer answer_statsz(const request_sources& from, request_options said) {
  const bool is_for_us = is_meant(from.pages.of, said);
  if (!said.error().empty()) co_return to_text(error_of(from.server(), 400, said.error()));
  if (!is_for_us) co_return std::nullopt;
  co_return to_text({{"server", from.server()}, {"statsz", statsz(from.pages)}});
}

std::string idz_text(const node& of) {
  const auto& identity = of.identity.info;
  return to_json_text(json::object{{"name", identity.server_name},
                                   {"host", of.rules()->standard.info.host},
                                   {"id", identity.server_id}},
                      "");
}

// Only who has connections says so.
request_answer answer_conns(const request_sources& from, std::string_view name) {
  const auto* const found = from.pages.of.all_accounts.find(name);
  if (found == nullptr || found->connections.load(std::memory_order_relaxed) == 0) {
    return ready_answer(std::nullopt);
  }
  return ready_answer(
      to_text(events::connections({from.new_id(), from.server()}, account_statistics(*found))));
}

// How many subscriptions of the account get a message to this subject: all, or members of a group.
request_answer answer_count(const request_sources& from,
                            const account* in,
                            std::string subject,
                            std::string queue) {
  if (in == nullptr) co_return std::nullopt;
  if (!protocol::is_valid_publish(subject)) co_return "0";
  auto counting = from.pages.shards.from_shards<std::uint64_t>(
      [in, subject = std::move(subject), queue = std::move(queue)](
          shard& on, std::vector<std::uint64_t>& found) {
        if (on.index() != 0) return;
        const auto& index = on.of().index;
        std::uint64_t count = 0;
        index.match(*in, subject, index.key_of(*in, subject).hash, [&](const subscription* sub) {
          count += queue.empty() || sub->queue() == queue ? 1 : 0;
        });
        found.push_back(count);
      });
  const auto found = co_await std::move(counting);
  co_return std::to_string(std::accumulate(found.begin(), found.end(), std::uint64_t{0}));
}

request_answer answer_nsubs(const request_sources& from, request_options said) {
  const auto name = said.text("acc");
  auto subject = said.text("subject");
  auto queue = said.text("queue");
  const account* const in = said.error().empty() ? from.pages.of.all_accounts.find(name) : nullptr;
  return answer_count(from, in, std::move(subject), std::move(queue));
}

// `subject [queue]`
request_answer answer_subscribers(const request_sources& from, const system_request& asked) {
  const std::string_view text = asked.payload;
  const auto blank = text.find(' ');
  const auto queue = blank == std::string_view::npos ? std::string_view{} : text.substr(blank + 1);
  return answer_count(from, asked.from, std::string(text.substr(0, blank)), std::string(queue));
}

request_answer answer_reload(const request_sources& from) {
  if (!from.reload) {
    co_return to_text(error_of(from.server(), 500, "can only reload config from a file"));
  }
  auto reloading = from.pages.shards.from_elsewhere<std::string>(from.reload);
  const auto found = co_await std::move(reloading);
  if (const auto& failure = found.front(); !failure.empty()) {
    co_return to_text(error_of(from.server(), 500, failure));
  }
  co_return to_text({{"server", from.server()}});
}

// Has a connection do something: `use(shard&, cid)` says whether it was there. One that is on its
// way from one shard to another is there a moment later.
template <class Use>
boost::asio::awaitable<bool> with_client(const request_sources& from, std::uint64_t cid, Use use) {
  for (int tries = 0; tries < 2; ++tries) {
    auto looking = from.pages.shards.from_shards<char>(
        [cid, use](shard& on, std::vector<char>& found) { found.push_back(use(on, cid) ? 1 : 0); });
    const auto found = co_await std::move(looking);
    if (std::find(found.begin(), found.end(), 1) != found.end()) co_return true;
  }
  co_return false;
}

request_answer answer_kick(const request_sources& from, request_options said) {
  const auto cid = said.unsigned_integer("cid");
  if (!said.error().empty()) co_return to_text(error_of(from.server(), 400, said.error()));
  auto kicking = with_client(from, cid, [](shard& on, std::uint64_t which) {
    return on.end_connection(which, close_reason::kicked);
  });
  const bool was_there = co_await std::move(kicking);
  if (was_there) co_return to_text({{"server", from.server()}});
  co_return to_text(error_of(from.server(), 500, "no such client or leafnode id"));
}

request_answer answer_lame_duck(const request_sources& from, request_options said) {
  const auto cid = said.unsigned_integer("cid");
  if (!said.error().empty()) co_return to_text(error_of(from.server(), 400, said.error()));
  const auto told = std::make_shared<std::atomic<bool>>(false);
  auto telling = with_client(from, cid, [told](shard& on, std::uint64_t which) {
    bool is_there = false;
    on.with_role(which, [&](role& r) {
      is_there = true;
      if (r.on_lame_duck()) told->store(true);
    });
    return is_there;
  });
  const bool was_there = co_await std::move(telling);
  if (!was_there) co_return to_text(error_of(from.server(), 500, "no such client id"));
  if (told->load()) co_return to_text({{"server", from.server()}});
  co_return to_text(error_of(from.server(), 500,
                             "client does not support Lame Duck Mode or is not ready to receive "
                             "the notification"));
}

request_answer answer_user_info(const request_sources& from, const system_request& asked) {
  json::object out{{"server", from.server()}};
  out["data"] = json::parse(asked.user);
  return ready_answer(to_text(out));
}

// What stands before the first dot.
std::string_view next_token(std::string_view& text) noexcept {
  const auto dot = text.find('.');
  const auto token = text.substr(0, dot);
  text.remove_prefix(dot == std::string_view::npos ? text.size() : dot + 1);
  return token;
}

request_answer answer_for_server(const request_sources& from,
                                 const system_request& asked,
                                 std::string_view name) {
  request_options said(asked.payload);
  if (name == idz) return ready_answer(idz_text(from.pages.of));
  if (name.empty() || name == statsz_name) return answer_statsz(from, std::move(said));
  if (name == reload) return answer_reload(from);
  if (name == kick) return answer_kick(from, std::move(said));
  if (name == lame_duck) return answer_lame_duck(from, std::move(said));
  const auto* const which = find(of_server, name);
  if (which == nullptr) return ready_answer(std::nullopt);
  // Who isn't the system account's sees its own only.
  const bool is_system = asked.from->is_system.load(std::memory_order_relaxed);
  return answer_page(from, *which, std::move(said), is_system ? std::string() : asked.from->name);
}

request_answer answer_for_account(const request_sources& from,
                                  const system_request& asked,
                                  std::string_view account,
                                  std::string_view name) {
  const bool is_system = asked.from->is_system.load(std::memory_order_relaxed);
  std::string about(account);
  if (!is_system) {
    about = asked.from->name;
  } else if (account == ping && name == "STATZ") {
    about.clear();  // all of them
  }
  if (name == conns) return answer_conns(from, about);
  const auto* const which = find(of_account, name);
  if (which == nullptr) return ready_answer(std::nullopt);
  return answer_page(from, *which, request_options(asked.payload), std::move(about));
}

}  // namespace

bool is_for_statsz(std::string_view subject) noexcept {
  if (!subject.starts_with(to_servers)) return false;
  subject.remove_prefix(to_servers.size());
  next_token(subject);
  return subject.empty() || subject == statsz_name;
}

std::vector<std::string> request_subjects(const node& of, const account& in) {
  std::vector<std::string> out;
  const auto rules = of.rules();
  if (rules->opts.access.system_account.empty()) return out;
  if (!in.is_system.load(std::memory_order_relaxed)) {
    return {about_itself.begin(), about_itself.end()};
  }
  out.emplace_back(user_info_subject);
  out.emplace_back(count_in_account);
  out.emplace_back(count_subscribers);
  const std::string to_all = std::string(to_servers).append(ping);
  const std::string to_this = std::string(to_servers).append(of.identity.info.server_id) + '.';
  const auto add = [&](std::string_view name) {
    out.push_back(std::string(to_all).append(".").append(name));
    out.push_back(std::string(to_this).append(name));
  };
  out.push_back(to_all);
  add(idz);
  add(statsz_name);
  for (const auto& each : of_server) add(each.name);
  for (const auto name : {reload, kick, lame_duck}) {
    out.push_back(std::string(to_this).append(name));
  }
  const auto of_any = std::string(to_accounts) + "*.";
  for (const auto& each : of_account) out.push_back(std::string(of_any).append(each.name));
  out.push_back(std::string(of_any).append(conns));
  return out;
}

request_answer answer_to(const request_sources& from, const system_request& asked) {
  std::string_view subject = asked.subject;
  if (subject == user_info_subject) return answer_user_info(from, asked);
  if (subject == count_in_account) return answer_nsubs(from, request_options(asked.payload));
  if (subject == count_subscribers) return answer_subscribers(from, asked);
  if (subject.starts_with(to_servers)) {
    subject.remove_prefix(to_servers.size());
    next_token(subject);
    return answer_for_server(from, asked, subject);
  }
  if (subject.starts_with(to_accounts)) {
    subject.remove_prefix(to_accounts.size());
    const auto account = next_token(subject);
    return answer_for_account(from, asked, account, subject);
  }
  return ready_answer(std::nullopt);
}

}  // namespace nuncio::server::monitor
