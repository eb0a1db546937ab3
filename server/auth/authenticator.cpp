#include "authenticator.hpp"

#include "auth/password.hpp"

#include <nuncio/protocol/connect.hpp>
#include <nuncio/protocol/nkey.hpp>

#include <sodium.h>

#include <algorithm>
#include <functional>
#include <unordered_map>
#include <utility>

namespace nuncio::server {
namespace {

using proof = principal::proof;

void mix(std::size_t& into, std::size_t value) noexcept {
  into = (into ^ value) * 0x9e3779b97f4a7c15U;
  into ^= into >> 32U;
}

std::size_t hash_of(const subject_rules& rules) {
  std::size_t hash = rules.allow ? rules.allow->size() + 1 : 0;
  if (rules.allow) {
    for (const auto& subject : *rules.allow) mix(hash, std::hash<std::string>{}(subject));
  }
  mix(hash, rules.deny.size());
  for (const auto& subject : rules.deny) mix(hash, std::hash<std::string>{}(subject));
  return hash;
}

std::size_t hash_of(const permissions& what) {
  auto hash = hash_of(what.publish);
  mix(hash, hash_of(what.subscribe));
  mix(hash, what.responses ? static_cast<std::size_t>(what.responses->max) : 0);
  return hash;
}

// One `grants` for all permissions that are the same object, or equal.
class interned_grants {
 public:
  std::shared_ptr<const grants> of(const permissions* what) {
    if (what == nullptr) return nullptr;
    const auto [known, is_new] = by_object_.try_emplace(what);
    if (is_new) known->second = by_value(*what);
    return known->second;
  }

 private:
  std::shared_ptr<const grants> by_value(const permissions& what) {
    auto& same_hash = by_hash_[hash_of(what)];
    for (const auto& one : same_hash) {
      if (one->said == what) return one;
    }
    auto made = make_grants(what);
    if (made != nullptr) same_hash.push_back(made);
    return made;
  }

  std::unordered_map<const permissions*, std::shared_ptr<const grants>> by_object_;
  std::unordered_map<std::size_t, std::vector<std::shared_ptr<const grants>>> by_hash_;
};

// Somebody who only wants to look into the system account shall not shut everyone else out. Who
// sets a time limit for credentials means that there are some.
bool only_system_users(const access_options& options) {
  if (options.timeout != options.timeout.zero()) return false;
  const auto is_system = [&options](const std::string& name) {
    return !options.system_account.empty() && name == options.system_account;
  };
  return std::all_of(options.users.begin(), options.users.end(),
                     [&](const user_options& user) { return is_system(user.account); }) &&
         std::all_of(options.accounts.begin(), options.accounts.end(),
                     [&](const account_options& one) { return is_system(one.name); });
}

}  // namespace

credentials credentials_of(const protocol::connect_options& said) noexcept {
  return {said.user, said.pass, said.auth_token, said.nkey, said.sig};
}

authenticator::authenticator(const access_options& options) {
  entries_.reserve(options.users.size() + 1);
  interned_grants all;
  const auto add = [this](principal who, const std::string& secret) -> const entry& {
    entries_.push_back(
        {std::make_shared<const principal>(std::move(who)), secret, is_bcrypt(secret)});
    return entries_.back();
  };
  for (const auto& user : options.users) {
    const bool by_nkey = !user.nkey.empty();
    principal who;
    who.by = by_nkey ? proof::nkey : proof::password;
    who.name = by_nkey ? user.nkey : user.name;
    if (!user.account.empty()) who.account = user.account;
    who.may = all.of(user.may.get());
    who.allowed = user.allowed;
    const auto& made = add(std::move(who), by_nkey ? std::string() : user.password);
    (by_nkey ? nkeys_ : users_).insert_or_assign(made.who->name, &made);
  }
  for (const auto& each : entries_) {
    if (each.who->by != proof::password || find(users_, each.who->name) != &each) continue;
    if (each.who->name.find('=') == std::string::npos) continue;
    if (auto name = parse_distinguished_name(each.who->name)) {
      distinguished_.emplace_back(&each, std::move(*name));
    }
  }
  if (!options.token.empty()) {
    single_ = &add({.by = proof::token}, options.token);
  } else if (!options.user.empty()) {
    single_ = &add({.by = proof::password, .name = options.user}, options.password);
  }
  if (entries_.empty()) {
    open_ = std::make_shared<const principal>();
  } else if (!options.no_auth_user.empty()) {
    no_auth_ = find(nkeys_, options.no_auth_user);
    if (no_auth_ == nullptr) no_auth_ = find(users_, options.no_auth_user);
  } else if (single_ == nullptr && only_system_users(options)) {
    no_auth_ = &add({}, {});
    no_auth_hidden_ = true;
  }
}

authenticator::~authenticator() {
  for (auto& each : entries_) sodium_memzero(each.secret.data(), each.secret.size());
}

const authenticator::entry* authenticator::find(const index& in, std::string_view name) {
  const auto found = in.find(name);
  return found == in.end() ? nullptr : found->second;
}

decision authenticator::decide(const credentials& shown, const caller& from) const {
  if (open_ != nullptr) return {decision::kind::accepted, open_, {}, {}};
  const bool asks_nkey = !nkeys_.empty() && !shown.nkey.empty();
  if (asks_nkey) {
    const auto* const user = find(nkeys_, shown.nkey);
    return user == nullptr ? decision{} : decide_nkey(*user, shown, from);
  }
  if (from.maps_certificates && !users_.empty()) return decide_certificate(shown, from);
  const bool nothing = shown.user.empty() && shown.password.empty() && shown.token.empty();
  if (nothing && no_auth_ != nullptr) {
    if (!no_auth_->who->allowed.has(from.type)) return {};
    return {decision::kind::accepted, no_auth_->who, {}, {}};
  }
  if (!users_.empty() && !shown.user.empty()) {
    const auto* const user = find(users_, shown.user);
    return user == nullptr ? decision{} : decide_user(*user, shown, from);
  }
  if (single_ == nullptr) return {};
  if (single_->who->by == proof::token) return compare(*single_, shown.token);
  return single_->who->name == shown.user ? compare(*single_, shown.password) : decision{};
}

decision authenticator::decide_nkey(const entry& user,
                                    const credentials& shown,
                                    const caller& from) const {
  if (!user.who->allowed.has(from.type)) return {};
  // Whom those are who bring nothing needs no signature either.
  if (&user != no_auth_) {
    const auto key = protocol::decode_public_nkey(shown.nkey);
    const auto signature = protocol::decode_signature(shown.signature);
    if (!key || !signature || !protocol::verify(*key, from.nonce, *signature)) return {};
  }
  return {decision::kind::accepted, user.who, {}, {}};
}

decision authenticator::decide_certificate(const credentials& shown, const caller& from) const {
  const auto* const user =
      from.certificate == nullptr ? nullptr : find_named(*from.certificate, from.type);
  return user == nullptr ? decision{} : compare(*user, shown.password);
}

// Who may not come in like this is passed over: another name may fit.
const authenticator::entry* authenticator::find_named(const certificate_names& by,
                                                      connection_type type) const {
  const auto find_text = [&](const std::vector<std::string>& names) -> const entry* {
    for (const auto& name : names) {
      const auto* const user = find(users_, name);
      if (user != nullptr && user->who->allowed.has(type)) return user;
    }
    return nullptr;
  };
  if (const auto* const user = find_text(by.alternatives)) return user;
  for (auto* const same : {same_name, same_parts}) {
    for (const auto& [user, name] : distinguished_) {
      if (user->who->allowed.has(type) && same(name, by.subject)) return user;
    }
  }
  return find_text(by.subject_texts);
}

decision authenticator::decide_user(const entry& user,
                                    const credentials& shown,
                                    const caller& from) const {
  return user.who->allowed.has(from.type) ? compare(user, shown.password) : decision{};
}

decision authenticator::compare(const entry& with, std::string_view offered) {
  if (with.bcrypt) return {decision::kind::check_password, with.who, with.secret, offered};
  if (!matches_plain(with.secret, offered)) return {};
  return {decision::kind::accepted, with.who, {}, {}};
}

std::shared_ptr<const principal> authenticator::without_connect(const caller& from) const {
  auto made = decide({}, from);
  return made.what == decision::kind::accepted ? std::move(made.who) : nullptr;
}

const authenticator::entry* authenticator::entry_of(const principal& who) const {
  switch (who.by) {
    case proof::nkey:
      return find(nkeys_, who.name);
    case proof::password: {
      const auto* const user = find(users_, who.name);
      if (user != nullptr) return user;
      const bool is_single = single_ != nullptr && single_->who->by == proof::password &&
                             single_->who->name == who.name;
      return is_single ? single_ : nullptr;
    }
    case proof::token:
      return single_ != nullptr && single_->who->by == proof::token ? single_ : nullptr;
    case proof::none:
      break;
  }
  return no_auth_hidden_ ? no_auth_ : nullptr;
}

succession authenticator::successor(const principal& before,
                                    const authenticator& old,
                                    connection_type type) const {
  using enum succession::kind;
  if (open_ != nullptr) return {goes_on, open_};
  const auto* const was = old.entry_of(before);
  const auto* const is = entry_of(before);
  // Whoever came while nothing was asked for may have shown the right thing all the same.
  if (was == nullptr) return {asks_again, nullptr};
  if (is == nullptr || !is->who->allowed.has(type)) return {};
  if (was->secret == is->secret) return {goes_on, is->who};
  // Of two plain ones the old one is what it showed, unless it may have shown none.
  const bool is_known = !was->bcrypt && !is->bcrypt && was != old.no_auth_;
  return {is_known ? refused : asks_again, nullptr};
}

}  // namespace nuncio::server
