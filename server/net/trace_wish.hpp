#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

/// What the headers of a message say of its trace.
/// Source: ADR-41; nats-server 2.15.2, server/msgtrace.go, checked against a live one.
namespace nuncio::server {

/// How a trace is to be written.
enum class trace_encoding : std::uint8_t {
  unsaid,    ///< as it is
  identity,  ///< likewise, and said so: nothing that was asked for is known
  gzip
};

/// What a publisher wants to be told of one message.
struct trace_wish {
  /// Where it is told. Empty, but not none: a subject that can't be one. None: it is not said.
  std::optional<std::string_view> destination;
  bool is_only = false;     ///< and the message isn't to be delivered; counts with a destination
  bool is_sampled = false;  ///< its `traceparent` says that whoever traces shall
  trace_encoding encoding = trace_encoding::unsaid;
};

/// Might its headers say something of that? Cheap, for every message with headers; `traces_sampled`
/// as trace_wish_of() has it.
[[nodiscard]] bool may_wish_trace(std::string_view headers, bool traces_sampled) noexcept;

/// None: nothing, or nothing that counts. `traces_sampled`: a `traceparent` that is sampled is
/// enough.
[[nodiscard]] std::optional<trace_wish> trace_wish_of(std::string_view headers,
                                                      bool traces_sampled);

}  // namespace nuncio::server
