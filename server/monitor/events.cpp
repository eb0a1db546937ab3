#include "events.hpp"

#include "pages.hpp"
#include "times.hpp"

#include <chrono>
#include <utility>

namespace nuncio::server::monitor::events {
namespace {

namespace json = boost::json;

json::object begin(std::string_view type, head of) {
  return {{"type", std::string("io.nats.server.advisory.v1.").append(type)},
          {"id", std::move(of.id)},
          {"timestamp", to_rfc3339(std::chrono::system_clock::now())},
          {"server", std::move(of.server)}};
}

json::object to_json(const connection_view& of) {
  json::object out{
      {"start", to_rfc3339(of.start)}, {"host", of.ip}, {"id", of.cid}, {"acc", of.account}};
  put_if(out, "user", of.user);
  put_if(out, "name", of.name);
  put_if(out, "lang", of.language);
  put_if(out, "ver", of.version);
  if (of.stop) {
    put_if(out, "rtt", std::chrono::nanoseconds(of.rtt).count());
    out["stop"] = to_rfc3339(*of.stop);
  }
  out["name_tag"] = of.account;
  out["kind"] = "Client";
  out["client_type"] = type_name(of.type);
  return out;
}

json::object counted(std::uint64_t messages, std::uint64_t bytes) {
  return {{"msgs", messages}, {"bytes", bytes}};
}

}  // namespace

json::object connected(head of, const connection_view& client) {
  auto out = begin("client_connect", std::move(of));
  out["client"] = to_json(client);
  return out;
}

json::object disconnected(head of, const connection_view& client) {
  auto out = begin("client_disconnect", std::move(of));
  out["client"] = to_json(client);
  out["sent"] = counted(client.in_messages, client.in_bytes);  // by the client
  out["received"] = counted(client.out_messages, client.out_bytes);
  out["reason"] = to_string(client.reason);
  return out;
}

json::object connections(head of, const json::object& statistics) {
  auto out = begin("account_connections", std::move(of));
  for (const auto& member : statistics) out.insert(member);
  return out;
}

std::string connected_in(std::string_view account) {
  return std::string("$SYS.ACCOUNT.").append(account).append(".CONNECT");
}

std::string disconnected_in(std::string_view account) {
  return std::string("$SYS.ACCOUNT.").append(account).append(".DISCONNECT");
}

std::string connections_of(std::string_view account) {
  return std::string("$SYS.ACCOUNT.").append(account).append(".SERVER.CONNS");
}

std::string connections_of_before(std::string_view account) {
  return std::string("$SYS.SERVER.ACCOUNT.").append(account).append(".CONNS");
}

std::string of_server(std::string_view server_id, std::string_view what) {
  return std::string("$SYS.SERVER.").append(server_id).append(".").append(what);
}

}  // namespace nuncio::server::monitor::events
