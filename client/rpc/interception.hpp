#pragma once

#include <nuncio/protocol/rpc.hpp>
#include <nuncio/rpc/interceptor.hpp>

#include <chrono>
#include <optional>
#include <string>

namespace nuncio::rpc {

/// `opening` is none for calls that aren't streams.
[[nodiscard]] call_kind kind_of(protocol::rpc_frame opening, bool is_one_way) noexcept;

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
