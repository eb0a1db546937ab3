#include "nkey_fixture.hpp"
#include "temporary_file.hpp"

#include <string>
#include <string_view>

namespace {

using namespace nuncio::test;
namespace client = nuncio::client;
using client::errc;
using nuncio::protocol::nkey_kind;

}  // namespace

TEST_CASE("nkeys: a user with a key signs in with its seed, another doesn't") {
  const auto user = make_keys(nkey_kind::user);
  const temporary_file configuration("authorization: {users: [{nkey: " + user.public_key() + "}]}");
  server_process server(server_program(), {"-c", configuration.path()});
  const temporary_file file("# a seed\n" + user.seed() + "\n");
  run([&]() -> asio::awaitable<void> {
    client::options set{.servers = server.url(), .nkey_seed = user.seed()};
    CHECK_FALSE(co_await try_out(set));
    set.nkey_seed = make_keys(nkey_kind::user).seed();
    CHECK(co_await try_out(set) == errc::authorization);
    set.nkey_seed.clear();
    CHECK(co_await try_out(set) == errc::authorization);
    set.nkey_seed_file = file.path();
    CHECK_FALSE(co_await try_out(set));
  });
}

TEST_CASE("nkeys: a key that is kept elsewhere signs in") {
  const auto user = make_keys(nkey_kind::user);
  const temporary_file configuration("authorization: {users: [{nkey: " + user.public_key() + "}]}");
  server_process server(server_program(), {"-c", configuration.path()});
  run([&]() -> asio::awaitable<void> {
    client::options set{.servers = server.url()};
    set.ask_credentials = [&](const nuncio::protocol::server_url& asking) {
      CHECK(asking.port == server.port());
      client::credentials who;
      who.nkey = user.public_key();
      who.sign = [&](std::string_view nonce) -> boost::system::result<std::string> {
        const auto signature = user.sign(nonce);
        return std::string(reinterpret_cast<const char*>(signature.data()), signature.size());
      };
      return who;
    };
    CHECK_FALSE(co_await try_out(set));
  });
}
