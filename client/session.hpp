#pragma once

#include "subscription_book.hpp"

#include <nuncio/client/auth.hpp>
#include <nuncio/client/error.hpp>
#include <nuncio/protocol/info.hpp>
#include <nuncio/protocol/message_parser.hpp>
#include <nuncio/protocol/url.hpp>

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace nuncio::client {

/// Who hears what a session notices.
class session_events {
 public:
  /// The answer to the PING number `count` of this connection, from 1 on.
  virtual void on_pong(std::uint64_t count) = 0;
  /// INFO has come, the first one of a connection not counted.
  virtual void on_info(const protocol::server_info& info) = 0;
  /// The server said -ERR and goes on.
  virtual void on_complaint(boost::system::error_code what, std::string_view text) = 0;

 protected:
  ~session_events() = default;
};

/// What a client says and hears on a connection to a server, or on several, one after the other:
/// the greeting and PINGs.
///
/// Pure: events of a parser and the time go in, bytes to be sent come out of take_output(), and
/// messages go to the book of subscriptions. One thread.
/// Source: NATS client protocol, sections 1, 3, 4, 12 and 18.
class session {
 public:
  using time = std::chrono::steady_clock::time_point;

  struct settings {
    std::string name;
    bool echo = true;
    std::chrono::milliseconds ping_interval{120'000};
    int max_pings_out = 2;
  };
  enum class step : std::uint8_t {
    go_on,
    secure,  ///< TLS must begin, then secured(); what came after INFO in the clear must be ignored
    opened,  ///< the server has agreed
    lost,    ///< error() says why; the connection must be closed
  };

  enum class security : std::uint8_t {
    if_required,  ///< the connection is in the clear; TLS if the server insists
    demanded,     ///< the connection is in the clear and must not stay so
    settled,      ///< a layer below sees to it
  };

  session(const settings& set, session_events& events, subscription_book& book)
      : set_(set), events_(events), book_(book) {}
  session(const session&) = delete;
  session& operator=(const session&) = delete;
  ~session() = default;

  /// There is a new connection, to this server, who shall know us by these credentials; its URL's
  /// user info wins over theirs.
  void begin(const protocol::server_url& server,
             credentials who = {},
             security how = security::if_required);
  /// TLS is there: the greeting can go out.
  /// Pre: handle() said `secure`.
  step secured();
  /// The connection is gone.
  void end() noexcept;
  /// Pre: begin() was called, and neither end() nor a step `lost` came since.
  step handle(const protocol::server_event& event, time now);
  /// When on_timer() wants to be called; nothing while there is no connection.
  [[nodiscard]] std::optional<time> next_timer() const noexcept;
  step on_timer(time now);

  /// Bytes to be sent before anything else; empties itself.
  [[nodiscard]] std::string take_output();

  [[nodiscard]] bool is_open() const noexcept { return phase_ == phase::open; }
  [[nodiscard]] const protocol::server_info& info() const noexcept { return info_; }
  [[nodiscard]] boost::system::error_code error() const noexcept { return error_; }
  /// What the server said, where it said something.
  [[nodiscard]] const std::string& error_text() const noexcept { return error_text_; }

  /// Counts a PING that the caller is about to send; its number.
  std::uint64_t note_ping() noexcept { return ++pings_; }
  /// PINGs that were answered on this connection.
  [[nodiscard]] std::uint64_t pongs() const noexcept { return pongs_; }

 private:
  enum class phase : std::uint8_t { none, awaits_info, awaits_tls, awaits_pong, open };

  step on_info(std::string_view json);
  step say_hello(bool uses_tls);
  step on_err(std::string_view text);
  step lose(boost::system::error_code why, std::string_view text = {});

  settings set_;
  session_events& events_;
  subscription_book& book_;
  phase phase_ = phase::none;
  protocol::server_url server_;
  security security_ = security::if_required;
  credentials who_;  // until they have been said
  protocol::server_info info_;
  std::string output_;
  boost::system::error_code error_;
  std::string error_text_;
  time next_ping_;
  bool heard_ = false;       // something since the last timer
  int pings_out_ = 0;        // of ours for liveness, without an answer
  std::uint64_t pings_ = 0;  // sent on this connection
  std::uint64_t pongs_ = 0;
};

}  // namespace nuncio::client
