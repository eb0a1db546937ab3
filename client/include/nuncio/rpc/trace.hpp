#pragma once

#include <nuncio/rpc/metadata.hpp>

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace nuncio::rpc {

/// A place in a distributed trace, as W3C Trace Context has it.
/// Source: https://www.w3.org/TR/trace-context/, version 00.
struct trace_parent {
  static constexpr std::uint8_t sampled = 0x01;  ///< the flag: somebody records it

  std::array<std::uint8_t, 16> trace_id{};  ///< of all spans of a trace; not all zero
  std::array<std::uint8_t, 8> span_id{};    ///< of the caller; not all zero
  std::uint8_t flags = 0;                   ///<`sampled`, or none

  /// Whether the flag is set.
  [[nodiscard]] bool is_sampled() const noexcept { return (flags & sampled) != 0; }
  friend bool operator==(const trace_parent&, const trace_parent&) = default;
};

/// Strictly: lower case, no blanks. Of a later version the known part is read; of the flags only
/// `sampled` is kept.
[[nodiscard]] std::optional<trace_parent> parse_traceparent(std::string_view text) noexcept;
/// `00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01`.
[[nodiscard]] std::string to_traceparent(const trace_parent& of);
/// Whether it is a tracestate that may be passed on: at most 32 members, no key twice.
[[nodiscard]] bool is_tracestate(std::string_view text);
/// Whether it is baggage that may be passed on: members of W3C Baggage, at most 8 KiB.
[[nodiscard]] bool is_baggage(std::string_view text);

/// What a call says of its trace. The names of these headers are matched in any case.
struct trace_context {
  std::optional<trace_parent> parent;  ///< where the caller is in a trace, if it is in one
  std::string state;                   ///< `tracestate`; empty unless there is a parent
  std::string baggage;                 ///< may be there without a trace

  /// Whether nothing is to be passed on.
  [[nodiscard]] bool empty() const noexcept { return !parent && baggage.empty(); }
  friend bool operator==(const trace_context&, const trace_context&) = default;
};

/// Takes what is well-formed; all else is as if it weren't there.
[[nodiscard]] trace_context read_trace(const metadata& headers);

/// Whether stubs begin traces for calls that are made on behalf of none.
enum class new_traces : std::uint8_t {
  none,
  unsampled,  ///< with ids that logs can tell, but nobody records them
  sampled,
};

}  // namespace nuncio::rpc
