#include "in_force.hpp"

#include <charconv>
#include <optional>
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

protocol::server_info complete(protocol::server_info identity, const options& opts) {
  identity.host = opts.host;
  if (!opts.advertise.empty()) advertise(opts.advertise, identity);
  identity.max_payload = opts.max_payload;
  identity.headers = opts.headers;
  // Who must begin with the handshake has no choice.
  identity.tls_required =
      opts.tls && (!opts.allow_non_tls || opts.tls->first == tls_options::first_word::handshake);
  identity.tls_available = opts.tls && opts.allow_non_tls;
  identity.tls_verify = opts.tls && (opts.tls->verify || opts.tls->verify_and_map);
  return identity;
}

// Over HTTP the choice of TLS was made before.
protocol::server_info complete_websocket(protocol::server_info info,
                                         const options& opts,
                                         std::uint16_t port) {
  const auto& tls = opts.websocket.tls;
  info.host = opts.websocket.host;
  info.port = port;
  info.tls_required = info.tls_available = tls.has_value();
  info.tls_verify = tls && (tls->verify || tls->verify_and_map);
  return info;
}

// Null if they are those of all.
std::unique_ptr<const authenticator> websocket_access(const options& opts) {
  const auto& own = opts.websocket;
  if (own.user.empty() && own.token.empty() && own.no_auth_user.empty()) return nullptr;
  auto out = opts.access;
  out.user = own.user;
  out.password = own.password;
  out.token = own.token;
  out.no_auth_user = own.no_auth_user;
  return std::make_unique<authenticator>(out);
}

}  // namespace

in_force::in_force(options settings,
                   identity_info identity,
                   accounts& registry,
                   tls_of_entrances with)
    : opts(std::move(settings)),
      info(complete(std::move(identity.info), opts)),
      websocket_info(complete_websocket(info, opts, identity.websocket_port)),
      access(opts.access),
      tls(std::move(with.standard)),
      websocket_tls(std::move(with.websocket)),
      websocket_access_(websocket_access(opts)) {
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
  // None may keep one of who was in force before.
  registry.for_each([&made](account& each) {
    const auto found = made.find(&each);
    each.mapping.store(found == made.end() ? nullptr : found->second, std::memory_order_release);
  });
}

account& in_force::account_of(const principal& who) const {
  return *accounts_.at(who.account);
}

const authenticator& in_force::access_of(connection_type by) const noexcept {
  const bool has_own = by == connection_type::websocket && websocket_access_ != nullptr;
  return has_own ? *websocket_access_ : access;
}

bool in_force::shows_auth_required(connection_type by) const noexcept {
  return &access_of(by) != &access || access.shows_auth_required();
}

const tls_options& in_force::tls_options_of(connection_type by) const {
  const auto& found = by == connection_type::websocket ? opts.websocket.tls : opts.tls;
  if (!found) throw std::bad_optional_access();
  return *found;
}

std::shared_ptr<const tls_context> in_force::tls_of(connection_type by) const {
  return by == connection_type::websocket ? websocket_tls->now() : tls->now();
}

std::chrono::milliseconds in_force::login_timeout(connection_type by) const noexcept {
  const bool is_websocket = by == connection_type::websocket;
  if (is_websocket && opts.websocket.auth_timeout.count() > 0) return opts.websocket.auth_timeout;
  if (opts.access.timeout.count() > 0) return opts.access.timeout;
  const auto& with = is_websocket ? opts.websocket.tls : opts.tls;
  return with ? with->timeout + after_tls : default_login_timeout;
}

}  // namespace nuncio::server
