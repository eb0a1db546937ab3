#pragma once

#include <nuncio/protocol/rpc.hpp>
#include <nuncio/rpc/stub.hpp>

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace nuncio::rpc {

/// What is written of a request, but for the time that is left.
struct written {
  std::string subject;
  std::string payload;
  std::string lines;  // of headers
  std::string call_id;
  std::string hash_key;
  std::uint8_t priority = 1;
  bool is_idempotent = false;

  /// The header block: what `line` says and what is known here, with the time that is left; without
  /// a deadline it says none.
  [[nodiscard]] protocol::rpc_block block(
      protocol::rpc_line line,
      std::optional<std::chrono::steady_clock::time_point> deadline,
      std::chrono::steady_clock::time_point now) const;
};

/// What `from` asks for, of the service that is called `prefix`. The payload is taken out of it.
[[nodiscard]] written compose(std::string_view prefix, detail::request& from);

}  // namespace nuncio::rpc
