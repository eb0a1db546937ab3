#include "traced_message.hpp"

#include "core/quoted.hpp"

#include <nuncio/protocol/ops.hpp>

#include <string>

namespace nuncio::server {

std::string traced_payload(std::string_view body, std::size_t header_size, const options& opts) {
  if (opts.trace_headers) {
    // Without the empty line that ends them.
    constexpr std::size_t end = 4;
    body = body.substr(0, header_size < end ? 0 : header_size - end);
  }
  if (body.empty()) return {};
  const auto most = opts.max_traced_size;
  const bool is_cut = most != 0 && body.size() > most;
  auto out = quoted(is_cut ? body.substr(0, most) : body);
  if (is_cut) out.insert(out.size() - 1, "...");
  return out;
}

traced_message traced_delivery(const protocol::ops::pub& op,
                               std::string_view sid,
                               bool without_headers,
                               const options& opts) {
  const auto header_size = without_headers ? 0 : op.header_size;
  const auto body = without_headers ? op.body.substr(op.header_size) : op.body;
  std::string line = header_size != 0 ? "HMSG " : "MSG ";
  line.append(op.subject).append(" ").append(sid).append(" ");
  if (!op.reply.empty()) line.append(op.reply).append(" ");
  if (header_size != 0) line.append(std::to_string(header_size)).append(" ");
  line.append(std::to_string(body.size()));
  return {std::move(line), traced_payload(body, header_size, opts)};
}

}  // namespace nuncio::server
