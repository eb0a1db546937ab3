#include "address_type.hpp"
#include "credentials.hpp"
#include "schema.hpp"
#include "types.hpp"

#include <nuncio/server/websocket.hpp>

#include <utility>

// The block `websocket`.
namespace nuncio::server::config {
namespace {

using enum change;

constexpr std::string_view an_origin = "an origin, such as \"https://example.com\"";

option<websocket_options> origins_row() {
  auto out = row("allowed_origins|allowed_origin|allow_origins|allow_origin|origins|origin",
                 &websocket_options::allowed_origins, texts_type(), new_connections,
                 "Where pages may come from; without it, anywhere");
  out.read = [read = out.read](const value& found, websocket_options& into, reading& to) {
    read(found, into, to);
    for (const auto& each : found.items) {
      if (each.what == kind::text && !is_origin(each.text)) to.expected(each, an_origin);
    }
    if (found.what == kind::text && !is_origin(found.text)) to.expected(found, an_origin);
  };
  return out;
}

void read_headers(const value& found, websocket_options& into, reading& to) {
  if (found.what != kind::map) return to.expected(found, "a map { name: value, … }");
  into.headers.clear();
  for (const auto& each : found.members) {
    if (each.is.what != kind::text) {
      to.expected(each.is, "a text");
    } else if (!is_websocket_header(each.key, each.is.text)) {
      to.error(each.at, "found \"" + each.key +
                            "\", expected the name and the value of a header that isn't one of "
                            "the handshake's own");
    } else {
      into.headers.emplace_back(each.key, each.is.text);
    }
  }
}

const block<websocket_options>& authorization_rows() {
  static const block<websocket_options> rows = [] {
    auto out = credential_rows<websocket_options>(live);
    out.push_back(row("timeout", &websocket_options::auth_timeout, seconds(), new_connections,
                      "How long a client may take until its CONNECT; 0: as all"));
    return out;
  }();
  return rows;
}

option<websocket_options> authorization_row() {
  auto out = custom_row<websocket_options>(
      "authorization|authentication", "map", new_connections, "Instead of those of `authorization`",
      [](const value& found, websocket_options& into, reading& to) {
        read_block(found, into, authorization_rows(), to);
      });
  out.inside = [] { return describe(authorization_rows()); };
  out.compare_inside = [](const websocket_options& a, const websocket_options& b) {
    return compare_block(authorization_rows(), a, b);
  };
  return out;
}

option<websocket_options> tls_of_websocket() {
  auto out =
      custom_row<websocket_options>("tls", "map", new_connections, "TLS, as the block tls has it",
                                    [](const value& found, websocket_options& into, reading& to) {
                                      read_tls(found, into.tls, to);
                                    });
  out.same = [](const websocket_options& a, const websocket_options& b) { return a.tls == b.tls; };
  return out;
}

option<websocket_options> headers_row() {
  auto out = custom_row<websocket_options>("headers", "map", new_connections,
                                           "Headers of the answer, besides", read_headers);
  out.same = [](const websocket_options& a, const websocket_options& b) {
    return a.headers == b.headers;
  };
  return out;
}

const block<websocket_options>& websocket_rows() {
  using std::chrono::nanoseconds;
  static const block<websocket_options> rows{
      custom_row<websocket_options>("listen", "host:port", restart, "Address and port to listen on",
                                    read_listen<websocket_options>),
      row("host|net", &websocket_options::host, host_name(), restart,
          "Address to listen on; the default takes IPv4 and IPv6"),
      row("port", &websocket_options::port, port_number(), restart,
          "Port, -1 for any free one; 0, the default: there is no WebSocket"),
      custom_row<websocket_options>("advertise", "ignored", live, "Of clusters",
                                    [](const value& found, websocket_options&, reading& to) {
                                      if (found.what == kind::text) return;
                                      to.expected(found, "a host name or address");
                                    }),
      row("no_tls", &websocket_options::no_tls, boolean_type(), new_connections,
          "There need be no tls"),
      tls_of_websocket(),
      row("same_origin", &websocket_options::same_origin, boolean_type(), new_connections,
          "Pages must come from the host and port that they connect to"),
      origins_row(),
      row("compression|compress", &websocket_options::compression, boolean_type(), new_connections,
          "Compress messages with those clients that offer it"),
      row("handshake_timeout", &websocket_options::handshake_timeout, duration(), new_connections,
          "How long the request of the upgrade may take"),
      row("ping_interval", &websocket_options::ping_interval,
          duration_from(nanoseconds(0), "a duration, such as \"1m\""), live,
          "Instead of ping_interval; 0: that"),
      headers_row(),
      authorization_row(),
      row("no_auth_user", &websocket_options::no_auth_user, text_type(), new_connections,
          "Instead of no_auth_user"),
      custom_row<websocket_options>("jwt_cookie", "refused", restart,
                                    "Cookie with the JWT of a user, which needs an operator",
                                    [](const value& found, websocket_options&, reading& to) {
                                      to.not_supported(found.at, shown(found));
                                    }),
      row("user_cookie", &websocket_options::user_cookie, text_type(), new_connections,
          "Cookie with the user's name, if CONNECT has none"),
      row("pass_cookie", &websocket_options::pass_cookie, text_type(), new_connections,
          "Cookie with the password, likewise"),
      row("token_cookie", &websocket_options::token_cookie, text_type(), new_connections,
          "Cookie with the token, likewise"),
  };
  return rows;
}

}  // namespace

option<options> websocket_row() {
  auto out = custom_row<options>("websocket|ws", "map", live, "Clients by WebSocket",
                                 [](const value& found, options& into, reading& to) {
                                   into.websocket = {};
                                   read_block(found, into.websocket, websocket_rows(), to);
                                 });
  out.inside = [] { return describe(websocket_rows()); };
  out.compare_inside = [](const options& a, const options& b) {
    return compare_block(websocket_rows(), a.websocket, b.websocket);
  };
  return out;
}

}  // namespace nuncio::server::config
