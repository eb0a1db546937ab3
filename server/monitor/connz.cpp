#include "closed_connections.hpp"
#include "core/subscription.hpp"
#include "pages.hpp"
#include "times.hpp"

#include <nuncio/protocol/subject.hpp>

#include <boost/json/array.hpp>

#include <algorithm>
#include <array>
#include <list>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <unordered_set>

namespace nuncio::server::monitor {
namespace {

namespace json = boost::json;

// What connections are sorted by: the smallest first.
using sort_key = std::int64_t (*)(const connection_figures&);

// By their words.
std::int64_t rank_of(close_reason reason) {
  std::int64_t before = 0;
  for (int i = 0; i <= static_cast<int>(close_reason::kicked); ++i) {
    before += to_string(static_cast<close_reason>(i)) < to_string(reason) ? 1 : 0;
  }
  return before;
}

std::int64_t count_of(wall_time t) {
  return std::chrono::duration_cast<std::chrono::nanoseconds>(t.time_since_epoch()).count();
}

struct sorting {
  std::string_view name;
  sort_key key;
  bool is_of_closed = false;
};

// Most are wanted with the largest first, hence the signs.
constexpr std::array sortings{
    sorting{"cid", [](const connection_figures& c) { return static_cast<std::int64_t>(c.cid); }},
    sorting{"start", [](const connection_figures& c) { return static_cast<std::int64_t>(c.cid); }},
    sorting{"subs", [](const connection_figures& c) { return -std::int64_t{c.subscriptions}; }},
    sorting{
        "pending",
        [](const connection_figures& c) { return -static_cast<std::int64_t>(c.pending_bytes); }},
    sorting{"msgs_to",
            [](const connection_figures& c) { return -static_cast<std::int64_t>(c.out_messages); }},
    sorting{"msgs_from",
            [](const connection_figures& c) { return -static_cast<std::int64_t>(c.in_messages); }},
    sorting{"bytes_to",
            [](const connection_figures& c) { return -static_cast<std::int64_t>(c.out_bytes); }},
    sorting{"bytes_from",
            [](const connection_figures& c) { return -static_cast<std::int64_t>(c.in_bytes); }},
    sorting{"last", [](const connection_figures& c) { return -count_of(c.last_activity); }},
    sorting{"idle", [](const connection_figures& c) { return count_of(c.last_activity); }},
    sorting{"uptime", [](const connection_figures& c) { return -count_of(c.start); }},
    sorting{"stop", [](const connection_figures& c) { return -count_of(c.stop.value_or(c.start)); },
            true},
    sorting{"reason", [](const connection_figures& c) { return rank_of(c.reason); }, true},
    sorting{"rtt", [](const connection_figures& c) { return -std::int64_t{c.rtt.count()}; }},
};

const sorting& sorting_of(const connz_options& what) {
  if (what.sort.empty()) return sortings.front();
  const auto* const found = std::find_if(sortings.begin(), sortings.end(),
                                         [&](const sorting& s) { return s.name == what.sort; });
  if (found == sortings.end()) throw page_error(400, "invalid sorting option: " + what.sort);
  if (found->is_of_closed && what.state != state_filter::closed) {
    throw page_error(400, "sort by " + what.sort + " only valid on closed connections");
  }
  return *found;
}

std::int64_t limit_of(const connz_options& what) {
  if (what.cid != 0) return 1;
  return what.limit <= 0 ? default_limit : what.limit;
}

struct wanted {
  std::string user;
  std::string account;
};

bool is_wanted(const connection_view& c, const wanted& what) {
  return (what.user.empty() || c.user == what.user) &&
         (what.account.empty() || c.account == what.account);
}

// Likewise of one that is open; what it costs to see is seen only if it matters.
bool is_wanted(const connection& c, const wanted& what) {
  if (!what.account.empty() && c.its_account().name != what.account) return false;
  return what.user.empty() || is_wanted(c.view(), what);
}

// One of those that the page may show.
struct candidate {
  std::uint64_t cid = 0;
  std::int64_t key = 0;
  bool is_wanted = false;
  const connection_view* closed = nullptr;  // null: it is open
};

json::array peer_certificates(const tls_view& of) {
  json::array out;
  for (const auto& each : of.peer_certificates) {
    out.push_back(json::object{{"subject", each.subject},
                               {"spki_sha256", each.spki_sha256},
                               {"cert_sha256", each.cert_sha256}});
  }
  return out;
}

// One that is open, on the page. Its subscriptions may be very many: nothing that moves them at
// once where messages wait.
struct shown_connection {
  connection_view what;
  std::list<subscription_view> subscriptions;
};

template <class List>
json::array listed(const List& all, bool with_detail, bool with_account) {
  json::array out;
  for (const auto& each : all) {
    if (with_detail) {
      out.push_back(to_json(each, with_account));
    } else {
      out.emplace_back(each.subject);
    }
  }
  return out;
}

void put_tls(json::object& to, const connection_view& c, bool with_certificates) {
  if (!c.tls) return;
  to["tls_version"] = c.tls->version;
  to["tls_cipher_suite"] = c.tls->cipher_suite;
  if (with_certificates && !c.tls->peer_certificates.empty()) {
    to["tls_peer_certs"] = peer_certificates(*c.tls);
  }
  if (c.tls->first) to["tls_first"] = true;
}

json::object to_json(const connection_view& c,
                     json::array subscriptions,
                     const connz_options& what,
                     wall_time now) {
  const auto end = c.stop.value_or(now);
  json::object out{{"cid", c.cid},
                   {"kind", "Client"},
                   {"type", type_name(c.type)},
                   {"ip", c.ip},
                   {"port", c.port},
                   {"start", to_rfc3339(c.start)},
                   {"last_activity", to_rfc3339(c.last_activity)}};
  if (c.stop) {
    out["stop"] = to_rfc3339(*c.stop);
    out["reason"] = to_string(c.reason);
  }
  if (c.rtt.count() != 0) out["rtt"] = to_go_text(c.rtt);
  out["uptime"] = to_uptime(end - c.start);
  out["idle"] = to_uptime(end - c.last_activity);
  out["pending_bytes"] = c.pending_bytes;
  out["in_msgs"] = c.in_messages;
  out["out_msgs"] = c.out_messages;
  out["in_bytes"] = c.in_bytes;
  out["out_bytes"] = c.out_bytes;
  put_if(out, "stalls", c.stalls);
  out["subscriptions"] = c.subscriptions;
  put_if(out, "name", c.name);
  put_if(out, "lang", c.language);
  put_if(out, "version", c.version);
  put_tls(out, c, what.auth);
  if (what.auth) {
    put_if(out, "authorized_user", c.user);
    if (c.account != global_account) out["account"] = c.account;
  }
  if (!subscriptions.empty()) {
    const bool detail = what.subscriptions == subscription_list::detail;
    out[detail ? "subscriptions_list_detail" : "subscriptions_list"] = std::move(subscriptions);
  }
  if (what.auth && c.account != global_account) out["name_tag"] = c.account;
  return out;
}

boost::asio::awaitable<std::vector<candidate>> open_ones(const sources& from,
                                                         wanted what,
                                                         sort_key key) {
  return from.shards.from_connections<candidate>(
      [what = std::move(what), key](const connection& c, std::vector<candidate>& to) {
        const auto done = c.figures();
        to.push_back({done.cid, key(done), is_wanted(c, what), nullptr});
      });
}

// Of one account's, those that have a subscription which may get a message of these subjects.
boost::asio::awaitable<std::unordered_set<std::uint64_t>> listeners(const sources& from,
                                                                    std::uint32_t account,
                                                                    std::string subjects) {
  struct listener {
    std::uint64_t cid = 0;
    bool hears = false;
  };
  auto search = from.shards.from_subscriptions<listener>(
      [account](const connection& c) {
        const bool is_of_account = c.its_account().id == account;
        return is_of_account ? std::optional(listener{c.id}) : std::nullopt;
      },
      [subjects = std::move(subjects)](const subscription& each, listener& of) {
        of.hears = protocol::overlaps(each.subject(), subjects);
        return !of.hears;
      });
  const auto found = co_await std::move(search);
  std::unordered_set<std::uint64_t> out;
  for (const auto& each : found) {
    if (each.hears) out.insert(each.cid);
  }
  co_return out;
}

// Those on the page, in their order.
void choose(std::vector<candidate>& all, const connz_options& what) {
  std::erase_if(all, [&](const candidate& c) {
    return !c.is_wanted || what.has_mqtt_client || (what.cid != 0 && c.cid != what.cid);
  });
  std::sort(all.begin(), all.end(), [](const candidate& a, const candidate& b) {
    return a.key != b.key ? a.key < b.key : a.cid < b.cid;
  });
  const auto begin = static_cast<std::size_t>(std::max<std::int64_t>(what.offset, 0));
  all.erase(all.begin(), all.begin() + static_cast<std::ptrdiff_t>(std::min(begin, all.size())));
  all.resize(std::min(all.size(), static_cast<std::size_t>(limit_of(what))));
}

// Only what is shown is looked at in full.
boost::asio::awaitable<std::vector<shown_connection>> open_ones_of(
    const sources& from, const std::vector<candidate>& all, const connz_options& what) {
  std::vector<std::uint64_t> cids;
  for (const auto& each : all) {
    if (each.closed == nullptr) cids.push_back(each.cid);
  }
  const auto view = [with_certificates = what.auth](const connection& c) {
    return shown_connection{c.view(with_certificates), {}};
  };
  if (what.subscriptions == subscription_list::none) {
    auto search = from.shards.from_connections<shown_connection>(
        std::move(cids),
        [view](const connection& c, std::vector<shown_connection>& to) { to.push_back(view(c)); });
    co_return co_await std::move(search);
  }
  auto search = from.shards.from_subscriptions<shown_connection>(
      std::move(cids), view, [](const subscription& each, shown_connection& to) {
        to.subscriptions.push_back(view_of(each, {}));
        return true;
      });
  co_return co_await std::move(search);
}

json::object envelope(std::size_t count,
                      std::size_t total,
                      const connz_options& what,
                      json::value connections) {
  return {{"server_id", ""},
          {"now", to_rfc3339(std::chrono::system_clock::now())},
          {"num_connections", count},
          {"total", total},
          {"offset", what.offset},
          {"limit", limit_of(what)},
          {"connections", std::move(connections)}};
}

}  // namespace

std::string_view type_name(connection_type type) noexcept {
  return type == connection_type::websocket ? "websocket" : "nats";
}

json::object to_json(const subscription_view& of, bool with_account) {
  json::object out;
  if (with_account) {
    out["account"] = of.account;
    out["account_tag"] = of.account;
  }
  out["subject"] = of.subject;
  put_if(out, "qgroup", of.queue);
  out["sid"] = of.sid;
  out["msgs"] = of.delivered;
  put_if(out, "max", of.max);
  out["cid"] = of.cid;
  return out;
}

page connz(const sources& from, connz_options what) {
  const auto& by = sorting_of(what);
  if (!what.filter_subject.empty() && what.account.empty()) {
    throw page_error(400, "filter by subject only valid with account filtering");
  }
  if (!what.account.empty() && from.of.all_accounts.id_of(what.account) == 0) {
    co_return envelope(0, 0, what, nullptr);
  }
  const wanted which{what.user, what.account};
  std::vector<candidate> all;
  if (what.state != state_filter::closed) {
    auto search = open_ones(from, which, by.key);  // g++ 12: see subsz
    all = co_await std::move(search);
  }
  std::vector<closed_connections::view> closed;
  if (what.state != state_filter::open) closed = from.closed.all();
  std::unordered_set<std::uint64_t> ended;
  for (const auto& each : closed) ended.insert(each->cid);
  std::erase_if(all, [&](const candidate& c) { return ended.contains(c.cid); });  // since then
  for (const auto& each : closed) {
    all.push_back({each->cid, by.key(*each), is_wanted(*each, which), each.get()});
  }
  const auto total =
      what.account.empty()
          ? static_cast<std::ptrdiff_t>(all.size())
          : std::count_if(all.begin(), all.end(), [](const candidate& c) { return c.is_wanted; });
  if (!what.filter_subject.empty()) {
    auto listening = listeners(from, from.of.all_accounts.id_of(what.account), what.filter_subject);
    const auto hears = co_await std::move(listening);
    std::erase_if(all, [&hears](const candidate& c) {
      return c.closed == nullptr && !hears.contains(c.cid);
    });
  }
  choose(all, what);
  auto search = open_ones_of(from, all, what);
  const auto views = co_await std::move(search);
  std::unordered_map<std::uint64_t, const shown_connection*> by_cid;
  for (const auto& each : views) by_cid.emplace(each.what.cid, &each);

  const bool with_list = what.subscriptions != subscription_list::none;
  const bool detail = what.subscriptions == subscription_list::detail;
  const auto now = std::chrono::system_clock::now();
  json::array shown;
  for (const auto& each : all) {
    // One that is open may be gone since.
    const auto found = by_cid.find(each.cid);
    if (each.closed != nullptr) {
      // Only these say of each subscription whose it is, as there.
      auto list = with_list ? listed(each.closed->subscription_list, detail, true) : json::array();
      shown.push_back(to_json(*each.closed, std::move(list), what, now));
    } else if (found != by_cid.end()) {
      auto list = listed(found->second->subscriptions, detail, false);
      shown.push_back(to_json(found->second->what, std::move(list), what, now));
    }
  }
  const auto count = shown.size();
  auto out = envelope(count, static_cast<std::size_t>(total), what, std::move(shown));
  out["server_id"] = from.of.identity.info.server_id;
  co_return out;
}

}  // namespace nuncio::server::monitor
