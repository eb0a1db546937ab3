#pragma once

#include "collector.hpp"
#include "net/node.hpp"
#include "process_usage.hpp"
#include "query.hpp"

#include <nuncio/server/views.hpp>

#include <boost/asio/awaitable.hpp>
#include <boost/json/object.hpp>
#include <boost/json/value.hpp>

#include <cstdint>
#include <map>
#include <stdexcept>
#include <string>
#include <vector>

/// What a server says of itself, page by page, as JSON with the names and in the order that the
/// reference has.
/// Source: nats-server 2.15.2, server/monitor.go, checked against a live one.
namespace nuncio::server {
class internal_role;
}  // namespace nuncio::server

namespace nuncio::server::monitor {

class closed_connections;

/// Why there is no page.
class page_error : public std::runtime_error {
 public:
  page_error(unsigned status, const std::string& text)
      : std::runtime_error(text), status_(status) {}
  /// As HTTP has it.
  [[nodiscard]] unsigned status() const noexcept { return status_; }

 private:
  unsigned status_;
};

/// What pages are made from. Thread: the monitor's.
struct sources {
  node& of;
  collector& shards;
  const internal_role& own;  ///< whose subscriptions are the server's
  const closed_connections& closed;
  process_usage& process;
  std::map<std::string, std::uint64_t>& requests;  ///< by page, over HTTP
  std::uint16_t http_port = 0;                     ///< in use
  std::uint16_t https_port = 0;
};

using page = boost::asio::awaitable<boost::json::value>;

/// How many connections or subscriptions a page shows where nobody says.
inline constexpr std::int64_t default_limit = 1024;

struct connz_options {
  std::string sort;  ///< empty: by cid
  bool auth = false;
  subscription_list subscriptions = subscription_list::none;
  std::int64_t offset = 0;
  std::int64_t limit = 0;  ///< 0 or less: the default
  std::uint64_t cid = 0;   ///< 0: all
  state_filter state = state_filter::open;
  std::string user;
  std::string account;
  bool has_mqtt_client = false;  ///< of which there are none
  std::string filter_subject;    ///< only who may hear some of these; needs an account
};

struct subsz_options {
  bool subscriptions = false;
  std::string account;
  std::string test;  ///< a subject
  std::int64_t offset = 0;
  std::int64_t limit = 0;
};

struct accstatz_options {
  std::vector<std::string> accounts;  ///< empty: all
  bool with_unused = false;           ///< also those without connections
};

struct health_options {
  std::string account;
  std::string stream;
  std::string consumer;
  bool details = false;  ///< a list of what is wrong
};

// Errors: page_error.

[[nodiscard]] page varz(const sources& from);
[[nodiscard]] page connz(const sources& from, connz_options what);
[[nodiscard]] page subsz(const sources& from, subsz_options what);
/// Of one account, or the names of all if there is none.
[[nodiscard]] page accountz(const sources& from, std::string name);
[[nodiscard]] page accstatz(const sources& from, accstatz_options what);

/// One account as accstatz and events show it.
[[nodiscard]] boost::json::object account_statistics(const account& of);

/// Its `status_code` is that of HTTP, and no part of the page over HTTP.
[[nodiscard]] page healthz(health_options what);

/// What a query or a request says of healthz.
template <class Said>
[[nodiscard]] health_options health_options_of(Said& said) {
  health_options out;
  for (const auto* of_jetstream : {"js-enabled-only", "js-server-only", "js-meta-only"}) {
    static_cast<void>(said.boolean(of_jetstream));
  }
  out.account = said.text("account");
  out.stream = said.text("stream");
  out.consumer = said.text("consumer");
  out.details = said.boolean("details");
  return out;
}

/// One that is made already.
[[nodiscard]] page ready(boost::json::value made);

// Of what there is none here.

[[nodiscard]] boost::json::value routez(const node& of);
[[nodiscard]] boost::json::value leafz(const node& of);
[[nodiscard]] boost::json::value gatewayz(const node& of);
[[nodiscard]] boost::json::value jsz(const node& of);

/// Of one subscription, as connz, subsz and traces show it.
[[nodiscard]] boost::json::object to_json(const subscription_view& of, bool with_account);

/// How clients of this kind are called.
[[nodiscard]] std::string_view type_name(connection_type type) noexcept;
/// A figure of all connections, which are clients'.
[[nodiscard]] boost::json::object by_kind(std::uint64_t of_clients);
/// Puts in what the configuration says of the server, if it does.
void put_tags(boost::json::object& to, const options& said);

/// Puts a member in if it isn't zero or empty, as Go's `omitempty`.
template <class Value>
void put_if(boost::json::object& to, std::string_view name, const Value& what) {
  if (what == Value{}) return;
  to[name] = what;
}

}  // namespace nuncio::server::monitor
