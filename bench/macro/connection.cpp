#include "connection.hpp"

#include "failure.hpp"
#include "tls_layer.hpp"
#include "websocket_layer.hpp"

#include <string>

namespace nuncio::bench {
namespace {

std::unique_ptr<layer> first_layer(const endpoint& server, int fd) {
  switch (server.speaks) {
    case transport::websocket:
      return std::make_unique<websocket_layer>(fd, false);
    case transport::deflated_websocket:
      return std::make_unique<websocket_layer>(fd, true);
    case transport::plain:
    case transport::tls:
      break;
  }
  return nullptr;
}

}  // namespace

transport transport_of(std::string_view name) {
  if (name == "plain") return transport::plain;
  if (name == "tls") return transport::tls;
  if (name == "ws") return transport::websocket;
  if (name == "ws-deflate") return transport::deflated_websocket;
  fail("unknown transport '" + std::string(name) + "'");
}

void connection::start_tls(const endpoint& server) {
  layer_ = make_tls_layer(fd(), server.tls);
}

connection start_connection(const endpoint& server, unsigned source) {
  connection to(start_connect(server.port, source));
  to.layer_ = first_layer(server, to.fd());
  return to;
}

connection connect_and_upgrade(const endpoint& server) {
  connection to(connect_to(server.port));
  to.layer_ = first_layer(server, to.fd());
  return to;
}

void send_all(connection& to, std::string_view bytes) {
  while (!bytes.empty()) {
    const std::size_t n = to.send_some(bytes);
    if (n == 0) wait_writable(to.fd());
    bytes.remove_prefix(n);
  }
}

connection open_client(const endpoint& server, std::string_view commands) {
  connection to = connect_and_upgrade(server);
  std::string text;
  const auto read_more = [&] {
    if (to.has_unsent()) to.send_some({});
    if (!to.has_more()) wait_readable(to.fd());
    char part[4096];
    text.append(part, to.receive_some(part, sizeof part));
    if (text.find("-ERR") != std::string::npos) fail("the server says " + text);
  };
  const auto read_until = [&](std::string_view end) {
    while (text.find(end) == std::string::npos) read_more();
  };
  read_until("\r\n");
  if (!text.starts_with("INFO ")) fail("the server opens with " + text);
  if (server.speaks == transport::tls) {
    to.start_tls(server);
    to.send_some({});
    while (to.is_opening()) read_more();
  }
  send_all(to, std::string(connect_line).append(commands).append("PING\r\n"));
  read_until("PONG\r\n");
  if (!text.ends_with("PONG\r\n")) fail("more than a PONG came: " + text);
  return to;
}

}  // namespace nuncio::bench
