#include "credentials.hpp"
#include "mappings_type.hpp"
#include "schema.hpp"
#include "types.hpp"

#include <nuncio/protocol/nkey.hpp>
#include <nuncio/protocol/subject.hpp>

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <memory>
#include <utility>

// Who may connect: `authorization`, `accounts`, users and permissions.
namespace nuncio::server::config {
namespace {

using enum change;

// --- permissions ---------------------------------------------------------------------------------

enum class side : std::uint8_t { publish, subscribe };

constexpr std::string_view a_subject = "a subject, such as \"orders.>\"";
constexpr std::string_view a_subscription = "a subject, or \"subject queue\"";

// An empty list is as good as none.
std::optional<std::vector<std::string>> read_patterns(const value& found, side of, reading& to) {
  std::vector<std::string> out;
  const auto take = [&](const value& one) {
    if (one.what != kind::text || !is_permission(one.text, of == side::subscribe)) {
      return to.expected(one, of == side::publish ? a_subject : a_subscription);
    }
    out.push_back(one.text);
  };
  if (found.what == kind::text) {
    take(found);
  } else if (found.what == kind::list) {
    for (const value& each : found.items) take(each);
  } else {
    to.expected(found, "a subject, a list of subjects, or a map { allow: …, deny: … }");
  }
  if (out.empty()) return std::nullopt;
  return out;
}

const block<subject_rules>& rules_rows(side of) {
  const auto rows_for = [](side which) {
    return block<subject_rules>{
        custom_row<subject_rules>("allow", "subject or list", live, "Nothing but these",
                                  [which](const value& found, subject_rules& into, reading& to) {
                                    into.allow = read_patterns(found, which, to);
                                  }),
        custom_row<subject_rules>(
            "deny", "subject or list", live, "None of these",
            [which](const value& found, subject_rules& into, reading& to) {
              into.deny = read_patterns(found, which, to).value_or(std::vector<std::string>());
            }),
    };
  };
  static const std::array rows{rows_for(side::publish), rows_for(side::subscribe)};
  return rows.at(static_cast<std::size_t>(of));
}

void read_rules(const value& found, side of, subject_rules& into, reading& to) {
  into = {};
  if (found.what == kind::map) return read_block(found, into, rules_rows(of), to);
  into.allow = read_patterns(found, of, to);
}

option<permissions> rules_row(std::string_view names,
                              subject_rules permissions::* member,
                              side of,
                              std::string_view help) {
  auto out =
      custom_row<permissions>(names, "subject, list or map", live, help,
                              [member, of](const value& found, permissions& into, reading& to) {
                                read_rules(found, of, into.*member, to);
                              });
  out.inside = [of] { return describe(rules_rows(of)); };
  return out;
}

const block<response_rules>& response_rows() {
  static const block<response_rules> rows{
      row("max|max_msgs|max_messages|max_responses", &response_rules::max,
          number(-int_limit, int_limit), live, "Messages to each reply; negative: no limit"),
      row("expires|expiration|ttl", &response_rules::expires,
          duration_from(std::chrono::nanoseconds::min(), "a duration, such as \"2m\""), live,
          "How long after the message"),
  };
  return rows;
}

void read_responses(const value& found, permissions& into, reading& to) {
  if (found.what == kind::boolean) {
    into.responses.reset();
    if (found.boolean) into.responses.emplace();
    return;
  }
  if (found.what != kind::map) return to.expected(found, "true, false or a map { max, expires }");
  read_block(found, into.responses.emplace(), response_rows(), to);
  // 0 is as good as nothing.
  if (into.responses->max == 0) into.responses->max = response_rules().max;
  if (into.responses->expires.count() == 0) into.responses->expires = response_rules().expires;
}

const block<permissions>& permission_rows() {
  static const block<permissions> rows = [] {
    auto responses = custom_row<permissions>(
        "allow_responses|publish_allow_responses", "true, false or map", live,
        "Publish to the replies of the messages it gets, and besides only what publish allows",
        read_responses);
    responses.inside = [] { return describe(response_rows()); };
    return block<permissions>{
        rules_row("publish|pub|import", &permissions::publish, side::publish,
                  "What may be published"),
        rules_row("subscribe|sub|export", &permissions::subscribe, side::subscribe,
                  "What may be subscribed to, perhaps with a queue: \"subject queue\""),
        std::move(responses),
    };
  }();
  return rows;
}

using shared_permissions = std::shared_ptr<const permissions>;

void read_permissions(const value& found, shared_permissions& into, reading& to) {
  auto out = std::make_shared<permissions>();
  read_block(found, *out, permission_rows(), to);
  into = std::move(out);
}

template <class Block>
option<Block> permissions_row(std::string_view names,
                              shared_permissions Block::* member,
                              std::string_view help) {
  auto out = custom_row<Block>(names, "map", live, help,
                               [member](const value& found, Block& into, reading& to) {
                                 read_permissions(found, into.*member, to);
                               });
  out.inside = [] { return describe(permission_rows()); };
  return out;
}

// --- users ---------------------------------------------------------------------------------------

constexpr std::array<std::pair<std::string_view, connection_type>, 7> type_names{{
    {"standard", connection_type::standard},
    {"websocket", connection_type::websocket},
    {"leafnode", connection_type::leafnode},
    {"leafnode_ws", connection_type::leafnode_ws},
    {"mqtt", connection_type::mqtt},
    {"mqtt_ws", connection_type::mqtt_ws},
    {"in_process", connection_type::in_process},
}};

void read_types(const value& found, user_options& into, reading& to) {
  constexpr std::string_view a_type =
      "STANDARD, WEBSOCKET, LEAFNODE, LEAFNODE_WS, MQTT, MQTT_WS or IN_PROCESS";
  connection_types out{};
  out = connection_types(std::initializer_list<connection_type>{});
  bool has_any = false;
  const auto take = [&](const value& one) {
    for (const auto& [name, type] : type_names) {
      if (one.what == kind::text && same_name(one.text, name)) {
        has_any = true;
        return out.add(type);
      }
    }
    to.expected(one, a_type);
  };
  if (found.what == kind::list) {
    for (const value& each : found.items) take(each);
  } else {
    take(found);
  }
  into.allowed = has_any ? out : connection_types();
}

struct user_key_type {
  std::string_view name = "public nkey";
  std::string expected = "the public nkey of a user, 56 characters that begin with U";

  void read(const value& found, std::string& into, reading& to) const {
    const auto key =
        found.what == kind::text ? protocol::decode_public_nkey(found.text) : std::nullopt;
    if (!key || key->kind != protocol::nkey_kind::user) {
      // A seed in its place is a secret.
      const bool is_seed = found.what == kind::text && found.text.starts_with('S');
      if (is_seed) return to.error(found.at, "found what may be a seed, expected " + expected);
      return to.expected(found, expected);
    }
    into = found.text;
  }
  [[nodiscard]] std::string show(const std::string& from) const { return from; }
};

template <class Block>
option<Block> proxy_row() {
  return custom_row<Block>("proxy_required", "true or false", live,
                           "Only through a trusted proxy: not supported yet",
                           [](const value& found, Block&, reading& to) {
                             bool wanted = false;
                             boolean_type().read(found, wanted, to);
                             if (wanted) to.not_supported(found.at, "true");
                           });
}

const block<user_options>& user_rows() {
  static const block<user_options> rows{
      row("user|username", &user_options::name, text_type(), live, "Name"),
      row("password|pass", &user_options::password, secret_type(), live,
          "Password, as it is or as a bcrypt string"),
      row("nkey", &user_options::nkey, user_key_type(), live, "Public key, instead of both"),
      permissions_row<user_options>("permissions|permission|authorization", &user_options::may,
                                    "What the user may do; without it, everything"),
      custom_row<user_options>("allowed_connection_types|connection_types|clients", "list", live,
                               "Ways in which the user may connect; without it, all", read_types),
      proxy_row<user_options>(),
  };
  return rows;
}

void read_user(const value& found, std::vector<user_options>& into, reading& to) {
  user_options out;
  const auto before = to.count();
  read_block(found, out, user_rows(), to);
  const bool has_password = !out.name.empty() || !out.password.empty();
  if (found.what == kind::map && to.count() == before) {
    if (!out.nkey.empty() && has_password) {
      to.error(found.at, "found a user with nkey and user or password, expected one of both");
    } else if (out.nkey.empty() && out.name.empty()) {
      to.error(found.at, "found a user without a name, expected user and password, or nkey");
    }
  }
  into.push_back(std::move(out));
  to.users.push_back(found.at);
}

// Users get the default permissions where they have none of their own, whatever comes first.
struct with_users {
  std::vector<user_options> users;
  shared_permissions default_permissions;

  void give_to(std::vector<user_options>& all, const std::string& account) {
    for (auto& each : users) {
      each.account = account;
      if (each.may == nullptr) each.may = default_permissions;
      all.push_back(std::move(each));
    }
  }
};

template <class Block>
option<Block> users_row() {
  auto out = custom_row<Block>("users", "list of maps", live, "Who may connect",
                               [](const value& found, Block& into, reading& to) {
                                 if (found.what != kind::list) {
                                   return to.expected(found, "a list of users [ { … }, … ]");
                                 }
                                 for (const auto& each : found.items) {
                                   read_user(each, into.users, to);
                                 }
                               });
  out.inside = [] { return describe(user_rows()); };
  return out;
}

template <class Block>
option<Block> default_permissions_row(std::string_view names) {
  auto out = custom_row<Block>(names, "map", live,
                               "Permissions of the users here who have none of their own",
                               [](const value& found, Block& into, reading& to) {
                                 read_permissions(found, into.default_permissions, to);
                               });
  out.inside = [] { return describe(permission_rows()); };
  return out;
}

// --- authorization -------------------------------------------------------------------------------

struct authorization : with_users {
  std::string user;
  std::string password;
  std::string token;
  std::chrono::milliseconds timeout{0};
};

option<authorization> timeout_row() {
  auto out = row("timeout", &authorization::timeout, seconds(), new_connections,
                 "How long a client may take until its CONNECT; 0: 2 s");
  out.read = [read = out.read](const value& found, authorization& into, reading& to) {
    read(found, into, to);
    if (into.timeout > std::chrono::minutes(1)) {
      to.warn(found.at, "found " + shown(found) +
                            ", expected no more than 60 s: who doesn't log in holds a connection "
                            "as long");
    }
  };
  return out;
}

const block<authorization>& authorization_rows() {
  static const block<authorization> rows = [] {
    auto out = credential_rows<authorization>(live);
    out.insert(out.end(),
               {timeout_row(), users_row<authorization>(),
                default_permissions_row<authorization>(
                    "default_permissions|permissions|default_permission"),
                custom_row<authorization>("auth_callout|auth_hook", "map", live,
                                          "Ask a service: not supported yet",
                                          [](const value& found, authorization&, reading& to) {
                                            if (found.what != kind::map) {
                                              return to.expected(found, "a map { … }");
                                            }
                                            to.not_supported(found.at, "auth callout");
                                          }),
                proxy_row<authorization>()});
    return out;
  }();
  return rows;
}

void read_authorization(const value& found, access_options& into, reading& to) {
  authorization got;
  read_block(found, got, authorization_rows(), to);
  into.user = std::move(got.user);
  into.password = std::move(got.password);
  into.token = std::move(got.token);
  into.timeout = got.timeout;
  got.give_to(into.users, {});
}

// --- accounts ------------------------------------------------------------------------------------

const block<account_options>& limit_rows() {
  static const auto limit = [] { return number(std::numeric_limits<std::int64_t>::min()); };
  static const block<account_options> rows{
      row("max_connections|max_conn", &account_options::max_connections, limit(), new_connections,
          "Clients at a time; negative: no limit"),
      row("max_subscriptions|max_subs", &account_options::max_subscriptions, limit(), live,
          "Subscriptions of each of its clients; negative: no limit"),
      row("max_payload|max_pay", &account_options::max_payload, limit(), live,
          "Size of a message in bytes; negative: as for the server"),
      custom_row<account_options>("max_leafnodes|max_leafs", "number", live,
                                  "Leaf nodes, which are not supported yet",
                                  [](const value& found, account_options&, reading& to) {
                                    std::int64_t ignored = 0;
                                    limit().read(found, ignored, to);
                                  }),
  };
  return rows;
}

void read_trace_destination(const value& found, account_options& into, reading& to) {
  const bool is_subject = found.what == kind::text && protocol::is_valid_publish(found.text) &&
                          protocol::is_publishable(found.text);
  if (!is_subject) return to.expected(found, "a subject without wildcards");
  into.trace_destination = found.text;
}

const block<account_options>& trace_rows() {
  static const block<account_options> rows{
      custom_row<account_options>("dest", "subject", live, "Where it is told",
                                  read_trace_destination),
      row("sampling", &account_options::trace_sampling, percent(1), live,
          "How many of those messages, in percent"),
  };
  return rows;
}

void read_traces(const value& found, account_options& into, reading& to) {
  if (found.what != kind::map) return read_trace_destination(found, into, to);
  const auto errors = to.errors();
  read_block(found, into, trace_rows(), to);
  if (!found.members.empty() && into.trace_destination.empty() && to.errors() == errors) {
    to.error(found.at, "found a map without dest, expected { dest: a subject, sampling: … }");
  }
}

struct account_block : with_users {
  account_options options;
};

constexpr std::string_view mappings_help =
    "Subjects of published messages that become others: { source: destination }";

option<account_block> refused_row(std::string_view names, std::string_view help) {
  return custom_row<account_block>(
      names, "list or map", live, help, [](const value& found, account_block&, reading& to) {
        const bool is_empty = found.items.empty() && found.members.empty();
        if (found.what != kind::list && found.what != kind::map) {
          return to.expected(found, "a list or a map");
        }
        if (!is_empty) to.not_supported(found.at, shown(found));
      });
}

option<account_block> jetstream_row() {
  return custom_row<account_block>(
      "jetstream", "true, false or map", live, "JetStream, which is not offered",
      [](const value& found, account_block&, reading& to) {
        const bool is_off = (found.what == kind::boolean && !found.boolean) ||
                            (found.what == kind::text && same_name(found.text, "disabled"));
        if (is_off) {
          to.warn(found.at, "found JetStream switched off, which it always is");
        } else {
          to.error(found.at,
                   "found JetStream switched on, which is not offered: what clients "
                   "believe stored would be lost");
        }
      });
}

const block<account_block>& account_rows() {
  static const block<account_block> rows = [] {
    auto limits =
        custom_row<account_block>("limits", "map", live, "What the account may use",
                                  [](const value& found, account_block& into, reading& to) {
                                    read_block(found, into.options, limit_rows(), to);
                                  });
    limits.inside = [] { return describe(limit_rows()); };
    auto mappings =
        custom_row<account_block>("mappings|maps", "map", live, mappings_help,
                                  [](const value& found, account_block& into, reading& to) {
                                    mappings_type().read(found, into.options.mappings, to);
                                  });
    mappings.inside = mappings_type::inside;
    auto traces = custom_row<account_block>(
        "msg_trace|trace_dest", "subject or map", live,
        "Where the account is told what became of messages that their traceparent says are sampled",
        [](const value& found, account_block& into, reading& to) {
          read_traces(found, into.options, to);
        });
    traces.inside = [] { return describe(trace_rows()); };
    return block<account_block>{
        users_row<account_block>(),
        default_permissions_row<account_block>("default_permissions"),
        std::move(limits),
        custom_row<account_block>("nkey", "public nkey", live, "The account's public key",
                                  [](const value& found, account_block&, reading& to) {
                                    const auto key = found.what == kind::text
                                                         ? protocol::decode_public_nkey(found.text)
                                                         : std::nullopt;
                                    if (!key || key->kind != protocol::nkey_kind::account) {
                                      to.expected(found,
                                                  "the public nkey of an account, 56 characters "
                                                  "that begin with A");
                                    }
                                  }),
        std::move(mappings),
        refused_row("imports", "Imports of other accounts' subjects: not supported yet"),
        refused_row("exports", "Subjects for other accounts: not supported yet"),
        std::move(traces),
        jetstream_row(),
    };
  }();
  return rows;
}

void add_account(const std::string& name,
                 const place& at,
                 account_block got,
                 access_options& into,
                 reading& to) {
  if (name == "$G") return to.error(at, "found \"$G\", which is the name of the default account");
  for (const auto& each : into.accounts) {
    if (each.name == name) return to.error(at, "found account " + quote(name) + " a second time");
  }
  got.options.name = name;
  into.accounts.push_back(std::move(got.options));
  got.give_to(into.users, name);
}

void read_accounts(const value& found, access_options& into, reading& to) {
  if (found.what == kind::list) {
    for (const value& each : found.items) {
      if (each.what != kind::text) {
        to.expected(each, "the name of an account");
      } else {
        add_account(each.text, each.at, {}, into, to);
      }
    }
    return;
  }
  if (found.what != kind::map) return to.expected(found, "a map of accounts, or a list of names");
  const auto outer = to.key;
  for (const member& each : found.members) {
    if (each.is.what != kind::map && each.is_variable) continue;
    account_block got;
    to.key = each.key;
    read_block(each.is, got, account_rows(), to);
    to.key = outer;
    add_account(each.key, each.at, std::move(got), into, to);
  }
}

// Those of `authorization`, or those of accounts.
bool same_users(const access_options& a, const access_options& b, bool of_accounts) {
  const auto chosen = [of_accounts](const access_options& from) {
    std::vector<const user_options*> out;
    for (const auto& each : from.users) {
      if (each.account.empty() != of_accounts) out.push_back(&each);
    }
    return out;
  };
  const auto left = chosen(a);
  const auto right = chosen(b);
  return std::equal(left.begin(), left.end(), right.begin(), right.end(),
                    [](const user_options* x, const user_options* y) { return *x == *y; });
}

text_type name() {
  text_type out;
  out.expected = "a name";
  return out;
}

// Whether there is such an account is known in the end.
option<access_options> system_account_row() {
  auto out = row("system_account|system", &access_options::system_account, name(), restart,
                 "The account of the server's own events");
  out.read = [read = out.read](const value& found, access_options& into, reading& to) {
    read(found, into, to);
    if (found.what == kind::text) to.system_account = found;
  };
  return out;
}

}  // namespace

const block<access_options>& access_rows() {
  static const block<access_options> rows = [] {
    auto authorization = custom_row<access_options>(
        "authorization", "map", live, "Who may connect, to the account $G", read_authorization);
    authorization.inside = [] { return describe(authorization_rows()); };
    authorization.same = [](const access_options& a, const access_options& b) {
      return a.user == b.user && a.password == b.password && a.token == b.token &&
             same_users(a, b, false);
    };
    authorization.compare_inside = [](const access_options& a, const access_options& b) {
      return a.timeout == b.timeout ? std::vector<difference>()
                                    : std::vector{difference{"timeout", new_connections, "", ""}};
    };
    auto accounts = custom_row<access_options>(
        "accounts", "map or list", live,
        "Isolated spaces of subjects, by their names, and who may connect to them", read_accounts);
    accounts.inside = [] { return describe(account_rows()); };
    accounts.same = [](const access_options& a, const access_options& b) {
      return a.accounts == b.accounts && same_users(a, b, true);
    };
    auto mappings =
        row("mappings|maps", &access_options::mappings, mappings_type(), live, mappings_help);
    mappings.inside = mappings_type::inside;
    return block<access_options>{
        std::move(authorization),
        std::move(accounts),
        std::move(mappings),
        row("no_auth_user", &access_options::no_auth_user, name(), restart,
            "The user that those are who bring no credentials"),
        system_account_row(),
        custom_row<access_options>("no_system_account|no_system|no_sys_acc", "true or false",
                                   restart, "There is no system account",
                                   [](const value& found, access_options& into, reading& to) {
                                     bool none = false;
                                     boolean_type().read(found, none, to);
                                     if (none) into.system_account.clear();
                                   }),
    };
  }();
  return rows;
}

}  // namespace nuncio::server::config
