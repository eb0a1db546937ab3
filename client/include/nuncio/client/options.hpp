#pragma once

#include <nuncio/client/auth.hpp>
#include <nuncio/client/error.hpp>
#include <nuncio/client/transport.hpp>

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <string>
#include <string_view>

namespace nuncio::client {

/// What happens to a message for which there is no room.
enum class when_full : std::uint8_t {
  error,        ///< it isn't taken: errc::buffer_full
  drop_oldest,  ///< the oldest ones make room, without a word but in statistics
  wait,         ///< who can wait does: publish() is errc::buffer_full, async_publish() waits
};

/// Something that happened to a connection besides its operations.
struct status {
  /// What it was.
  enum class kind : std::uint8_t {
    connected,      ///< for the first time
    disconnected,   ///< `error` and `text` say why; reconnecting begins
    reconnected,    ///< subscriptions are in place again
    servers,        ///< a server told of others that were not known
    lame_duck,      ///< the server is about to leave; the connection moves to another one
    moved,          ///< it has: without a gap for requests and queue groups
    error,          ///< the server said -ERR and goes on; `text` is what it said
    slow_consumer,  ///< a subscription drops messages; `text` is its subject
    closed,         ///< for good; `error` says why
  };
  kind what = kind::connected;      ///< what it was
  boost::system::error_code error;  ///< of `disconnected` and `closed`
  std::string_view text;            ///< valid during the call
  std::string_view server;          ///< `host:port`; empty where there is none
};

[[nodiscard]] std::string_view to_string(status::kind what) noexcept;

/// A line of the protocol, such as `PUB orders.new 3`; see options::on_protocol_line.
struct protocol_line {
  /// Who says it to whom.
  enum class direction : std::uint8_t { to_server, from_server };
  direction way = direction::to_server;  ///< of this line
  std::string_view text;                 ///< without its end; valid during the call
};

/// What happens when a connection is lost, or can't be made.
struct reconnect_options {
  bool enabled = true;  ///< otherwise a loss is the end
  /// The first connect goes on trying, too, instead of failing after one attempt at each server.
  bool at_first = false;
  int max_attempts = -1;  ///< failures in a row after which a server is given up; -1: never
  std::chrono::milliseconds first_pause{100};     ///< before the second round over the servers
  std::chrono::milliseconds longest_pause{8000};  ///< the pause doubles up to this
};

/// How much may wait in a subscription, and what happens beyond.
struct subscription_limits {
  std::size_t messages = 65'536;           ///< that wait to be taken
  std::size_t bytes = 64UL * 1024 * 1024;  ///< of all that wait
  when_full full = when_full::error;       ///< error: the new message is dropped; not `wait`
};

/// How TLS is used, where it is: for `tls://`, or if a server requires it. Files are PEM, and read
/// anew for each attempt to connect.
struct tls_options {
  bool required = false;  ///< as if every URL were `tls` or `wss`: never a word in the clear
  /// Don't wait for a word of the server's, which it says in the clear. For servers that are
  /// configured so; implies `required`.
  bool handshake_first = false;
  /// The server must prove who it is. Without that, whoever is between can read and change all.
  bool verify = true;
  std::string ca_file;           ///< who may vouch for servers; empty: whom the system trusts
  std::string certificate_file;  ///< the client's own, with its chain, for servers that want one
  std::string key_file;          ///< of that certificate; empty: it is in the same file
  /// What the server's certificate must be for; empty: the host of the URL. An address that a
  /// server told of may use the name of that server.
  std::string server_name;
};

/// How a connection is made and kept. Plain values; nothing is read or opened by making them.
struct options {
  /// Comma-separated: `nats://[user:pass@|token@]host[:port]` or a bare `host[:port]`, or
  /// `tls://…`; or all of them `ws://…[/path]` or `wss://…`.
  std::string servers = "nats://127.0.0.1:4222";
  std::string name;  ///< shown in the server's monitoring
  /// The user info of a URL wins over these three.
  std::string user;
  std::string password;        ///< of `user`
  std::string token;           ///< instead of a user
  std::string nkey_seed;       ///< `SU…`: signs what servers ask to be signed
  std::string nkey_seed_file;  ///< the same from a file, which is read anew for each attempt
  std::string creds_file;      ///< JWT and seed as nsc writes them; read anew for each attempt
  /// Instead of the six above.
  credentials_source ask_credentials;

  bool randomize = true;                ///< the order of the servers
  bool discover = true;                 ///< use servers that others tell of
  bool echo = true;                     ///< get one's own messages, where subscribed
  std::string inbox_prefix = "_INBOX";  ///< where answers to requests are awaited

  std::chrono::milliseconds connect_timeout{5000};  ///< of one attempt, until the server has agreed
  std::chrono::milliseconds ping_interval{120'000};  ///< between PINGs to the server
  int max_pings_out = 2;                             ///< PINGs without an answer that are borne
  reconnect_options reconnect;                       ///< when it is lost

  /// Bytes of published messages that wait to be sent, also while there is no connection.
  std::size_t max_pending = 8UL * 1024 * 1024;
  /// What gives way when they are too many while there is no connection. While there is one, it is
  /// the new message.
  when_full pending_full = when_full::wait;
  subscription_limits subscriptions;  ///< unless a subscription has its own

  /// How streams to servers are opened; empty: by TCP. For transports of one's own.
  stream_opener open_stream;

  tls_options tls;  ///< where TLS is used

  /// Called on the connection's executor. It may use the connection, not destroy it.
  std::function<void(const status&)> on_status;
  /// Hears each line that goes over the connection, to find out what goes wrong there. Payloads and
  /// header blocks are left out, and what proves in CONNECT who this is reads `***`. Called as
  /// on_status.
  /// Cost: nothing if empty; otherwise a walk over all lines.
  std::function<void(const protocol_line&)> on_protocol_line;
};

}  // namespace nuncio::client
