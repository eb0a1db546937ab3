#pragma once

#include <nuncio/server/views.hpp>

#include <boost/json/object.hpp>

#include <string>
#include <string_view>

/// What the system account is told, as JSON.
/// Source: nats-server 2.15.2, server/events.go, checked against a live one.
namespace nuncio::server::monitor::events {

/// What all events begin with.
struct head {
  std::string id;              ///< no other event has it
  boost::json::object server;  ///< server_info()
};

/// A client is there.
[[nodiscard]] boost::json::object connected(head of, const connection_view& client);
/// A client is gone, or was turned away.
[[nodiscard]] boost::json::object disconnected(head of, const connection_view& client);
/// An account has so many connections: account_statistics().
[[nodiscard]] boost::json::object connections(head of, const boost::json::object& statistics);

// Subjects.

[[nodiscard]] std::string connected_in(std::string_view account);
[[nodiscard]] std::string disconnected_in(std::string_view account);
[[nodiscard]] std::string connections_of(std::string_view account);
/// The same, as older clients know it.
[[nodiscard]] std::string connections_of_before(std::string_view account);
[[nodiscard]] std::string of_server(std::string_view server_id, std::string_view what);
/// In the account itself.
inline constexpr std::string_view refused_in_account = "$SYS.ACCOUNT.CLIENT.AUTH.ERR";

}  // namespace nuncio::server::monitor::events
