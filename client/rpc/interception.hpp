#pragma once

#include <nuncio/rpc/interceptor.hpp>

#include <chrono>
#include <optional>
#include <string>

namespace nuncio::rpc {

/// Tells all of them that a call starts, until one refuses it: then those that know of it are told
/// that it has ended, too, and the refusal is handed out. What one has thrown that is no
/// rpc::error refuses it with INTERNAL, and is in `thrown` at a service, whose callers it isn't
/// for.
[[nodiscard]] std::optional<status> begin_call(const interceptor_list& all,
                                               call_view& call,
                                               std::string* thrown = nullptr);

/// Tells all of them that it has ended. Not for one that begin_call() refuses.
void end_call(const interceptor_list& all,
              const call_view& call,
              const status& how,
              std::chrono::nanoseconds took) noexcept;

}  // namespace nuncio::rpc
