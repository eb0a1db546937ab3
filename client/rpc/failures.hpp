#pragma once

#include <nuncio/rpc/status.hpp>

/// How calls end that never get an answer of a handler's: unary ones and streams alike.
/// Source: docs/rpc-wire.md, sections 4 and 7.
namespace nuncio::rpc {

/// Nobody listens where it was sent.
[[nodiscard]] inline status nobody() {
  return status::not_run(code::unavailable, "nobody serves this endpoint", "no-responders");
}
/// The broker says so of who had taken it.
[[nodiscard]] inline status peer_gone() {
  return {code::unavailable, "the instance is gone", "peer-gone"};
}
[[nodiscard]] inline status taken_twice() {
  return {code::aborted, "two instances have taken the call", "second-accept"};
}
[[nodiscard]] inline status cancelled_by_service() {
  return {code::cancelled, "the service cancelled the call"};
}

}  // namespace nuncio::rpc
