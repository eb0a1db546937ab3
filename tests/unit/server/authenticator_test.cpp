#include "auth/authenticator.hpp"

#include "auth/password.hpp"

#include <nuncio/protocol/base64.hpp>
#include <nuncio/protocol/connect.hpp>
#include <nuncio/protocol/nkey.hpp>

#include <doctest/doctest.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

using namespace nuncio::server;
namespace protocol = nuncio::protocol;

namespace {

using kind = decision::kind;
using type = connection_type;

constexpr std::string_view nonce = "AAECAwQFBgcICQo";
// "secret", by golang.org/x/crypto/bcrypt, cost 4.
constexpr auto hashed = "$2a$04$PABrDyp5cDHwipunkgmBPOACTxNOPqo2nZha4EyZBHicmFIvqMHCS";

protocol::nkey_pair key_pair(unsigned char seed,
                             protocol::nkey_kind of = protocol::nkey_kind::user) {
  std::array<std::byte, 32> bytes{};
  bytes.fill(std::byte{seed});
  return {of, bytes};
}

std::string signed_by(const protocol::nkey_pair& pair, std::string_view text = nonce) {
  return protocol::to_base64url(pair.sign(text));
}

std::shared_ptr<const permissions> may_publish(const std::string& subject) {
  return std::make_shared<const permissions>(permissions{.publish = {.allow = {{subject}}}});
}

access_options with_users(std::vector<user_options> users) {
  access_options options;
  options.users = std::move(users);
  return options;
}

decision decide(const authenticator& who, const credentials& shown, type from = type::standard) {
  return who.decide(shown, {from, nonce});
}

// The name of whom `shown` is accepted as; "-" if it isn't.
std::string accepted(const authenticator& who,
                     const credentials& shown,
                     type from = type::standard) {
  const auto made = decide(who, shown, from);
  return made.what == kind::accepted ? made.who->name : "-";
}

bool says(const std::vector<std::string>& sentences, std::string_view part) {
  return std::any_of(sentences.begin(), sentences.end(), [part](const std::string& sentence) {
    return sentence.find(part) != std::string::npos;
  });
}

}  // namespace

TEST_CASE("authenticator: with nothing configured everyone is let in, whatever they bring") {
  const authenticator open(access_options{});
  CHECK_FALSE(open.auth_required());
  CHECK_FALSE(open.shows_auth_required());
  CHECK_FALSE(open.needs_nonce());
  for (const auto& shown : {credentials{}, credentials{.user = "a", .password = "b"},
                            credentials{.token = "t"}, credentials{.nkey = "U"}}) {
    const auto made = decide(open, shown);
    REQUIRE(made.what == kind::accepted);
    CHECK(made.who->account == "$G");
    CHECK(made.who->name.empty());
    CHECK(made.who->may == nullptr);
  }
  CHECK(open.without_connect({type::mqtt}) != nullptr);
}

TEST_CASE("authenticator: a single user needs its name and its password") {
  access_options options;
  options.user = "a";
  options.password = "p";
  const authenticator single(options);
  CHECK(single.auth_required());
  CHECK(single.shows_auth_required());
  const auto made = decide(single, {.user = "a", .password = "p"});
  REQUIRE(made.what == kind::accepted);
  CHECK(made.who->name == "a");
  CHECK(made.who->account == "$G");
  CHECK(made.who->by == principal::proof::password);
  CHECK(accepted(single, {.user = "a", .password = "P"}) == "-");
  CHECK(accepted(single, {.user = "a"}) == "-");
  CHECK(accepted(single, {.user = "b", .password = "p"}) == "-");
  CHECK(accepted(single, {.password = "p"}) == "-");
  CHECK(accepted(single, {.token = "p"}) == "-");
  CHECK(accepted(single, {}) == "-");
  CHECK(single.without_connect({type::standard}) == nullptr);
}

TEST_CASE("authenticator: a token is compared with what was sent as a token") {
  access_options options;
  options.token = "t";
  const authenticator token(options);
  const auto made = decide(token, {.token = "t"});
  REQUIRE(made.what == kind::accepted);
  CHECK(made.who->by == principal::proof::token);
  CHECK(made.who->name.empty());
  CHECK(accepted(token, {.token = "T"}) == "-");
  CHECK(accepted(token, {.user = "t"}) == "-");
  CHECK(accepted(token, {.password = "t"}) == "-");
  CHECK(accepted(token, {}) == "-");
}

TEST_CASE("authenticator: a bcrypt password is left to be checked elsewhere") {
  access_options options;
  options.user = "a";
  options.password = hashed;
  const authenticator single(options);
  const auto made = decide(single, {.user = "a", .password = "secret"});
  REQUIRE(made.what == kind::check_password);
  CHECK(made.who->name == "a");
  CHECK(made.stored == hashed);
  CHECK(made.offered == "secret");
  CHECK(matches_bcrypt(made.stored, made.offered));
  CHECK(decide(single, {.user = "b", .password = "secret"}).what == kind::refused);
}

TEST_CASE(
    "authenticator: a bcrypt token is checked against the token, and lets nobody in without") {
  access_options options;
  options.token = hashed;
  const authenticator token(options);
  const auto made = decide(token, {.password = "no", .token = "secret"});
  REQUIRE(made.what == kind::check_password);
  CHECK(made.offered == "secret");
  CHECK(token.without_connect({type::standard}) == nullptr);
}

TEST_CASE("authenticator: users of a list have their own passwords, accounts and permissions") {
  const authenticator list(with_users({
      {.name = "a", .password = "pa", .account = "A", .may = may_publish("x")},
      {.name = "b", .password = hashed},
      {.name = "c"},
  }));
  const auto a = decide(list, {.user = "a", .password = "pa"});
  REQUIRE(a.what == kind::accepted);
  CHECK(a.who->account == "A");
  REQUIRE(a.who->may != nullptr);
  CHECK(a.who->may->publish->allows("x"));
  CHECK_FALSE(a.who->may->publish->allows("y"));
  const auto b = decide(list, {.user = "b", .password = "?"});
  CHECK(b.what == kind::check_password);
  CHECK(b.who->account == "$G");
  CHECK(b.who->may == nullptr);
  CHECK(accepted(list, {.user = "c"}) == "c");
  CHECK(accepted(list, {.user = "c", .password = "x"}) == "-");
  CHECK(accepted(list, {.user = "d"}) == "-");
  CHECK(accepted(list, {.user = "a", .password = "pb"}) == "-");
  CHECK(accepted(list, {}) == "-");
  CHECK_FALSE(list.needs_nonce());
}

TEST_CASE("authenticator: an nkey user signs the nonce, in either base64") {
  const auto pair = key_pair(1);
  const auto key = pair.public_key();
  const authenticator list(with_users({{.nkey = key, .account = "A"}}));
  CHECK(list.needs_nonce());
  const auto url = signed_by(pair);
  const auto raw = pair.sign(nonce);
  const auto standard =
      protocol::to_base64({reinterpret_cast<const char*>(raw.data()), raw.size()});
  const auto made = decide(list, {.nkey = key, .signature = url});
  REQUIRE(made.what == kind::accepted);
  CHECK(made.who->name == key);
  CHECK(made.who->account == "A");
  CHECK(made.who->by == principal::proof::nkey);
  CHECK(accepted(list, {.nkey = key, .signature = standard}) == key);

  CHECK(accepted(list, {.nkey = key}) == "-");
  CHECK(accepted(list, {.nkey = key, .signature = "?"}) == "-");
  CHECK(accepted(list, {.nkey = key, .signature = url.substr(1)}) == "-");
  const auto of_other = signed_by(key_pair(2));
  CHECK(accepted(list, {.nkey = key, .signature = of_other}) == "-");
  const auto of_old_nonce = signed_by(pair, "AAAAAAAAAAAAAAA");
  CHECK(accepted(list, {.nkey = key, .signature = of_old_nonce}) == "-");
  const auto unknown = key_pair(2).public_key();
  CHECK(accepted(list, {.nkey = unknown, .signature = of_other}) == "-");
  CHECK(accepted(list, {}) == "-");
}

TEST_CASE("authenticator: an nkey counts more than a name and a password") {
  const auto pair = key_pair(1);
  const auto key = pair.public_key();
  const auto signature = signed_by(pair);
  const authenticator mixed(with_users({{.name = "a", .password = "p"}, {.nkey = key}}));
  CHECK(accepted(mixed, {.user = "a", .password = "p"}) == "a");
  CHECK(accepted(mixed, {"a", "p", "", key, signature}) == key);
  CHECK(accepted(mixed, {"a", "wrong", "", key, signature}) == key);
  CHECK(accepted(mixed, {"a", "p", "", key, "wrong"}) == "-");
  CHECK(accepted(mixed, {"a", "p", "", "unknown", signature}) == "-");
}

TEST_CASE("authenticator: an nkey is passed over where there are no users with nkeys") {
  const authenticator list(with_users({{.name = "a", .password = "p"}}));
  CHECK(accepted(list, {.user = "a", .password = "p", .nkey = "U"}) == "a");
}

TEST_CASE("authenticator: users come in by the ways that they are allowed") {
  const auto pair = key_pair(1);
  const auto key = pair.public_key();
  const auto signature = signed_by(pair);
  const authenticator list(with_users({
      {.name = "a", .password = "p", .allowed = {type::websocket}},
      {.nkey = key, .allowed = {type::standard, type::mqtt}},
  }));
  const credentials a{.user = "a", .password = "p"};
  CHECK(accepted(list, a, type::websocket) == "a");
  CHECK(accepted(list, a, type::standard) == "-");
  CHECK(accepted(list, a, type::in_process) == "-");
  const credentials n{.nkey = key, .signature = signature};
  CHECK(accepted(list, n, type::mqtt) == key);
  CHECK(accepted(list, n, type::websocket) == "-");
}

TEST_CASE("authenticator: who brings nothing is the no_auth_user, and who is wrong is not") {
  auto options = with_users({{.name = "a", .password = "p"}, {.name = "any", .password = "q"}});
  options.no_auth_user = "any";
  const authenticator list(options);
  CHECK(list.auth_required());
  CHECK_FALSE(list.shows_auth_required());
  CHECK(accepted(list, {}) == "any");
  CHECK(accepted(list, {.user = "a", .password = "p"}) == "a");
  CHECK(accepted(list, {.user = "any", .password = "q"}) == "any");
  CHECK(accepted(list, {.user = "any"}) == "-");
  CHECK(accepted(list, {.password = "q"}) == "-");
  CHECK(accepted(list, {.token = "t"}) == "-");
  CHECK(accepted(list, {.user = "b"}) == "-");
  // Without users who have nkeys an nkey is nothing.
  CHECK(accepted(list, {.nkey = "U"}) == "any");
  REQUIRE(list.without_connect({type::standard}) != nullptr);
  CHECK(list.without_connect({type::standard})->name == "any");
}

TEST_CASE("authenticator: a no_auth_user with a bcrypt password needs no check of it") {
  auto options = with_users({{.name = "any", .password = hashed}});
  options.no_auth_user = "any";
  const authenticator list(options);
  CHECK(accepted(list, {}) == "any");
  CHECK(decide(list, {.user = "any", .password = "x"}).what == kind::check_password);
}

TEST_CASE("authenticator: the no_auth_user comes in by the ways that it is allowed") {
  auto options = with_users({{.name = "any", .allowed = {type::websocket}}});
  options.no_auth_user = "any";
  const authenticator list(options);
  CHECK(accepted(list, {}, type::websocket) == "any");
  CHECK(accepted(list, {}, type::standard) == "-");
  CHECK(list.without_connect({type::websocket}) != nullptr);
  CHECK(list.without_connect({type::standard}) == nullptr);
}

TEST_CASE("authenticator: the no_auth_user can be one with an nkey, which then signs nothing") {
  const auto pair = key_pair(1);
  const auto key = pair.public_key();
  auto options = with_users({{.name = "a", .password = "p"}, {.nkey = key}});
  options.no_auth_user = key;
  const authenticator list(options);
  CHECK_FALSE(list.shows_auth_required());
  CHECK(accepted(list, {}) == key);
  CHECK(accepted(list, {.nkey = key}) == key);
  CHECK(accepted(list, {.nkey = "other"}) == "-");
  CHECK(accepted(list, {.user = "a", .password = "p"}) == "a");
}

TEST_CASE("authenticator: users of the system account alone don't shut the others out") {
  auto options = with_users({{.name = "admin", .password = "p", .account = "$SYS"}});
  const authenticator list(options);
  const auto made = decide(list, {});
  REQUIRE(made.what == kind::accepted);
  CHECK(made.who->account == "$G");
  CHECK(list.shows_auth_required());
  CHECK(decide(list, {.user = "admin", .password = "p"}).who->account == "$SYS");
  CHECK(accepted(list, {.user = "x"}) == "-");
  CHECK(list.without_connect({type::standard}) != nullptr);

  options.accounts.push_back({.name = "A"});
  CHECK(accepted(authenticator(options), {}) == "-");
  options.accounts.clear();
  options.users.push_back({.name = "b"});
  CHECK(accepted(authenticator(options), {}) == "-");
  options.users.pop_back();
  options.timeout = std::chrono::seconds(3);
  CHECK(accepted(authenticator(options), {}) == "-");
  options.timeout = {};
  options.system_account.clear();
  CHECK(accepted(authenticator(options), {}) == "-");
}

TEST_CASE("authenticator: users with the same or equal permissions share their grants") {
  const auto shared = may_publish("x");
  const authenticator list(with_users({
      {.name = "a", .may = shared},
      {.name = "b", .may = shared},
      {.name = "c", .may = may_publish("x")},
      {.name = "d", .may = may_publish("y")},
      {.name = "e", .may = std::make_shared<const permissions>()},
  }));
  const auto may = [&list](std::string_view name) { return decide(list, {.user = name}).who->may; };
  CHECK(may("a") == may("b"));
  CHECK(may("a") == may("c"));
  CHECK(may("a") != may("d"));
  CHECK(may("e") == nullptr);
}

TEST_CASE("authenticator: what CONNECT says becomes the credentials") {
  protocol::connect_options said;
  said.user = "u";
  said.pass = "p";
  said.auth_token = "t";
  said.nkey = "n";
  said.sig = "s";
  const auto shown = credentials_of(said);
  CHECK(shown.user == "u");
  CHECK(shown.password == "p");
  CHECK(shown.token == "t");
  CHECK(shown.nkey == "n");
  CHECK(shown.signature == "s");
}

TEST_CASE("authenticator: ten thousand users are ready at once") {
  std::vector<user_options> users;
  const auto shared = may_publish("x");
  for (int i = 0; i < 10'000; ++i) {
    users.push_back({.name = "user-" + std::to_string(i), .password = "p", .may = shared});
  }
  const auto options = with_users(std::move(users));
  const auto begin = std::chrono::steady_clock::now();
  const authenticator list(options);
  const auto took = std::chrono::steady_clock::now() - begin;
  MESSAGE("ms: ", std::chrono::duration<double, std::milli>(took).count());
  CHECK(accepted(list, {.user = "user-9999", .password = "p"}) == "user-9999");
}

TEST_CASE("authenticator: beside a list a token is for who brings no name") {
  auto options = with_users({{.name = "a", .password = "p"}});
  options.token = "t";
  const authenticator both(options);
  CHECK(accepted(both, {.user = "a", .password = "p"}) == "a");
  CHECK(decide(both, {.token = "t"}).what == decision::kind::accepted);
  CHECK(decide(both, {.token = "x"}).what == decision::kind::refused);
  CHECK(decide(both, {.user = "b", .token = "t"}).what == decision::kind::refused);
}

TEST_CASE("authenticator: after a change a user is itself with what it may do now") {
  const auto users = [](const std::string& subject) {
    return with_users({{.name = "a", .password = "p", .may = may_publish(subject)}});
  };
  const authenticator old(users("x"));
  const auto before = decide(old, {.user = "a", .password = "p"}).who;
  const authenticator same(users("x"));
  const auto kept = same.successor(*before, old, type::standard).who;
  REQUIRE(kept != nullptr);
  CHECK(*kept == *before);
  const authenticator other(users("y"));
  const auto changed = other.successor(*before, old, type::standard).who;
  REQUIRE(changed != nullptr);
  CHECK_FALSE(*changed == *before);
  CHECK(changed->may->publish->allows("y"));
}

TEST_CASE("authenticator: after a change who would be refused has no successor") {
  using enum nuncio::server::succession::kind;
  const auto key = key_pair(1).public_key();
  const authenticator old(with_users({{.name = "a", .password = "p"}, {.nkey = key}}));
  const auto a = decide(old, {.user = "a", .password = "p"}).who;
  const auto signature = signed_by(key_pair(1));
  const auto n = decide(old, {.nkey = key, .signature = signature}).who;
  const authenticator other_password(with_users({{.name = "a", .password = "P"}, {.nkey = key}}));
  CHECK(other_password.successor(*a, old, type::standard).what == refused);
  CHECK(other_password.successor(*n, old, type::standard).what == goes_on);
  const authenticator removed(with_users({{.name = "b", .password = "p"}}));
  CHECK(removed.successor(*a, old, type::standard).what == refused);
  CHECK(removed.successor(*n, old, type::standard).what == refused);
  const authenticator elsewhere(
      with_users({{.name = "a", .password = "p", .allowed = {type::websocket}}}));
  CHECK(elsewhere.successor(*a, old, type::standard).what == refused);
  CHECK(elsewhere.successor(*a, old, type::websocket).what == goes_on);
}

TEST_CASE("authenticator: a change between open, single and list finds who is the same") {
  using enum nuncio::server::succession::kind;
  const authenticator open(access_options{});
  const auto anyone = decide(open, {}).who;
  access_options one;
  one.user = "a";
  one.password = "p";
  const authenticator single(one);
  const authenticator list(with_users({{.name = "a", .password = "p", .may = may_publish("x")}}));
  access_options by_token;
  by_token.token = "p";
  const authenticator token(by_token);

  CHECK(single.successor(*anyone, open, type::standard).what == asks_again);
  CHECK(open.successor(*anyone, open, type::standard).what == goes_on);
  const auto a = decide(single, {.user = "a", .password = "p"}).who;
  CHECK(open.successor(*a, single, type::standard).what == goes_on);
  CHECK(token.successor(*a, single, type::standard).what == refused);
  const auto in_list = list.successor(*a, single, type::standard).who;
  REQUIRE(in_list != nullptr);
  CHECK(in_list->may != nullptr);
  CHECK(single.successor(*in_list, list, type::standard).what == goes_on);
  const auto t = decide(token, {.token = "p"}).who;
  CHECK(token.successor(*t, token, type::standard).what == goes_on);
  CHECK(single.successor(*t, token, type::standard).what == refused);
}

TEST_CASE("authenticator: after a change nobody knows what was shown where a hash is on a side") {
  using enum nuncio::server::succession::kind;
  const auto with_password = [](const std::string& password) {
    return with_users({{.name = "a", .password = password}, {.name = "b", .password = "q"}});
  };
  const authenticator plain(with_password("secret"));
  const authenticator other(with_password("Secret"));
  const authenticator hash(with_password(hashed));
  const authenticator other_hash(with_password(std::string(hashed) + "."));
  const auto a = decide(plain, {.user = "a", .password = "secret"}).who;
  CHECK(hash.successor(*a, plain, type::standard).what == asks_again);
  CHECK(plain.successor(*a, hash, type::standard).what == asks_again);
  CHECK(other_hash.successor(*a, hash, type::standard).what == asks_again);
  CHECK(hash.successor(*a, hash, type::standard).what == goes_on);
  CHECK(other.successor(*a, plain, type::standard).what == refused);

  access_options one;
  one.token = "secret";
  const authenticator token(one);
  one.token = hashed;
  const authenticator hashed_token(one);
  const auto t = decide(token, {.token = "secret"}).who;
  CHECK(hashed_token.successor(*t, token, type::standard).what == asks_again);
  CHECK(token.successor(*t, hashed_token, type::standard).what == asks_again);
}

TEST_CASE("authenticator: after a change nobody knows what the no_auth_user has shown") {
  using enum nuncio::server::succession::kind;
  auto options = with_users({{.name = "a", .password = "p"}});
  options.no_auth_user = "a";
  const authenticator before(options);
  options.users.front().password = "q";
  const authenticator after(options);
  CHECK(after.successor(*decide(before, {}).who, before, type::standard).what == asks_again);
}

TEST_CASE("access check: what is fine needs no sentence") {
  CHECK(check({}).empty());
  auto options = with_users({
      {.name = "a", .account = "A", .may = may_publish("x.>")},
      {.name = "b", .account = "$SYS"},
      {.name = "c", .account = "$G"},
      {.nkey = key_pair(1).public_key()},
  });
  options.accounts = {{.name = "A"}};
  options.no_auth_user = "a";
  CHECK(check(options).empty());
  options.no_auth_user = key_pair(1).public_key();
  CHECK(check(options).empty());
}

TEST_CASE("access check: a single user goes with nothing else") {
  access_options options;
  options.user = "a";
  options.token = "t";
  CHECK(check(options).size() == 1);
  options.users = {{.name = "b"}};
  CHECK(says(check(options), "a single user or a list"));
  options.user.clear();
  CHECK(check(options).empty());  // a token is for those who bring no name
}

TEST_CASE("access check: names and nkeys are unique, and nkeys are those of users") {
  const auto key = key_pair(1).public_key();
  const auto of_account = key_pair(1, protocol::nkey_kind::account).public_key();
  const auto said = check(with_users({
      {.name = "a"},
      {.name = "a"},
      {.nkey = key},
      {.nkey = key},
      {.nkey = "UABC"},
      {.nkey = of_account},
      {.name = "x", .nkey = key_pair(2).public_key()},
      {.password = "p", .nkey = key_pair(3).public_key()},
      {},
  }));
  CHECK(said.size() == 7);
  CHECK(says(said, "user \"a\" is defined twice"));
  CHECK(says(said, "nkey \"" + key + "\" is defined twice"));
  CHECK(says(said, "\"UABC\" is not the public key of a user"));
  CHECK(says(said, of_account + "\" is not the public key of a user"));
  CHECK(says(said, key_pair(2).public_key() + "\" takes neither"));
  CHECK(says(said, key_pair(3).public_key() + "\" takes neither"));
  CHECK(says(said, "needs a name or an nkey"));
}

TEST_CASE("access check: accounts are defined once, by names of their own, before users are in") {
  auto options = with_users({{.name = "a", .account = "B"}});
  options.accounts = {{.name = "A"}, {.name = "A"}, {.name = "$G"}, {}};
  const auto said = check(options);
  CHECK(said.size() == 4);
  CHECK(says(said, "account \"A\" is defined twice"));
  CHECK(says(said, "\"$G\" is always there"));
  CHECK(says(said, "An account needs a name"));
  CHECK(says(said, "user \"a\" is in account \"B\", which is not defined"));
}

TEST_CASE("access check: the no_auth_user is one of the users") {
  access_options options;
  options.no_auth_user = "a";
  CHECK(says(check(options), "no_auth_user \"a\""));
  options.user = "a";
  CHECK(says(check(options), "no_auth_user \"a\""));
  options = with_users({{.name = "b"}});
  options.no_auth_user = "a";
  CHECK(says(check(options), "no_auth_user \"a\""));
}

TEST_CASE("access check: permissions hold subjects, and queues only where one subscribes") {
  const auto may = std::make_shared<const permissions>(permissions{
      .publish = {.allow = {{"a q", "b..c", "ok"}}, .deny = {"x.>.y"}},
      .subscribe = {.allow = {{"a q", "a  q.*", "a q r", ""}}, .deny = {"a q..r", "ok.>"}},
  });
  // Said once, not for everyone who shares them.
  const auto said = check(with_users({{.name = "u", .may = may}, {.name = "v", .may = may}}));
  CHECK(said.size() == 6);
  CHECK(says(said, "user \"u\": publish allow: \"a q\""));
  CHECK(says(said, "publish allow: \"b..c\""));
  CHECK(says(said, "publish deny: \"x.>.y\""));
  CHECK(says(said, "subscribe allow: \"a q r\""));
  CHECK(says(said, "subscribe allow: \"\""));
  CHECK(says(said, "subscribe deny: \"a q..r\""));
}
