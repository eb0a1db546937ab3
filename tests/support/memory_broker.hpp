#pragma once

#include "memory_network.hpp"

#include <nuncio/protocol/parser.hpp>
#include <nuncio/protocol/subject.hpp>

#include <algorithm>
#include <cstddef>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace nuncio::test {

/// The server's side of one connection: it greets, answers PINGs and gives the client what it
/// publishes where it is subscribed. No queue groups, no maxima.
class memory_broker : public std::enable_shared_from_this<memory_broker> {
 public:
  /// Serves `link` for as long as that lives.
  static void serve(const std::shared_ptr<memory_link>& link, const std::string& id = "memory") {
    auto broker = std::make_shared<memory_broker>(*link);
    link->on_written = [broker] { broker->on_written(); };
    link->send("INFO {\"server_id\":\"" + id + "\",\"headers\":true,\"max_payload\":1048576} \r\n");
  }

  explicit memory_broker(memory_link& link) : link_(link) { limits_.headers = true; }

  protocol::flow on_pub(const protocol::ops::pub& op) {
    for (const auto& [subject, sid] : subscriptions_) {
      if (!protocol::matches(op.subject, subject)) continue;
      std::string line = op.has_header() ? "HMSG " : "MSG ";
      line.append(op.subject).append(" ").append(sid).append(" ");
      if (!op.reply.empty()) line.append(op.reply).append(" ");
      if (op.has_header()) line.append(op.header_text).append(" ");
      link_.send(line.append(op.size_text).append("\r\n").append(op.body).append("\r\n"));
    }
    return protocol::flow::go_on;
  }
  protocol::flow on_sub(const protocol::ops::sub& op) {
    const bool is_known = std::any_of(subscriptions_.begin(), subscriptions_.end(),
                                      [&](const auto& each) { return each.second == op.sid; });
    if (!is_known) subscriptions_.emplace_back(op.subject, op.sid);
    return protocol::flow::go_on;
  }
  protocol::flow on_unsub(const protocol::ops::unsub& op) {
    std::erase_if(subscriptions_, [&](const auto& each) { return each.second == op.sid; });
    return protocol::flow::go_on;
  }
  protocol::flow on_connect(std::string_view) { return protocol::flow::go_on; }
  protocol::flow on_info(std::string_view) { return protocol::flow::go_on; }
  protocol::flow on_ping() {
    link_.send("PONG\r\n");
    return protocol::flow::go_on;
  }
  protocol::flow on_pong() { return protocol::flow::go_on; }
  protocol::flow on_error(protocol::errc code) {
    link_.send(protocol::error_line(code));
    link_.finish();
    return protocol::flow::closed;
  }

 private:
  void on_written() {
    kept_ += link_.take();
    const auto size = kept_.size();
    kept_.resize(size + protocol::parser_padding);
    const auto result = protocol::parse(kept_.data(), size, limits_, *this);
    kept_.resize(size);
    kept_.erase(0, result.consumed);
  }

  memory_link& link_;
  protocol::parse_limits limits_;
  std::string kept_;
  std::vector<std::pair<std::string, std::string>> subscriptions_;  // subject, sid
};

}  // namespace nuncio::test
