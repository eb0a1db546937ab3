#include "interception.hpp"

#include <cstddef>
#include <exception>

namespace nuncio::rpc {
namespace {

void refuse(call_view& call, std::string_view why, std::string* thrown) {
  if (thrown != nullptr) *thrown = why;
  call.refuse({code::internal, thrown != nullptr ? "an interceptor failed"
                                                 : "an interceptor failed: " + std::string(why)});
}

void start(interceptor& by, call_view& call, std::string* thrown) {
  try {
    by.on_start(call);
  } catch (const error& why) {
    call.refuse(why.status());
  } catch (const std::exception& why) {
    refuse(call, why.what(), thrown);
  } catch (...) {
    refuse(call, "something that is no std::exception", thrown);
  }
}

void end_first(std::size_t count,
               const interceptor_list& all,
               const call_view& call,
               const status& how,
               std::chrono::nanoseconds took) noexcept {
  while (count > 0) all[--count]->on_end(call, how, took);
}

}  // namespace

call_kind kind_of(protocol::rpc_frame opening, bool is_one_way) noexcept {
  switch (opening) {
    case protocol::rpc_frame::server:
      return call_kind::server_stream;
    case protocol::rpc_frame::client:
      return call_kind::client_stream;
    case protocol::rpc_frame::bidi:
      return call_kind::bidi_stream;
    default:
      return is_one_way ? call_kind::one_way : call_kind::unary;
  }
}

std::string_view to_string(call_side side) noexcept {
  return side == call_side::caller ? "caller" : "service";
}

std::string_view to_string(call_kind kind) noexcept {
  switch (kind) {
    case call_kind::unary:
      return "unary";
    case call_kind::one_way:
      return "one_way";
    case call_kind::server_stream:
      return "server_stream";
    case call_kind::client_stream:
      return "client_stream";
    case call_kind::bidi_stream:
      return "bidi_stream";
  }
  return "unknown";
}

std::optional<status> begin_call(const interceptor_list& all,
                                 call_view& call,
                                 std::string* thrown) {
  for (std::size_t i = 0; i < all.size(); ++i) {
    start(*all[i], call, thrown);
    const auto& refusal = call.refusal();
    if (!refusal) continue;
    auto why = *refusal;
    why.surely_not_run = true;
    end_first(i + 1, all, call, why, {});
    return why;
  }
  return std::nullopt;
}

void end_call(const interceptor_list& all,
              const call_view& call,
              const status& how,
              std::chrono::nanoseconds took) noexcept {
  end_first(all.size(), all, call, how, took);
}

}  // namespace nuncio::rpc
