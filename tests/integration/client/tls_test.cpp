#include "configured_server.hpp"

#include <nuncio/protocol/url.hpp>

#include <csignal>
#include <string>
#include <vector>

namespace {

using namespace nuncio::test;
using namespace std::chrono_literals;
namespace client = nuncio::client;
using client::connection;
using client::errc;

struct attempt {
  error_code how;
  std::string told;  // beside it
  bool is_required = false;
};

/// How connecting with these options ends, and that messages then come through.
asio::awaitable<attempt> try_out(client::options set) {
  const auto executor = co_await here();
  attempt out;
  set.on_status = [&](const client::status& s) { out.told += s.text; };
  connection nc(executor, std::move(set));
  const auto [error] = co_await nc.async_connect(as_values);
  out.how = error;
  if (error) co_return out;
  out.is_required = nc.server_info().tls_required;
  auto sub = nc.subscribe("a");
  const std::string large(1000 * 1000, 'l');
  CHECK_FALSE(nc.publish("a", large));
  CHECK_FALSE(nc.publish("a", "x"));
  CHECK(co_await next(sub) == "a=" + large);
  CHECK(co_await next(sub) == "a=x");
  co_return out;
}

client::options to(const std::string& url, const std::string& ca = {}) {
  client::options set;
  set.servers = url;
  set.tls.ca_file = ca;
  return set;
}

}  // namespace

TEST_CASE("tls: a server that requires it gets it, whatever the URL's scheme") {
  const configured its(with_tls(for_address()));
  run([&]() -> asio::awaitable<void> {
    for (const auto* scheme : {"nats", "tls"}) {
      CAPTURE(scheme);
      const auto good = co_await try_out(to(its.address(scheme), authority().ca()));
      CHECK_FALSE(good.how);
      CHECK(good.is_required);
    }
  });
}

TEST_CASE("tls: who vouches for the server must be trusted, unless nothing is verified") {
  const configured its(with_tls(for_address()));
  const certificates stranger;
  run([&]() -> asio::awaitable<void> {
    auto set = to(its.address("nats"));
    CHECK((co_await try_out(set)).how == errc::untrusted);
    set.tls.ca_file = stranger.ca();
    CHECK((co_await try_out(set)).how == errc::untrusted);
    set.tls.ca_file = "/gone.pem";
    const auto gone = co_await try_out(set);
    CHECK(gone.how == errc::bad_credentials);
    CHECK(gone.told.starts_with("/gone.pem: "));
    set.tls.verify = false;
    CHECK_FALSE((co_await try_out(set)).how);
  });
}

TEST_CASE("tls: the certificate must be for the host, or for the name that the options give") {
  const configured its(with_tls(authority().sign("DNS:broker.test,DNS:localhost")));
  run([&]() -> asio::awaitable<void> {
    auto set = to(its.address("tls"), authority().ca());
    CHECK((co_await try_out(set)).how == errc::wrong_host);
    set.tls.server_name = "other.test";
    CHECK((co_await try_out(set)).how == errc::wrong_host);
    set.tls.server_name = "broker.test";
    CHECK_FALSE((co_await try_out(set)).how);
    set.tls.server_name.clear();
    set.servers = "tls://localhost:" + std::to_string(its.server.port());
    CHECK_FALSE((co_await try_out(set)).how);
  });
}

TEST_CASE("tls: a certificate that has expired is refused") {
  const configured its(with_tls(authority().sign("IP:127.0.0.1", -1)));
  run([&]() -> asio::awaitable<void> {
    const auto attempt = co_await try_out(to(its.address("nats"), authority().ca()));
    CHECK(attempt.how == errc::certificate_expired);
  });
}

TEST_CASE("tls: where it is optional it is used if the URL or the options want it") {
  const configured its(with_tls(for_address()) + "allow_non_tls: true\n");
  const certificates stranger;
  run([&]() -> asio::awaitable<void> {
    // In the clear nobody looks at certificates.
    auto set = to(its.address("nats"), stranger.ca());
    const auto plain = co_await try_out(set);
    CHECK_FALSE(plain.how);
    CHECK_FALSE(plain.is_required);
    set.tls.required = true;
    CHECK((co_await try_out(set)).how == errc::untrusted);
    set.tls.ca_file = authority().ca();
    CHECK_FALSE((co_await try_out(set)).how);
    set.tls.required = false;
    set.servers = its.address("tls");
    CHECK_FALSE((co_await try_out(set)).how);
  });
}

TEST_CASE("tls: a server without it isn't spoken to in the clear where it is demanded") {
  server_process server(server_program());
  run([&]() -> asio::awaitable<void> {
    auto set = to("tls://127.0.0.1:" + std::to_string(server.port()));
    CHECK((co_await try_out(set)).how == errc::tls_unavailable);
    set.servers = server.url();
    set.tls.required = true;
    CHECK((co_await try_out(set)).how == errc::tls_unavailable);
    set.tls.required = false;
    set.tls.handshake_first = true;
    CHECK((co_await try_out(set)).how == errc::tls_unavailable);
  });
}

TEST_CASE("tls: the handshake comes first where both want that") {
  const configured its(with_tls(for_address(), "handshake_first: true"));
  run([&]() -> asio::awaitable<void> {
    auto set = to(its.address("tls"), authority().ca());
    set.connect_timeout = 300ms;
    CHECK((co_await try_out(set)).how == errc::timed_out);  // each waits for the other
    set.connect_timeout = 20s;
    set.tls.handshake_first = true;
    CHECK_FALSE((co_await try_out(set)).how);
  });
}

TEST_CASE("tls: a server may want the client's certificate") {
  const configured its(
      with_tls(for_address(), "verify: true, ca_file: \"" + authority().ca() + "\""));
  certificates stranger;
  const auto ours = authority().sign("DNS:client.test");
  const auto foreign = stranger.sign("DNS:client.test");
  run([&]() -> asio::awaitable<void> {
    auto set = to(its.address("nats"), authority().ca());
    const auto nobody = co_await try_out(set);
    CAPTURE(nobody.how.message());
    CHECK(nobody.how);
    set.tls.certificate_file = ours.certificate;
    CHECK((co_await try_out(set)).how == errc::bad_credentials);  // where is its key?
    set.tls.key_file = foreign.key;
    const auto mixed = co_await try_out(set);
    CHECK(mixed.how == errc::bad_credentials);
    CHECK(mixed.told.starts_with(foreign.key + ": "));
    set.tls.key_file = ours.key;
    CHECK_FALSE((co_await try_out(set)).how);
    set.tls.certificate_file = foreign.certificate;
    set.tls.key_file = foreign.key;
    CHECK((co_await try_out(set)).how);
  });
}

TEST_CASE("tls: a connection that is lost is made again, with the files as they are then") {
  configured its(with_tls(for_address()));
  const temporary_file trusted("");
  std::filesystem::copy_file(authority().ca(), trusted.path(),
                             std::filesystem::copy_options::overwrite_existing);
  run([&]() -> asio::awaitable<void> {
    const auto executor = co_await here();
    auto set = to(its.address("tls"), trusted.path());
    set.reconnect.first_pause = set.reconnect.longest_pause = 5ms;
    bool is_back = false;
    bool is_refused = false;
    set.on_status = [&](const client::status& s) {
      is_back |= s.what == client::status::kind::reconnected;
      is_refused |= s.error == errc::bad_credentials;
    };
    connection nc(executor, set);
    co_await nc.async_connect(asio::use_awaitable);
    auto sub = nc.subscribe("a");
    its.server.kill(SIGKILL);
    trusted.write("nothing");
    its.server.restart();
    co_await until([&] { return is_refused; });
    CHECK_FALSE(is_back);
    std::filesystem::copy_file(authority().ca(), trusted.path(),
                               std::filesystem::copy_options::overwrite_existing);
    co_await until([&] { return is_back; });
    CHECK_FALSE(nc.publish("a", "x"));
    CHECK(co_await next(sub) == "a=x");
  });
}
