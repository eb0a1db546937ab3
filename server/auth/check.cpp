#include "authenticator.hpp"
#include "core/mappings.hpp"
#include "core/quoted.hpp"

#include <nuncio/protocol/nkey.hpp>
#include <nuncio/protocol/subject.hpp>

#include <algorithm>
#include <string_view>
#include <unordered_set>
#include <utility>

namespace nuncio::server {
namespace {

using sentences = std::vector<std::string>;
using names = std::unordered_set<std::string_view>;

void check_rules(const subject_rules& rules,
                 bool may_name_queue,
                 const std::string& whose,
                 sentences& out) {
  const auto check_list = [&](const std::vector<std::string>& list, std::string_view which) {
    for (const auto& entry : list) {
      if (is_permission(entry, may_name_queue)) continue;
      out.push_back(whose + (may_name_queue ? ": subscribe " : ": publish ") + std::string(which) +
                    ": " + quoted(entry) + " is not a valid subject" +
                    (may_name_queue ? ", nor one with a queue." : "."));
    }
  };
  if (rules.allow) check_list(*rules.allow, "allow");
  check_list(rules.deny, "deny");
}

// What a list of users is checked with, and what is known of the ones before.
struct users_check {
  const access_options& options;
  const names& accounts;
  sentences& out;
  names users;
  names nkeys;
  std::unordered_set<const permissions*> seen;  // said once for all who share it

  void look_at(const user_options& user) {
    const auto whose =
        user.nkey.empty() ? "user " + quoted(user.name) : "nkey " + quoted(user.nkey);
    if (user.nkey.empty()) {
      look_at_name(user);
    } else {
      look_at_nkey(user);
    }
    if (!user.account.empty() && !accounts.contains(user.account)) {
      out.push_back(whose + " is in account " + quoted(user.account) + ", which is not defined.");
    }
    if (user.may == nullptr || !seen.insert(user.may.get()).second) return;
    check_rules(user.may->publish, false, whose, out);
    check_rules(user.may->subscribe, true, whose, out);
  }

  void look_at_name(const user_options& user) {
    if (user.name.empty()) {
      out.emplace_back("A user needs a name or an nkey.");
    } else if (!users.insert(user.name).second) {
      out.push_back("user " + quoted(user.name) + " is defined twice.");
    }
  }

  void look_at_nkey(const user_options& user) {
    const auto key = protocol::decode_public_nkey(user.nkey);
    if (!key || key->kind != protocol::nkey_kind::user) {
      out.push_back("nkey " + quoted(user.nkey) + " is not the public key of a user.");
    } else if (!nkeys.insert(user.nkey).second) {
      out.push_back("nkey " + quoted(user.nkey) + " is defined twice.");
    }
    if (!user.name.empty() || !user.password.empty()) {
      out.push_back("nkey " + quoted(user.nkey) + " takes neither a name nor a password.");
    }
  }
};

// Returns those that users may be in.
names check_accounts(const access_options& options, sentences& out) {
  names known{global_account};
  for (const auto& account : options.accounts) {
    if (account.name.empty()) {
      out.emplace_back("An account needs a name.");
    } else if (account.name == global_account) {
      out.push_back("account " + quoted(global_account) +
                    " is always there, and can't be defined.");
    } else if (!known.insert(account.name).second) {
      out.push_back("account " + quoted(account.name) + " is defined twice.");
    }
  }
  if (!options.system_account.empty()) known.insert(options.system_account);
  const auto look_at = [&out](std::string_view account, const std::vector<mapping_options>& all) {
    for (const auto& each : check_mappings(all)) {
      out.push_back("account " + quoted(account) + ": " + each);
    }
  };
  look_at(global_account, options.mappings);
  for (const auto& account : options.accounts) look_at(account.name, account.mappings);
  return known;
}

void check_single(const access_options& options, sentences& out) {
  if (!options.user.empty() && !options.token.empty()) {
    out.emplace_back("There can be a single user or a token, not both.");
  }
  if (options.users.empty()) return;
  if (!options.user.empty()) {
    out.emplace_back("There can be a single user or a list of users, not both.");
  }
}

void check_no_auth_user(const access_options& options, sentences& out) {
  const auto& name = options.no_auth_user;
  if (name.empty() || has_user(options.users, name)) return;
  out.push_back("no_auth_user " + quoted(name) + " is not one of the users.");
}

}  // namespace

bool is_permission(std::string_view entry, bool may_name_queue) noexcept {
  const auto blank = entry.find(' ');
  if (blank == std::string_view::npos) return protocol::is_valid_subscription(entry);
  const auto queue = entry.substr(entry.find_last_of(' ') + 1);
  return may_name_queue && protocol::is_valid_subscription(entry.substr(0, blank)) &&
         entry.find_first_not_of(' ', blank) == entry.find_last_of(' ') + 1 &&
         protocol::is_valid_subscription(queue);
}

bool has_user(const std::vector<user_options>& users, std::string_view id) noexcept {
  return std::any_of(users.begin(), users.end(),
                     [id](const user_options& each) { return each.id() == id; });
}

std::vector<std::string> check(const access_options& options) {
  sentences out;
  check_single(options, out);
  const auto accounts = check_accounts(options, out);
  users_check users{options, accounts, out};
  for (const auto& user : options.users) users.look_at(user);
  check_no_auth_user(options, out);
  return out;
}

}  // namespace nuncio::server
