#pragma once

#include <nuncio/rpc/codec.hpp>
#include <nuncio/rpc/metadata.hpp>
#include <nuncio/rpc/policies.hpp>

#include <chrono>
#include <cstdint>
#include <optional>
#include <string_view>
#include <type_traits>

namespace nuncio::rpc {

class context;

/// How one call is made. Views and pointers must be valid until the function that takes them
/// returns, no longer.
struct call_options {
  /// Until the caller gives up; 5 s for a unary call and none for a stream, unless set. In a
  /// handler with `parent` it is never more than what is left of the call that is served.
  std::optional<std::chrono::nanoseconds> timeout;
  /// May run again, elsewhere, even if it may have run.
  bool idempotent = false;
  /// 0 (most important) to 3; of `parent`, or 1, unless set.
  std::optional<std::uint8_t> priority;
  content_type encoding = content_type::msgpack;  ///< of the request, where its type knows it
  std::string_view key;                  ///< equal keys go to the same instance, where supported
  std::string_view id;                   ///< so that a service can recognise a repeat; idempotent
                                         ///< calls without one get a random one
  const metadata* headers = nullptr;     ///< what goes along
  const context* parent = nullptr;       ///< the call that is being served, on whose behalf this is
  std::optional<retry_options> retries;  ///< the stub's, unless set
  /// A second attempt, if the call is idempotent and has no answer after this; the stub's, unless
  /// set.
  std::optional<std::chrono::nanoseconds> hedge_after;
};
// Temporaries of it stand beside a co_await, where g++ 12 copies bit by bit.
static_assert(std::is_trivially_copyable_v<call_options>);

}  // namespace nuncio::rpc
