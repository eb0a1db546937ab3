#pragma once

#include "fixture.hpp"

#include <nuncio/protocol/nkey.hpp>

#include <array>
#include <cstddef>
#include <random>
#include <utility>

namespace nuncio::test {

inline protocol::nkey_pair make_keys(protocol::nkey_kind kind) {
  std::random_device random;
  std::array<std::byte, 32> seed{};
  for (auto& byte : seed) byte = static_cast<std::byte>(random() & 0xFF);
  return {kind, seed};
}

/// How connecting with these options ends, and that a message then comes through.
inline asio::awaitable<error_code> try_out(client::options set) {
  const auto executor = co_await here();
  client::connection nc(executor, std::move(set));
  const auto [error] = co_await nc.async_connect(as_values);
  if (error) co_return error;
  auto sub = nc.subscribe("a");
  CHECK_FALSE(nc.publish("a", "x"));
  CHECK(co_await next(sub) == "a=x");
  co_return error;
}

}  // namespace nuncio::test
