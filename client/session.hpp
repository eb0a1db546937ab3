#pragma once

#include <nuncio/client/auth.hpp>
#include <nuncio/client/error.hpp>
#include <nuncio/protocol/info.hpp>
#include <nuncio/protocol/message_parser.hpp>
#include <nuncio/protocol/url.hpp>

#include <boost/unordered/unordered_flat_map.hpp>

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace nuncio::client {

/// Who gets the messages of a subscription. Thread: the session's.
class subscriber {
 public:
  virtual void on_message(const protocol::server_message& m) = 0;
  /// No message will come any more: `why` is empty if it was unsubscribed or has had its maximum.
  /// The session has forgotten it.
  virtual void on_end(boost::system::error_code why) = 0;

 protected:
  ~subscriber() = default;
};

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

/// What a client says and hears on its connections to servers, one after the other: the greeting,
/// PINGs, and its subscriptions, which outlive a connection.
///
/// Pure: events of a parser and the time go in, bytes to be sent come out of take_output(), and
/// messages go to subscribers. One thread.
/// Source: NATS client protocol, sections 1, 3, 4, 6, 7, 12 and 18.
class session {
 public:
  using time = std::chrono::steady_clock::time_point;
  using sid = std::uint64_t;

  struct settings {
    std::string name;
    bool echo = true;
    std::chrono::milliseconds ping_interval{120'000};
    int max_pings_out = 2;
  };
  enum class step : std::uint8_t {
    go_on,
    secure,  ///< TLS must begin, then secured(); what came after INFO in the clear must be ignored
    opened,  ///< the server has agreed: resubscription() is what it must hear next
    lost,    ///< error() says why; the connection must be closed
  };

  enum class security : std::uint8_t {
    if_required,  ///< the connection is in the clear; TLS if the server insists
    demanded,     ///< the connection is in the clear and must not stay so
    settled,      ///< a layer below sees to it
  };

  session(const settings& set, session_events& events) : set_(set), events_(events) {}
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
  /// The connection is gone. Subscriptions stay.
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

  // Subscriptions. They only change the books: the caller sends SUB and UNSUB.

  /// Pre: `id` was never used before.
  void add(sid id, std::string subject, std::string queue, subscriber& to);
  /// After `max` messages, counted from the start, it ends: what UNSUB must say on this connection.
  /// 0 if it has had as many and ends now; nothing if it had ended before.
  /// Pre: max > 0.
  std::optional<std::uint64_t> limit(sid id, std::uint64_t max);
  /// Forgets it; on_end() isn't called. False if it has ended already.
  bool remove(sid id);
  [[nodiscard]] std::size_t subscriptions() const noexcept { return subscriptions_.size(); }
  /// SUB and UNSUB lines of all of them.
  [[nodiscard]] std::string resubscription();
  /// Ends all of them with `why`.
  void end_all(boost::system::error_code why);

  /// Counts a PING that the caller is about to send; its number.
  std::uint64_t note_ping() noexcept { return ++pings_; }

 private:
  enum class phase : std::uint8_t { none, awaits_info, awaits_tls, awaits_pong, open };

  struct subscription {
    std::string subject;
    std::string queue;
    subscriber* to;
    std::uint64_t max = 0;
    std::uint64_t delivered = 0;
    std::uint64_t earlier = 0;  // of these, on connections before this one
  };

  step on_info(std::string_view json);
  step say_hello(bool uses_tls);
  step on_err(std::string_view text);
  void deliver(const protocol::server_message& m);
  void refuse_subscription(std::string_view complaint);
  step lose(boost::system::error_code why, std::string_view text = {});

  settings set_;
  session_events& events_;
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
  boost::unordered_flat_map<sid, subscription> subscriptions_;
};

}  // namespace nuncio::client
