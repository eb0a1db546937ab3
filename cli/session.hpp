#pragma once

#include <nuncio/protocol/info.hpp>
#include <nuncio/protocol/message_parser.hpp>
#include <nuncio/protocol/url.hpp>

#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/signal_set.hpp>

#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace nuncio::cli {

using clock = std::chrono::steady_clock;

/// A message that was received. It owns its bytes.
struct message {
  std::string subject;
  std::string reply;
  std::string header_block;
  std::string payload;
  clock::time_point arrived;
};

/// One connection to a server, used by one thread that waits for what it wants. It does not
/// reconnect. Every function throws `failure` when the connection is lost.
///
/// What the server refuses with -ERR is shown on stderr as it arrives; was_refused() tells.
class session {
 public:
  struct settings {
    std::vector<protocol::server_url> servers;  ///< tried one after the other
    std::string user;                           ///< these three win over those of the URL
    std::string password;
    std::string token;
    bool verbose = false;  ///< show the protocol on stderr
  };

  /// Connects and greets.
  /// Errors:  throws failure if no server of the list can be talked to.
  explicit session(const settings& set);

  session(const session&) = delete;
  session& operator=(const session&) = delete;
  ~session() = default;

  [[nodiscard]] const protocol::server_info& info() const noexcept { return info_; }

  /// Sends a message; it is on its way for sure only after flush().
  /// Errors:  throws failure if it is larger than the server takes, or has headers and the server
  ///          knows none. Nothing is sent then.
  void publish(std::string_view subject,
               std::string_view reply,
               std::string_view header_block,
               std::string_view payload);

  /// Subscribes; an empty `queue` is none. After `max_messages`, unless 0, the server sends no
  /// more, so that other members of the group get the rest. flush() tells whether the server
  /// agreed.
  void subscribe(std::string_view subject, std::string_view queue, std::uint64_t max_messages = 0);

  /// Returns when the server has read all that was sent.
  void flush();

  /// The next message; nothing if none came until `deadline`. After a signal the subscriptions end,
  /// and what was on its way still comes; then nothing does.
  std::optional<message> next(std::optional<clock::time_point> deadline = {});

  /// True if next() will not have to wait.
  [[nodiscard]] bool has_message() const noexcept { return !messages_.empty(); }

  /// From now on SIGINT and SIGTERM end next() instead of the process. A second one ends it.
  void stop_on_signal();

  /// True once the server has said -ERR.
  [[nodiscard]] bool was_refused() const noexcept { return was_refused_; }

 private:
  void connect(const protocol::server_url& server);
  void greet(const protocol::server_url& server, const settings& set);
  void send_soon(std::string_view bytes);
  void send_now();
  void unsubscribe_all();
  bool read_more(std::optional<clock::time_point> deadline);
  void read_some();
  void handle_events();
  void handle(const protocol::server_event& event);
  void trace(std::string_view arrow, std::string_view text) const;
  [[noreturn]] void lose(const std::string& why) const;

  boost::asio::io_context io_{1};
  boost::asio::ip::tcp::socket socket_{io_};
  boost::asio::signal_set signals_{io_};
  std::string address_;
  bool is_verbose_;
  protocol::server_info info_;
  protocol::message_parser parser_;
  std::array<char, 64UL * 1024> input_{};  ///< of the read that is under way
  bool is_reading_ = false;
  std::optional<std::size_t> arrived_;  ///< bytes in input_ that no one has looked at
  boost::system::error_code read_error_;
  std::string output_;  ///< not sent yet
  std::deque<message> messages_;
  std::uint64_t last_sid_ = 0;
  std::uint64_t pings_ = 0;
  std::uint64_t pongs_ = 0;
  bool has_info_ = false;
  bool was_refused_ = false;
  std::string refusal_;
  bool is_stopped_ = false;
  bool is_drained_ = false;
};

}  // namespace nuncio::cli
