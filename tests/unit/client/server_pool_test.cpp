#include "server_pool.hpp"

#include <doctest/doctest.h>

#include <chrono>
#include <cstdint>
#include <string>
#include <vector>

namespace {

using namespace nuncio::client;
using namespace std::chrono_literals;
using nuncio::protocol::server_url;

const server_pool::time start{1000s};

std::vector<server_url> urls(const std::string& list) {
  std::string error;
  return *nuncio::protocol::parse_url_list(list, error);
}

// In the order given, and with pauses as long as they get.
server_pool plain_pool(const std::string& list, server_pool::settings set = {}) {
  set.randomize = false;
  return {urls(list), set, [] { return ~std::uint64_t{0} - 1; }};
}

// Host and pause of the next attempts, all of which fail.
std::string attempts(server_pool& pool, int count) {
  std::string out;
  for (int i = 0; i < count; ++i) {
    const auto next = pool.next(start);
    if (!next) return out + "none";
    const auto wait =
        std::chrono::duration_cast<std::chrono::milliseconds>(next->not_before - start);
    out += next->server.host + "+" + std::to_string(wait.count()) + " ";
    pool.failed();
  }
  return out;
}

}  // namespace

TEST_CASE("server pool: each server has one attempt at once, then pauses double up to a bound") {
  auto pool = plain_pool("a,b", {.first_pause = 100ms, .longest_pause = 300ms});
  CHECK_FALSE(pool.round_is_over());
  CHECK(attempts(pool, 2) == "a+0 b+0 ");
  CHECK(pool.round_is_over());
  const auto next = pool.next(start);
  CHECK(next->not_before >= start + 50ms);
  CHECK(next->not_before <= start + 100ms);
  static_cast<void>(pool.next(start));
  const auto third = pool.next(start)->not_before;
  CHECK(third >= start + 100ms);
  CHECK(third <= start + 200ms);
  for (int i = 0; i < 20; ++i) CHECK(pool.next(start)->not_before <= start + 300ms);
}

TEST_CASE("server pool: after a loss the others come first, without a pause") {
  auto pool = plain_pool("a,b,c");
  CHECK(pool.next(start)->server.host == "a");
  pool.failed();
  CHECK(pool.next(start)->server.host == "b");
  pool.connected();
  pool.lost();
  CHECK(attempts(pool, 3) == "c+0 a+0 b+0 ");
}

TEST_CASE("server pool: a server that fails as often as allowed is given up") {
  auto pool = plain_pool("a,b", {.max_attempts = 2, .first_pause = 0ms});
  CHECK(attempts(pool, 9) == "a+0 b+0 a+0 b+0 none");
}

TEST_CASE("server pool: success forgets failures") {
  auto pool = plain_pool("a", {.max_attempts = 2, .first_pause = 0ms});
  for (int i = 0; i < 5; ++i) {
    REQUIRE(pool.next(start));
    pool.failed();
    REQUIRE(pool.next(start));
    pool.connected();
    pool.lost();
  }
}

TEST_CASE("server pool: credentials refused twice in a row give the server up") {
  auto pool = plain_pool("a,b", {.first_pause = 0ms});
  for (int i = 0; i < 2; ++i) {
    CHECK(pool.next(start)->server.host == "a");
    pool.refused_credentials();
    CHECK(pool.next(start)->server.host == "b");
    pool.failed();
  }
  CHECK(attempts(pool, 2) == "b+0 b+0 ");
}

TEST_CASE("server pool: servers told of are used, keep credentials, and go when no longer told") {
  auto pool = plain_pool("nats://u:p@a:1");
  static_cast<void>(pool.next(start));
  pool.connected();
  CHECK(pool.merge({"a:1", "b:2", "[::1]:3", "nonsense:port"}));
  CHECK_FALSE(pool.merge({"a:1", "b:2", "[::1]:3"}));
  REQUIRE(pool.servers().size() == 3);
  for (const auto& each : pool.servers()) {
    CHECK(each.user == "u");
    CHECK(each.pass == "p");
  }
  CHECK_FALSE(pool.merge({}));
  CHECK(pool.servers().size() == 3);
  CHECK_FALSE(pool.merge({"b:2"}));
  CHECK(pool.servers().size() == 2);  // a was named by the user
  pool.lost();
  CHECK(pool.next(start)->server.host == "b");
  pool.connected();
  CHECK(pool.merge({"c:1"}));  // b is in use
  CHECK(pool.servers().size() == 3);
}

TEST_CASE("server pool: the order is random, nothing is lost or doubled") {
  std::uint64_t seed = 1;
  bool differs = false;
  for (int i = 0; i < 20; ++i) {
    server_pool pool(urls("a,b,c,d,a"), {},
                     [&seed] { return seed = seed * 6364136223846793005U + 1442695040888963407U; });
    std::string order;
    while (!pool.round_is_over()) order += pool.next(start)->server.host;
    CHECK(order.size() == 4);
    for (const char c : std::string("abcd")) CHECK(order.find(c) != std::string::npos);
    differs = differs || order != "abcd";
  }
  CHECK(differs);
}

TEST_CASE("server pool: an address that a server told of may use that server's certificate") {
  auto pool = plain_pool("tls://broker.test");
  CHECK(pool.next(start)->tls_name == "broker.test");
  pool.connected();
  CHECK(pool.merge({"10.0.0.2:4222", "other.test:4222", "[::1]:4222"}));
  pool.lost();
  CHECK(pool.next(start)->tls_name == "broker.test");
  pool.connected();
  CHECK(pool.merge({"10.0.0.2:4222", "other.test:4222", "[::1]:4222", "10.0.0.3:4222"}));
  CHECK(pool.next(start)->tls_name == "other.test");
  CHECK(pool.next(start)->tls_name == "broker.test");
  CHECK(pool.next(start)->tls_name == "broker.test");
  // The name goes from one address to the next.
  const auto last = *pool.next(start);
  CHECK(last.server.host == "10.0.0.3");
  CHECK(last.tls_name == "broker.test");
}
