#pragma once

#include <nuncio/protocol/headers.hpp>
#include <nuncio/protocol/rpc.hpp>

#include <optional>
#include <string>
#include <string_view>

namespace nuncio::rpc {

/// Headers that belong to the application: what goes with a call, comes with its answer, or ends a
/// stream (its trailers). A value of a name that ends in `-bin` may be any bytes.
///
/// `Nuncio-…` and `Nats-…` are reserved. All headers of a message together: 16 KiB at most.
class metadata {
 public:
  metadata() = default;
  /// What a message carries, without what belongs to RPC itself.
  explicit metadata(const protocol::header_view& from);

  /// Errors:  false, and nothing is added, if the name is empty, reserved, or holds anything but
  ///          printable ASCII other than the colon. CR, LF and NUL are left out of values, unless
  ///          the name ends in `-bin`.
  bool add(std::string_view name, std::string_view value);
  /// The first value of exactly this name.
  [[nodiscard]] std::optional<std::string> find(std::string_view name) const;
  /// Whether there is none.
  [[nodiscard]] bool empty() const noexcept { return block_.lines().empty(); }
  /// As they stand in a header block.
  [[nodiscard]] std::string_view lines() const noexcept { return block_.lines(); }

 private:
  protocol::rpc_block block_;
};

}  // namespace nuncio::rpc
