// Against the reference server only, which knows JWTs.
#include "fixture.hpp"
#include "nkey_fixture.hpp"
#include "temporary_file.hpp"

#include <nuncio/protocol/base64.hpp>
#include <nuncio/protocol/nkey.hpp>

#include <ctime>
#include <span>
#include <string>
#include <vector>

namespace {

using namespace nuncio::test;
using namespace std::chrono_literals;
namespace client = nuncio::client;
using client::connection;
using client::errc;
using nuncio::protocol::nkey_kind;
using nuncio::protocol::nkey_pair;
using nuncio::protocol::to_base64url;

std::string encoded(std::string_view text) {
  return to_base64url(std::as_bytes(std::span(text)));
}

/// A JWT about `subject` that says `claims`; it ends at `expires`, unless that is 0.
std::string make_jwt(const nkey_pair& issuer,
                     const std::string& subject,
                     const std::string& claims,
                     std::time_t expires = 0) {
  const auto end = expires == 0 ? "" : "\"exp\":" + std::to_string(expires) + ",";
  const auto signed_part =
      encoded("{\"typ\":\"JWT\",\"alg\":\"ed25519-nkey\"}") + "." +
      encoded("{" + end + "\"jti\":\"x\",\"iat\":1700000000,\"iss\":\"" + issuer.public_key() +
              "\",\"name\":\"test\",\"sub\":\"" + subject + "\",\"nats\":" + claims + "}");
  return signed_part + "." + to_base64url(issuer.sign(signed_part));
}

/// An operator with one account, and a server's configuration that trusts them.
struct realm {
  nkey_pair operator_keys = make_keys(nkey_kind::operator_);
  nkey_pair account = make_keys(nkey_kind::account);

  [[nodiscard]] std::string configuration() const {
    const auto operator_jwt = make_jwt(operator_keys, operator_keys.public_key(),
                                       "{\"type\":\"operator\",\"version\":2}");
    const auto account_jwt = make_jwt(
        operator_keys, account.public_key(),
        "{\"limits\":{\"subs\":-1,\"data\":-1,\"payload\":-1,\"imports\":-1,\"exports\":-1,"
        "\"wildcards\":true,\"conn\":-1,\"leaf\":-1},\"type\":\"account\",\"version\":2}");
    return "operator: " + operator_jwt + "\nresolver: MEMORY\nresolver_preload: {" +
           account.public_key() + ": " + account_jwt + "}\n";
  }
  [[nodiscard]] std::string user_jwt(const nkey_pair& user, std::time_t expires = 0) const {
    return make_jwt(account, user.public_key(),
                    "{\"subs\":-1,\"data\":-1,\"payload\":-1,\"type\":\"user\",\"version\":2}",
                    expires);
  }
  [[nodiscard]] std::string creds(const nkey_pair& user) const {
    return "-----BEGIN NATS USER JWT-----\n" + user_jwt(user) +
           "\n------END NATS USER JWT------\n\n-----BEGIN USER NKEY SEED-----\n" + user.seed() +
           "\n------END USER NKEY SEED------\n";
  }
};

}  // namespace

TEST_CASE("credentials: in operator mode a credentials file opens the account") {
  const realm ours;
  const auto user = make_keys(nkey_kind::user);
  const temporary_file configuration(ours.configuration());
  server_process server(server_program(), {"-c", configuration.path()});
  const temporary_file good(ours.creds(user));
  const temporary_file foreign(realm{}.creds(user));
  const temporary_file broken("-----BEGIN-----\nsecret\n-----END-----\n");
  run([&]() -> asio::awaitable<void> {
    client::options set{.servers = server.url(), .creds_file = good.path()};
    CHECK_FALSE(co_await try_out(set));
    set.creds_file = foreign.path();
    CHECK(co_await try_out(set) == errc::authorization);
    std::string told;
    set.on_status = [&](const client::status& s) { told += s.text; };
    set.creds_file = broken.path();
    CHECK(co_await try_out(set) == errc::bad_credentials);
    CHECK(told ==
          broken.path() + ": expected a user's JWT and a seed, each between lines of dashes");
    told.clear();
    set.creds_file = good.path() + ".gone";
    CHECK(co_await try_out(set) == errc::bad_credentials);
    CHECK(told == good.path() + ".gone: the file can't be read");
  });
}

TEST_CASE("credentials: they are asked for anew when those in use have expired") {
  const realm ours;
  const auto user = make_keys(nkey_kind::user);
  const temporary_file configuration(ours.configuration());
  server_process server(server_program(), {"-c", configuration.path()});
  run([&]() -> asio::awaitable<void> {
    const auto executor = co_await here();
    client::options set{.servers = server.url(), .reconnect = {.first_pause = 5ms}};
    int asked = 0;
    set.ask_credentials = [&](const nuncio::protocol::server_url&) {
      const auto expires = ++asked == 1 ? std::time(nullptr) + 2 : 0;
      return client::credentials{.jwt = ours.user_jwt(user, expires), .nkey_seed = user.seed()};
    };
    error_code why;
    bool is_back = false;
    set.on_status = [&](const client::status& s) {
      if (s.what == client::status::kind::disconnected) why = s.error;
      is_back |= s.what == client::status::kind::reconnected;
    };
    connection nc(executor, set);
    co_await nc.async_connect(asio::use_awaitable);
    auto sub = nc.subscribe("a");
    co_await until([&] { return is_back; });
    CHECK(why == errc::authorization);
    CHECK(asked == 2);
    CHECK_FALSE(nc.publish("a", "x"));
    CHECK(co_await next(sub) == "a=x");
  });
}

TEST_CASE("credentials: an error of the one who is asked is that of connect") {
  run([&]() -> asio::awaitable<void> {
    client::options set{.servers = "nats://127.0.0.1:1"};
    set.ask_credentials = [](const nuncio::protocol::server_url&) {
      return boost::system::result<client::credentials>(error_code(asio::error::no_permission));
    };
    CHECK(co_await try_out(set) == asio::error::no_permission);
    const client::options wrong{.nkey_seed = "SUWRONG"};
    CHECK(co_await try_out(wrong) == errc::bad_options);
  });
}
