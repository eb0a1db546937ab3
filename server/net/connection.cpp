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
    case close_reason::authorization:
      return "Authentication Failure";
    case close_reason::limits:
      return "Maximum Connections Exceeded";
    case close_reason::slow_pending:
      return "Slow Consumer (Pending Bytes)";
    case close_reason::slow_write_deadline:
      return "Slow Consumer (Write Deadline)";
    case close_reason::stale:
      return "Stale Connection";
    case close_reason::io_error:
      return "Read Error";
    case close_reason::shutdown:
      return "Server Shutdown";
    case close_reason::tls_handshake:
      return "TLS Handshake Failure";
  }
  return "Unknown";
}

std::string ip_text(const boost::asio::ip::address& address) {
  using namespace boost::asio::ip;
  const bool mapped = address.is_v6() && address.to_v6().is_v4_mapped();
  return (mapped ? make_address_v4(v4_mapped, address.to_v6()) : address).to_string();
}

connection::connection(shard& owner,
                       std::uint64_t cid,
                       std::unique_ptr<stream> bytes,
                       boost::asio::ip::tcp::endpoint peer)
    : receiver(cid), home_(&owner), stream_(std::move(bytes)), peer_(std::move(peer)) {
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
  send(protocol::error_line(code));
  if (!protocol::closes_connection(code)) return protocol::flow::go_on;
  using protocol::errc;
  switch (code) {
    case errc::stale_connection:
      end(close_reason::stale);
      break;
    case errc::max_connections:
    case errc::max_account_connections:
    case errc::throttled:
      end(close_reason::limits);
      break;
    case errc::authorization_violation:
    case errc::authentication_timeout:
      end(close_reason::authorization);
      break;
    case errc::peer_error:
      end(close_reason::client_closed);
      break;
    case errc::max_payload:
      end(close_reason::max_payload);
      break;
    case errc::control_line_exceeded:
      end(close_reason::max_control_line);
      break;
    default:
      end(close_reason::protocol_error);
      break;
  }
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
