#pragma once

#include "coroutines.hpp"
#include "server_process.hpp"

#include <nuncio/client/connection.hpp>

#include <doctest/doctest.h>

#include <string>
#include <string_view>

namespace nuncio::test {

inline std::string& server_program() {
  static std::string program;
  return program;
}

/// What came, as text; the error if one did.
inline asio::awaitable<std::string> next(client::subscription& from) {
  auto [error, m] = co_await from.async_next(as_values);
  if (error) co_return "error: " + error.message();
  co_return std::string(m.subject()) + "=" + std::string(m.payload());
}

}  // namespace nuncio::test
