#include "written.hpp"

#include <algorithm>
#include <cstdint>
#include <utility>

namespace nuncio::rpc {

protocol::rpc_block written::block(protocol::rpc_line line,
                                   std::optional<std::chrono::steady_clock::time_point> deadline,
                                   std::chrono::steady_clock::time_point now) const {
  line.priority = priority;
  line.is_idempotent = is_idempotent;
  if (!call_id.empty()) line.call_id = call_id;
  line.hash_key = hash_key;
  if (deadline) {
    const auto left = std::chrono::duration_cast<std::chrono::microseconds>(*deadline - now);
    line.timeout_us = static_cast<std::uint64_t>(std::max<std::int64_t>(left.count(), 1));
  }
  protocol::rpc_block out(line);
  out.add_lines(lines);
  return out;
}

written compose(std::string_view prefix, detail::request& from) {
  written out;
  out.subject.reserve(prefix.size() + from.endpoint.size() + 1);
  out.subject = prefix;
  out.subject += '.';
  out.subject += from.endpoint;
  out.payload = std::move(from.payload);
  out.is_idempotent = from.is_idempotent;
  out.priority = from.priority;
  out.call_id = protocol::to_rpc_value(from.id);
  out.hash_key = protocol::to_rpc_value(from.key);
  protocol::rpc_block lines;
  if (from.type != content_type::msgpack) lines.add("Content-Type", to_string(from.type));
  lines.add_lines(from.headers.lines());
  out.lines = lines.lines();
  return out;
}

}  // namespace nuncio::rpc
