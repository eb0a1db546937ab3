#pragma once

#include <nuncio/rpc/interceptor.hpp>

#include <chrono>
#include <optional>

namespace nuncio::rpc {

/// Tells all of them that a call starts, until one refuses it: then those that know of it are told
/// that it has ended, too, and the refusal is handed out.
[[nodiscard]] std::optional<status> begin_call(const interceptor_list& all, call_view& call);

/// Tells all of them that it has ended. Not for one that begin_call() refuses.
void end_call(const interceptor_list& all,
              const call_view& call,
              const status& how,
              std::chrono::nanoseconds took) noexcept;

}  // namespace nuncio::rpc
