#include "client_role.hpp"
#include "core/quoted.hpp"
#include "net/shard.hpp"

// Traces: what a client says and is told, for the log, while somebody wants to know.
// Source: nats-server 2.15.2 with `-V`, run.
namespace nuncio::server {

void client_role::trace(std::string_view direction, std::string_view text) const {
  std::string line = describe();
  line.append(" - ").append(direction).append(" [").append(text).append("]");
  connection_.home().of().log.write(log_level::trace, line);
}

void client_role::trace_payload(std::string_view direction, std::string_view shown) const {
  if (!shown.empty()) trace(std::string(direction).append(" MSG_PAYLOAD:"), shown);
}

void client_role::trace_error(std::string_view text) const {
  trace("->>", std::string("-ERR ").append(text));
}

void client_role::trace_removal(const subscription& of) const {
  trace("<->", std::string("DELSUB ").append(of.sid()));
}

void client_role::on_error_sent(std::string_view text) {
  if (tracing_ && !text.empty()) trace_error(text);
}

void client_role::on_delivered(const traced_message& what) {
  if (!tracing_) return;
  trace("->>", what.line);
  trace_payload("->>", what.payload);
}

}  // namespace nuncio::server
