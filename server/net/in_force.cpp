#include "in_force.hpp"

#include <charconv>
#include <chrono>
#include <utility>

namespace nuncio::server {
namespace {

constexpr std::chrono::seconds default_login_timeout{2};
constexpr std::chrono::seconds after_tls{1};

// `host` or `host:port`; IPv6 with brackets.
void advertise(std::string_view address, protocol::server_info& as) {
  const auto colon = address.rfind(':');
  std::uint16_t port = 0;
  if (colon != std::string_view::npos && address.find(']', colon) == std::string_view::npos) {
    const auto digits = address.substr(colon + 1);
    const auto [end, failed] = std::from_chars(digits.data(), digits.data() + digits.size(), port);
    if (failed == std::errc{} && end == digits.data() + digits.size()) {
      address = address.substr(0, colon);
      as.port = port;
    }
  }
  if (address.size() > 2 && address.front() == '[' && address.back() == ']') {
    address = address.substr(1, address.size() - 2);
  }
  as.host = address;
}

bool verifies(const tls_options& tls) {
  return tls.verify || tls.verify_and_map;
}

std::chrono::milliseconds login_timeout(std::chrono::milliseconds said, const tls_options* tls) {
  if (said.count() > 0) return said;
  return tls != nullptr ? tls->timeout + after_tls : default_login_timeout;
}

entrance make_standard(protocol::server_info identity,
                       const options& opts,
                       std::shared_ptr<tls_files> tls) {
  entrance out{.id_name = "cid",
               .info = std::move(identity),
               .is_behind_proxy = opts.proxy_protocol,
               .access = std::make_shared<authenticator>(opts.access),
               .tls_settings = opts.tls ? &*opts.tls : nullptr,
               .tls = std::move(tls),
               .ping_interval = opts.ping_interval};
  out.shows_auth_required = out.access->shows_auth_required();
  if (opts.tls) out.first = opts.tls->first;
  out.login_timeout = login_timeout(opts.access.timeout, out.tls_settings);
  auto& info = out.info;
  info.host = opts.host;
  if (!opts.advertise.empty()) advertise(opts.advertise, info);
  info.max_payload = opts.max_payload;
  info.headers = opts.headers;
  // Who must begin with the handshake has no choice.
  info.tls_required =
      opts.tls && (!opts.allow_non_tls || out.first == tls_options::first_word::handshake);
  info.tls_available = opts.tls && opts.allow_non_tls;
  info.tls_verify = opts.tls && verifies(*opts.tls);
  return out;
}

// Null if they are those of all.
std::shared_ptr<const authenticator> websocket_access(const options& opts) {
  const auto& own = opts.websocket;
  if (own.user.empty() && own.token.empty() && own.no_auth_user.empty()) return nullptr;
  auto out = opts.access;
  out.user = own.user;
  out.password = own.password;
  out.token = own.token;
  out.no_auth_user = own.no_auth_user;
  return std::make_shared<authenticator>(out);
}

// What it says nothing about is as at the other one.
entrance make_websocket(const entrance& standard,
                        const options& opts,
                        std::uint16_t port,
                        std::shared_ptr<tls_files> tls) {
  const auto& own = opts.websocket;
  entrance out = standard;
  out.is_http = true;
  out.id_name = "wid";
  out.is_behind_proxy = false;
  if (auto access = websocket_access(opts)) {
    out.access = std::move(access);
    out.shows_auth_required = true;
  }
  out.tls_settings = own.tls ? &*own.tls : nullptr;
  out.tls = std::move(tls);
  out.first = tls_options::first_word::handshake;
  const auto said = own.auth_timeout.count() > 0 ? own.auth_timeout : opts.access.timeout;
  out.login_timeout = login_timeout(said, out.tls_settings);
  if (own.ping_interval.count() > 0) out.ping_interval = own.ping_interval;
  // Over HTTP the choice of TLS was made before.
  out.info.host = own.host;
  out.info.port = port;
  out.info.tls_required = out.info.tls_available = own.tls.has_value();
  out.info.tls_verify = own.tls && verifies(*own.tls);
  return out;
}

}  // namespace

in_force::in_force(options settings,
                   identity_info identity,
                   accounts& registry,
                   tls_of_entrances with)
    : opts(std::move(settings)),
      standard(make_standard(std::move(identity.info), opts, std::move(with.standard))),
      websocket(
          make_websocket(standard, opts, identity.websocket_port, std::move(with.websocket))) {
  const auto add = [&](std::string_view name) -> account& {
    account& found = registry.make(name);
    accounts_.emplace(found.name, &found);
    return found;
  };
  add(global_account);
  for (const auto& each : opts.access.accounts) {
    account& one = add(each.name);
    one.max_connections.store(each.max_connections, std::memory_order_relaxed);
    one.max_subscriptions.store(each.max_subscriptions, std::memory_order_relaxed);
    one.max_payload.store(each.max_payload, std::memory_order_relaxed);
  }
  if (!opts.access.system_account.empty()) add(opts.access.system_account);
  for (const auto& [name, each] : accounts_) {
    each->is_system.store(name == opts.access.system_account, std::memory_order_relaxed);
  }
  boost::unordered_flat_map<const account*, const subject_mapping*> made;
  const auto map = [&](std::string_view name, const std::vector<mapping_options>& all) {
    if (all.empty()) return;
    mappings_.push_back(std::make_unique<mappings>(all));
    made.emplace(accounts_.at(name), mappings_.back().get());
  };
  map(global_account, opts.access.mappings);
  for (const auto& each : opts.access.accounts) map(each.name, each.mappings);
  boost::unordered_flat_map<const account*, const trace_target*> traced;
  for (const auto& each : opts.access.accounts) {
    if (each.trace_destination.empty()) continue;
    traces_.push_back(std::make_unique<trace_target>(
        trace_target{each.trace_destination, static_cast<std::uint32_t>(each.trace_sampling)}));
    traced.emplace(accounts_.at(each.name), traces_.back().get());
  }
  // None may keep one of who was in force before.
  const auto found_in = [](const auto& all, const account& of) {
    const auto found = all.find(&of);
    return found == all.end() ? nullptr : found->second;
  };
  registry.for_each([&](account& each) {
    each.mapping.store(found_in(made, each), std::memory_order_release);
    each.traces.store(found_in(traced, each), std::memory_order_release);
  });
}

account& in_force::account_of(const principal& who) const {
  return *accounts_.at(who.account);
}

}  // namespace nuncio::server
