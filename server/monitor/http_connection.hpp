#pragma once

#include "http_connections.hpp"
#include "http_message.hpp"
#include "net/stream.hpp"
#include "net/tls_session.hpp"
#include "request_reader.hpp"

#include <boost/asio/steady_timer.hpp>
#include <boost/system/error_code.hpp>

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>

namespace nuncio::server::monitor {

/// One client of the pages: a request, its answer, and again.
///
/// Shared by its set and by the operation that is under way, which may end after the set has let
/// it go. Once it is closed it knows neither.
/// Thread safety: the loop's thread only.
class http_connection : public std::enable_shared_from_this<http_connection> {
 public:
  http_connection(http_connections& of, http_connections::socket opened);
  http_connection(const http_connection&) = delete;
  http_connection& operator=(const http_connection&) = delete;
  ~http_connection() = default;

  void begin();
  void close();

  /// It waits for something from its client that isn't owed an answer.
  [[nodiscard]] bool is_waiting() const noexcept {
    return phase_ != phase::asking && phase_ != phase::sending;
  }
  [[nodiscard]] bool is_sending() const noexcept { return phase_ == phase::sending; }
  /// When it began to wait, or to send: http_connections::next_turn().
  [[nodiscard]] std::uint64_t since() const noexcept { return since_; }
  /// Bytes of an answer that it keeps.
  [[nodiscard]] std::size_t unsent() const noexcept { return body_.size(); }

 private:
  enum class phase : std::uint8_t {
    greeting,   ///< HTTPS: the first byte says whether it is TLS at all
    shaking,    ///< the handshake
    reading,    ///< or waiting for the next request
    asking,     ///< the page is made
    sending,    ///< the answer
    lingering,  ///< the last answer is sent, and what else comes is thrown away
    over
  };
  using duration = std::chrono::milliseconds;

  void enter(phase next, duration patience);
  void await_readable() { await(http_connections::socket::wait_read); }
  void await_writable() { await(http_connections::socket::wait_write); }
  void await(http_connections::socket::wait_type what);
  void set_timer(duration patience);
  void go_on();

  void look_at_first_byte();
  void shake_hands();
  void fail_handshake(const std::string& why);
  void read_request();
  void take(received_request request);
  void answer(http_response with);
  void send_answer();
  stream::result send_some();
  void end_answer();
  void drain();

  [[nodiscard]] stream::result read(std::span<char> into);
  [[nodiscard]] stream::result write(const iovec* pieces, std::size_t count);

  http_connections& all_;
  http_connections::socket socket_;
  boost::asio::steady_timer timer_;
  std::unique_ptr<tls_session> tls_;  // null: there is none, or not yet
  request_reader reader_;
  phase phase_ = phase::over;
  std::uint64_t since_ = 0;

  // Of the request that is being answered.
  answer_form form_;
  bool wants_body_ = true;
  bool is_complete_ = true;
  std::string head_;
  std::string body_;
  std::size_t sent_ = 0;        // of both
  std::size_t timed_from_ = 0;  // what of it had been sent when the timer was set
};

}  // namespace nuncio::server::monitor
