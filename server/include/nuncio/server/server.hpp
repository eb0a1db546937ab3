#pragma once

#include <nuncio/server/in_process.hpp>
#include <nuncio/server/log.hpp>
#include <nuncio/server/options.hpp>
#include <nuncio/server/stats.hpp>

#include <cstdint>
#include <functional>
#include <memory>
#include <string>

namespace boost::asio {
class io_context;
}

namespace nuncio::server {

/// What this server says it is: the version of nats-server whose behaviour it has.
inline constexpr const char* compatible_version = "2.15.2";

/// One broker node inside of this process. Several may live in one process; nothing is global.
///
/// Thread: each member function may be called from any thread but the server's own; start() and
/// stop() one at a time.
class server {
 public:
  /// `log` must outlive the server. Nothing is opened yet.
  server(options settings, log_sink& log);
  /// Serves on the caller's loop instead of threads of its own: for a broker beside its clients,
  /// which then needs no change of thread. One thread runs the loop, or one at a time; `shards` and
  /// `busy_poll` mean nothing. start(), stop(), enter_lame_duck() and the destructor are called by
  /// that thread, or while nobody runs the loop. Within one of its handlers stop() closes at once:
  /// what is queued for clients then is lost.
  /// Lifetime: `loop` outlives the server; what it still has of the server's, `log`, too.
  server(options settings, log_sink& log, boost::asio::io_context& loop);
  server(const server&) = delete;
  server& operator=(const server&) = delete;
  /// Stops first, if need be.
  ~server();

  /// Listens and serves on threads of its own. Once: who has stopped doesn't start again.
  /// Errors: std::logic_error if it has started before, std::system_error if the address can't be
  /// listened on, std::invalid_argument if the options contradict each other; the server is then
  /// not started.
  void start();

  /// Stops listening, gives what is queued for clients at most a second to leave, closes
  /// everything. Does nothing if it isn't running.
  void stop();

  /// Lame duck mode: stops listening, tells clients to go elsewhere, and after the grace period
  /// closes them one by one. `done` is called once, on a thread of the server's or on the caller's,
  /// when no connection is left; stop() is still to be called then, and may be before. Once.
  void enter_lame_duck(std::function<void()> done);

  /// Puts other options into force while the server runs; returns once every shard goes by them.
  /// What `listen`, `host`, `port`, `name`, `shards`, `busy_poll`, `max_pending`, the lame duck's
  /// times, `system_account`, host and port of `websocket` and all of `monitor` say has no effect,
  /// as it takes another server. HTTPS of that still needs `tls`.
  ///
  /// Clients whose user is gone or has another password are sent `Authorization Violation`, those
  /// whose user is in another account now are closed, and subscriptions that aren't allowed any
  /// more are removed with an error each. If there are more connections than allowed, some are
  /// closed. Errors:  std::invalid_argument if the options contradict each other; nothing has
  /// changed then. Pre:     it runs. Thread:  any but the server's own, one at a time, and not
  /// together with start() and stop(); on
  ///          a loop of the user's, the thread that runs it.
  /// Source:  nats-server 2.15.2, server/reload.go, checked against a live one.
  void reload(options settings);

  /// Has `handler` called when the system account asks for the configuration to be read anew, on a
  /// thread of the server's. It must not do so there, but has
  /// another thread do it, and `done` called then with what was wrong, or nothing, on any thread.
  /// Without a handler such requests are refused. Pre: before start().
  void set_reload_handler(std::function<void(std::function<void(std::string)> done)> handler);

  /// A new connection to this server, from this process and without a socket; nothing unless it
  /// runs and is no lame duck.
  /// Thread: any.
  [[nodiscard]] std::unique_ptr<in_process_end> connect();

  /// The port in use; 0 before start(), and if it listens on none.
  [[nodiscard]] std::uint16_t port() const noexcept;
  /// Likewise, for clients by WebSocket.
  [[nodiscard]] std::uint16_t websocket_port() const noexcept;
  /// Likewise, of the pages about it.
  [[nodiscard]] std::uint16_t monitor_port() const noexcept;
  /// The public nkey that names this server, new for each object.
  [[nodiscard]] const std::string& id() const noexcept;
  /// That of the options, or the id.
  [[nodiscard]] const std::string& name() const noexcept;

  /// Cost: a few loads per shard; stops nobody.
  [[nodiscard]] stats statistics() const;

 private:
  struct running;
  static void linger(std::unique_ptr<running> it);
  std::unique_ptr<running> running_;
};

}  // namespace nuncio::server
