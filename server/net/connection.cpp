#include "connection.hpp"

#include "shard.hpp"

#include <utility>

namespace nuncio::server {

std::string_view to_string(close_reason reason) noexcept {
  switch (reason) {
    case close_reason::client_closed:
      return "Client Closed";
    case close_reason::protocol_error:
      return "Protocol Violation";
    case close_reason::max_payload:
      return "Maximum Message Payload Exceeded";
    case close_reason::max_control_line:
      return "Maximum Control Line Exceeded";
    case close_reason::max_subscriptions:
      return "Maximum Subscriptions Exceeded";
    case close_reason::bad_protocol_version:
      return "Bad Client Protocol Version";
    case close_reason::no_responders_without_headers:
      return "No Responders Requires Headers";
    case close_reason::authentication_timeout:
      return "Authentication Timeout";
    case close_reason::authorization:
      return "Authentication Failure";
    case close_reason::max_connections:
      return "Maximum Connections Exceeded";
    case close_reason::max_account_connections:
      return "Maximum Account Connections Exceeded";
    case close_reason::slow_pending:
      return "Slow Consumer (Pending Bytes)";
    case close_reason::slow_write_deadline:
      return "Slow Consumer (Write Deadline)";
    case close_reason::stale:
      return "Stale Connection";
    case close_reason::read_error:
      return "Read Error";
    case close_reason::write_error:
      return "Write Error";
    case close_reason::shutdown:
      return "Server Shutdown";
    case close_reason::tls_handshake:
      return "TLS Handshake Failure";
    case close_reason::kicked:
      return "Kicked";
  }
  return "Unknown";
}

wall_time to_wall_time(coarse_time at) {
  if (at == coarse_time{}) return {};
  return std::chrono::system_clock::now() -
         std::chrono::duration_cast<wall_time::duration>(std::chrono::steady_clock::now() - at);
}

std::string ip_text(const boost::asio::ip::address& address) {
  using namespace boost::asio::ip;
  const bool mapped = address.is_v6() && address.to_v6().is_v4_mapped();
  return (mapped ? make_address_v4(v4_mapped, address.to_v6()) : address).to_string();
}

namespace {

close_reason reason_for(protocol::errc code) noexcept {
  using protocol::errc;
  switch (code) {
    case errc::stale_connection:
      return close_reason::stale;
    case errc::max_connections:
    case errc::throttled:
      return close_reason::max_connections;
    case errc::max_account_connections:
      return close_reason::max_account_connections;
    case errc::authorization_violation:
      return close_reason::authorization;
    case errc::authentication_timeout:
      return close_reason::authentication_timeout;
    case errc::peer_error:
      return close_reason::client_closed;
    case errc::max_payload:
      return close_reason::max_payload;
    case errc::control_line_exceeded:
      return close_reason::max_control_line;
    case errc::max_subscriptions:
      return close_reason::max_subscriptions;
    case errc::invalid_client_protocol:
      return close_reason::bad_protocol_version;
    case errc::no_responders_headers:
      return close_reason::no_responders_without_headers;
    default:
      return close_reason::protocol_error;
  }
}

}  // namespace

connection::connection(shard& owner,
                       std::uint64_t cid,
                       std::unique_ptr<stream> bytes,
                       boost::asio::ip::tcp::endpoint peer)
    : receiver(cid),
      home_(&owner),
      account_(&owner.of().all_accounts.global()),
      stream_(std::move(bytes)),
      peer_(std::move(peer)),
      start_(std::chrono::system_clock::now()) {
  queue.owner = &owner;
}

connection::~connection() {
  chunk::free_all(queue.head);
}

void connection::send(std::string_view bytes) {
  home().stage_bytes(*this, bytes);
}

void connection::send_pong() {
  home().stage_pong(*this);
}

protocol::flow connection::fail(protocol::errc code) {
  role_->on_error_sent(protocol::error_text(code));
  send(protocol::error_line(code));
  if (!protocol::closes_connection(code)) return protocol::flow::go_on;
  end(reason_for(code));
  return protocol::flow::closed;
}

void connection::end(close_reason reason) {
  if (reason_) return;
  reason_ = reason;
  home().begin_end(*this);
}

void connection::resume() {
  home().resume(*this);
}

void connection::set_timer(std::chrono::milliseconds delay) {
  home().set_timer(*this, delay);
}

connection_figures connection::figures() const {
  connection_figures out;
  out.cid = id;
  out.start = start_;
  out.in_messages = in_messages_;
  out.in_bytes = in_bytes_;
  out.stalls = stalls_;
  coarse_time last_out;
  {
    const std::scoped_lock held(queue.lock);
    out.pending_bytes = queue.bytes;
    out.out_messages = queue.out_messages;
    out.out_bytes = queue.out_bytes;
    last_out = queue.last_out;
  }
  out.last_activity = to_wall_time(last_out);
  role_->show(out);
  return out;
}

connection_view connection::view(bool with_certificates) const {
  connection_view out;
  static_cast<connection_figures&>(out) = figures();
  out.type = type();
  out.ip = ip_text(peer_.address());
  out.port = peer_.port();
  out.account = its_account().name;
  if (auto of = stream_->tls(with_certificates)) out.tls = std::move(*of);
  role_->identify(out);
  return out;
}

void connection::on_readable(bool) {
  shard& here = home();  // serving may give this connection away
  --waits_;
  here.enter();
  if (over_) {
    here.retire_when_idle(*this);
  } else if (!is_ending()) {
    if (opening_ != nullptr) [[unlikely]] {
      opening_->on_event();
    } else {
      here.serve(*this);
    }
  }
  here.end_batch();
}

void connection::on_writable(bool) {
  --waits_;
  home().enter();
  if (over_) {
    home().retire_when_idle(*this);
  } else if (opening_ != nullptr && !queue.wait_armed) [[unlikely]] {
    if (!is_ending()) opening_->on_event();
  } else {
    home().on_writable(*this);
  }
  home().end_batch();
}

}  // namespace nuncio::server
