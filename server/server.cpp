#include "core/mappings.hpp"
#include "monitor/monitor.hpp"
#include "monitor/system_requests.hpp"
#include "net/balancing.hpp"
#include "net/certificate_watch.hpp"
#include "net/listener.hpp"
#include "net/shard.hpp"
#include "roles/client_role.hpp"
#include "roles/internal_role.hpp"

#include <nuncio/protocol/nkey.hpp>
#include <nuncio/server/server.hpp>

#include <boost/asio/post.hpp>
#include <sodium.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <ctime>
#include <future>
#include <random>
#include <span>
#include <stdexcept>
#include <thread>
#include <utility>

namespace nuncio::server {
namespace {

// Level of the JetStream API that clients see in 2.15.2, also with JetStream off.
constexpr int api_level = 5;

constexpr int default_port = 4222;

// Passwords that may wait to be checked: some seconds' worth at bcrypt's usual cost, and no client
// waits longer than that.
constexpr std::size_t most_slow_jobs = 64;
// A tenth of a core's share beside a shard that is busy.
constexpr int slow_jobs_niceness = 10;

// Steps of handshakes: more than there are handshakes at a time.
constexpr std::size_t most_handshake_steps = 8192;

std::array<std::byte, 32> random_bytes() {
  std::random_device source;
  std::array<std::byte, 32> out;
  for (auto& byte : out) byte = static_cast<std::byte>(source());
  return out;
}

std::uint64_t random_seed() {
  std::random_device source;
  return std::uint64_t{source()} << 32 | source();
}

// Errors: std::invalid_argument.
std::shared_ptr<tls_files> tls_of(const std::optional<tls_options>& opts,
                                  const std::string& name,
                                  log_sink& log) {
  if (!opts) return nullptr;
  std::vector<tls_problem> problems;
  auto out = tls_files::make(*opts, problems);
  std::string wrong;
  for (const auto& each : problems) {
    if (each.is_warning) {
      log.write(log_level::warn, name + each.text);
    } else {
      wrong.append(wrong.empty() ? name : "; ").append(each.text);
    }
  }
  if (out == nullptr) throw std::invalid_argument(wrong);
  for (const auto& each : out->expiring(std::time(nullptr))) {
    if (!each.is_over) log.write(log_level::warn, name + each.text);  // else said already
  }
  return out;
}

tls_of_entrances tls_of(const options& opts, log_sink& log) {
  return {tls_of(opts.tls, "TLS: ", log), tls_of(opts.websocket.tls, "TLS of WebSocket: ", log)};
}

// A reload reads them anyway; worth a word is only that they were others.
void note_renewal(const tls_files* before,
                  const tls_files* now,
                  std::string_view whose,
                  log_sink& log) {
  if (before == nullptr || now == nullptr || !now->differs_from(*before)) return;
  log.write(log_level::info, std::string(whose) + ": certificates have changed and were read anew");
}

void check(const websocket_options& opts, const std::vector<user_options>& users) {
  if (opts.port == 0) return;
  if (opts.port > 0xffff) throw std::invalid_argument("port of WebSocket must be at most 65535");
  if (!opts.tls && !opts.no_tls) throw std::invalid_argument("WebSocket needs TLS, or no_tls");
  for (const auto& each : opts.allowed_origins) {
    if (!is_origin(each)) throw std::invalid_argument("\"" + each + "\" is no origin");
  }
  if (!opts.no_auth_user.empty() && !has_user(users, opts.no_auth_user)) {
    throw std::invalid_argument("\"" + opts.no_auth_user + "\" of WebSocket is no user");
  }
  for (const auto& [name, value] : opts.headers) {
    if (!is_websocket_header(name, value)) {
      throw std::invalid_argument("\"" + name + "\" can't be a header of WebSocket");
    }
  }
}

void check(const monitor_options& opts, bool has_tls) {
  const auto check_port = [](int port, const std::string& name) {
    if (port > 0xffff) throw std::invalid_argument(name + " of monitoring must be at most 65535");
  };
  check_port(opts.http_port, "http_port");
  check_port(opts.https_port, "https_port");
  if (opts.http_port != 0 && opts.https_port != 0) {
    throw std::invalid_argument("monitoring has either an http_port or an https_port, not both");
  }
  if (opts.https_port != 0 && !has_tls) {
    throw std::invalid_argument("https_port of monitoring needs TLS");
  }
  if (!is_base_path(opts.base_path)) {
    throw std::invalid_argument("\"" + opts.base_path + "\" can't be a base_path of monitoring");
  }
  if (opts.max_closed_clients < 0) {
    throw std::invalid_argument("max_closed_clients must not be negative");
  }
}

void check(const options& opts) {
  if (opts.port > 0xffff) throw std::invalid_argument("port must be at most 65535");
  if (opts.max_payload > opts.max_pending) {
    throw std::invalid_argument("max_payload (" + std::to_string(opts.max_payload) +
                                ") must not exceed max_pending (" +
                                std::to_string(opts.max_pending) + ")");
  }
  if (opts.ping_interval.count() <= 0) {
    throw std::invalid_argument("ping_interval must be positive");
  }
  if (opts.write_deadline.count() <= 0) {
    throw std::invalid_argument("write_deadline must be positive");
  }
  if (opts.shards > epochs::max_members) {
    throw std::invalid_argument("shards must be at most " + std::to_string(epochs::max_members));
  }
  check(opts.websocket, opts.access.users);
  check(opts.monitor, opts.tls.has_value());
  std::string wrong;
  for (const auto& each : check(opts.access)) wrong.append(wrong.empty() ? "" : " ").append(each);
  if (!wrong.empty()) throw std::invalid_argument(wrong);
}

// What takes another server to change, as this one has it.
void keep_fixed(options& next, const options& now) {
  next.listen = now.listen;
  next.host = now.host;
  next.port = now.port;
  next.name = now.name;
  next.shards = now.shards;
  next.busy_poll = now.busy_poll;
  next.max_pending = now.max_pending;
  next.lame_duck_grace_period = now.lame_duck_grace_period;
  next.lame_duck_duration = now.lame_duck_duration;
  next.access.system_account = now.access.system_account;
  next.websocket.host = now.websocket.host;
  next.websocket.port = now.websocket.port;
  next.monitor = now.monitor;
}

}  // namespace

node::node(options settings,
           log_sink& sink,
           std::uint64_t seed,
           boost::asio::io_context* users_loop)
    : start(std::chrono::system_clock::now()),
      opts(std::move(settings)),
      log(sink),
      loop(users_loop),
      index(seed),
      all_accounts(seed),
      nonce_key(random_bytes()),
      aside(most_slow_jobs, slow_jobs_niceness),
      handshakes(most_handshake_steps) {
  const auto cores = std::max(1U, std::thread::hardware_concurrency());
  const auto wanted = std::min(opts.shards == 0 ? cores : opts.shards, epochs::max_members);
  const auto count = loop == nullptr ? wanted : 1U;
  all_epochs = std::make_unique<epochs>(count, [this](unsigned i) { shards[i]->wake_waiters(); });
  for (unsigned i = 0; i < count; ++i) shards.push_back(std::make_unique<shard>(*this, i));
  make_client = [](connection& c) { return std::make_unique<client_role>(c); };

  const auto key = random_bytes();
  auto& info = identity.info;
  info.server_id = protocol::make_server_nkey(key);
  info.server_name = opts.name.empty() ? info.server_id : opts.name;
  info.version = compatible_version;
  info.go = "-";
  info.api_lvl = api_level;
  info.xkey = protocol::make_curve_nkey(random_bytes());
  info.nuncio_version = NUNCIO_VERSION;
  set_rules(std::make_shared<in_force>(opts, identity, all_accounts, tls_of(opts, log)));
}

node::~node() = default;

protocol::server_info node::info_for(const in_force& rules,
                                     std::uint64_t cid,
                                     const boost::asio::ip::tcp::endpoint& peer,
                                     connection_type type) {
  const auto& at = rules.entrance_of(type);
  auto out = at.info;
  // Nobody listens within a process.
  if (type == connection_type::in_process) {
    out.tls_required = out.tls_available = out.tls_verify = false;
  }
  out.client_id = cid;
  out.client_ip = ip_text(peer.address());
  out.auth_required = at.shows_auth_required;
  return out;
}

std::shared_ptr<const in_force> node::rules() const {
  const std::scoped_lock held(rules_lock_);
  return rules_;
}

void node::set_rules(std::shared_ptr<const in_force> next) {
  const std::scoped_lock held(rules_lock_);
  rules_ = std::move(next);
}

std::string node::nonce_of(std::uint64_t cid) const {
  std::array<std::byte, crypto_generichash_BYTES_MIN> mixed{};
  crypto_generichash(reinterpret_cast<unsigned char*>(mixed.data()), mixed.size(),
                     reinterpret_cast<const unsigned char*>(&cid), sizeof cid,
                     reinterpret_cast<const unsigned char*>(nonce_key.data()), nonce_key.size());
  return protocol::make_nonce(std::span(mixed).first<protocol::nonce_size>());
}

void node::run_on_first(const std::function<void()>& work) const {
  // The thread of a user's loop is the caller's.
  if (loop != nullptr) return work();
  std::promise<void> done;
  boost::asio::post(shards.front()->io(), [&] {
    work();
    done.set_value();
  });
  done.get_future().wait();
}

stats node::statistics() {
  stats out;
  for (const auto& each : shards) {
    const auto& from = each->counters();
    const auto add = [](std::uint64_t& to, const shard_counters::counter& c) {
      to += c.load(std::memory_order_relaxed);
    };
    add(out.in_messages, from.in_messages);
    add(out.in_bytes, from.in_bytes);
    add(out.out_messages, from.out_messages);
    add(out.out_bytes, from.out_bytes);
    add(out.total_connections, from.connections);
    add(out.slow_consumers, from.slow_consumers);
    add(out.stale_connections, from.stale_connections);
    add(out.stalled_producers, from.stalled_producers);
    add(out.moved_connections, from.moved_connections);
  }
  out.connections = connections.load(std::memory_order_relaxed);
  all_accounts.for_each([&out](const account& each) {
    out.subscriptions += each.subscriptions.load(std::memory_order_relaxed);
    out.own_subscriptions += each.own_subscriptions.load(std::memory_order_relaxed);
  });
  out.refused_password_checks = aside.refused();
  return out;
}

void node::last_one_left() noexcept {
  if (lame_duck.exchange(false, std::memory_order_seq_cst)) when_left();
}

struct server::running {
  running(options settings, log_sink& log, boost::asio::io_context* loop)
      : shared(std::move(settings), log, random_seed(), loop),
        accept(shared,
               {connection_type::standard, shared.opts.host,
                shared.opts.port == 0 ? default_port : shared.opts.port}),
        accept_websocket(
            shared,
            {connection_type::websocket, shared.opts.websocket.host, shared.opts.websocket.port}),
        system(shared),
        balance(shared),
        watch(shared),
        pages(shared, system) {
    const bool by_load = shared.opts.shards == 0 || shared.opts.shuffle_interval.count() > 0;
    if (by_load && shared.shards.size() > 1) shared.wake_balancing = [this] { balance.wake(); };
  }

  // For accounts that are new.
  void subscribe_anew() {
    system.subscribe([this](const account& in) { return monitor::request_subjects(shared, in); });
  }

  node shared;
  listener accept;
  listener accept_websocket;
  internal_role system;
  balancing balance;
  certificate_watch watch;
  monitor::monitor pages;
  bool started = false;
  bool has_started = false;
  bool is_lingering = false;  // stopped from within the user's loop
};

server::server(options settings, log_sink& log) {
  check(settings);
  running_ = std::make_unique<running>(std::move(settings), log, nullptr);
}

server::server(options settings, log_sink& log, boost::asio::io_context& loop) {
  check(settings);
  running_ = std::make_unique<running>(std::move(settings), log, &loop);
}

server::~server() {
  stop();
  // Handlers that are still on the user's loop find it there.
  if (running_->is_lingering) linger(std::move(running_));
}

void server::start() {
  auto& [shared, accept, accept_websocket, system, balance, watch, pages, started, has_started,
         is_lingering] = *running_;
  if (has_started) throw std::logic_error("a server starts once");
  if (shared.opts.listen) accept.open();
  if (shared.opts.websocket.port != 0) accept_websocket.open();
  pages.open();
  shared.identity.info.port = accept.port();
  shared.identity.websocket_port = accept_websocket.port();
  const auto configured = shared.rules();
  shared.set_rules(std::make_shared<in_force>(
      configured->opts, shared.identity, shared.all_accounts,
      tls_of_entrances{configured->standard.tls, configured->websocket.tls}));
  running_->subscribe_anew();
  has_started = true;
  for (const auto& each : shared.shards) each->start();
  watch.wake();
  accept.start();
  accept_websocket.start();
  pages.start();
  started = true;
}

void server::stop() {
  auto& [shared, accept, accept_websocket, system, balance, watch, pages, started, has_started,
         is_lingering] = *running_;
  if (!std::exchange(started, false)) return;
  accept.close();
  accept_websocket.close();
  pages.system().tell_shutdown();
  pages.stop();
  balance.stop();
  watch.stop();
  shared.aside.stop();
  shared.handshakes.stop();
  if (shared.loop != nullptr && shared.loop->get_executor().running_in_this_thread()) {
    shared.shards.front()->stop_at_once();
    running_->is_lingering = true;
    return;
  }
  for (const auto& each : shared.shards) each->request_stop();
  for (const auto& each : shared.shards) each->join();
}

void server::linger(std::unique_ptr<running> it) {
  shard& only = *it->shared.shards.front();
  only.when_clear([kept = std::shared_ptr<running>(std::move(it))] {});
}

void server::enter_lame_duck(std::function<void()> done) {
  node& shared = running_->shared;
  running_->accept.close();
  running_->accept_websocket.close();
  running_->pages.system().tell_lame_duck();
  shared.when_left = std::move(done);
  shared.lame_duck.store(true, std::memory_order_seq_cst);
  if (shared.connections.load(std::memory_order_seq_cst) == 0) return shared.last_one_left();
  for (const auto& each : shared.shards) each->enter_lame_duck();
}

void server::reload(options settings) {
  node& shared = running_->shared;
  keep_fixed(settings, shared.opts);
  check(settings);
  // What can fail comes first. Certificates are read anew, whether their names are others or not.
  auto tls = tls_of(settings, shared.log);
  const auto next = std::make_shared<in_force>(std::move(settings), shared.identity,
                                               shared.all_accounts, std::move(tls));
  const auto before = shared.rules();
  shared.set_rules(next);
  note_renewal(before->standard.tls.get(), next->standard.tls.get(), "TLS", shared.log);
  note_renewal(before->websocket.tls.get(), next->websocket.tls.get(), "TLS of WebSocket",
               shared.log);
  const auto limit = next->opts.max_connections;
  const auto now = shared.connections.load(std::memory_order_relaxed);
  shared.excess.store(limit > 0 && now > limit ? now - limit : 0, std::memory_order_relaxed);

  std::promise<void> all_done;
  std::atomic<std::size_t> left{shared.shards.size()};
  const auto done = [&] {
    if (left.fetch_sub(1, std::memory_order_acq_rel) == 1) all_done.set_value();
  };
  shared.shards.front()->post([this] { running_->subscribe_anew(); });
  for (const auto& each : shared.shards) each->reload(next, done);
  running_->watch.wake();
  auto finished = all_done.get_future();
  // On a loop of the user's this is the thread that has to do it.
  while (shared.loop != nullptr && left.load(std::memory_order_acquire) != 0) {
    if (shared.loop->stopped()) shared.loop->restart();
    shared.loop->run_one();
  }
  finished.wait();
}

void server::set_reload_handler(std::function<void(std::function<void(std::string)>)> handler) {
  running_->pages.system().set_reload(std::move(handler));
}

std::unique_ptr<in_process_end> server::connect() {
  return running_->accept.connect();
}

std::uint16_t server::port() const noexcept {
  return running_->accept.port();
}
std::uint16_t server::websocket_port() const noexcept {
  return running_->accept_websocket.port();
}
std::uint16_t server::monitor_port() const noexcept {
  return running_->pages.port();
}
const std::string& server::id() const noexcept {
  return running_->shared.identity.info.server_id;
}
const std::string& server::name() const noexcept {
  return running_->shared.identity.info.server_name;
}

stats server::statistics() const {
  return running_->shared.statistics();
}

}  // namespace nuncio::server
