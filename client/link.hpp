#pragma once

#include "outbox.hpp"
#include "protocol_trace.hpp"
#include "server_pool.hpp"
#include "session.hpp"

#include <nuncio/client/options.hpp>
#include <nuncio/client/transport.hpp>
#include <nuncio/protocol/message_parser.hpp>

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/cancellation_signal.hpp>
#include <boost/asio/steady_timer.hpp>

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace nuncio::client {

class link;

/// Who uses links.
class link_user {
 public:
  /// Keeps the user, and its links, until an operation is over.
  [[nodiscard]] virtual std::shared_ptr<void> hold() = 0;
  /// Bytes have come, and are used until on_batch_end().
  virtual void on_batch(session::time now, std::size_t size) = 0;
  virtual void on_batch_end(std::uint64_t messages) = 0;
  /// The server has agreed.
  virtual void on_open(link& it) = 0;
  /// It can't be used any more; `was_open`: it could.
  virtual void on_lost(link& it, bool was_open) = 0;
  virtual void on_pong(link& it, std::uint64_t count) = 0;
  virtual void on_info(link& it, const protocol::server_info& info) = 0;
  virtual void on_complaint(boost::system::error_code what, std::string_view text) = 0;
  /// What the user configured can't be used for this attempt.
  virtual void on_bad_setting(boost::system::error_code what, std::string_view text) = 0;
  virtual void on_written(std::size_t size) = 0;
  /// It could take more to write.
  virtual void on_room() = 0;
  /// Causes a call of write() when this turn of the loop is over. Any thread.
  virtual void wake_writer() = 0;

 protected:
  ~link_user() = default;
};

/// A connection to one server, or several, one after the other: makes it, puts TLS and WebSocket on
/// it, greets, reads and writes.
///
/// Opening is a coroutine; reading and writing are callbacks, since they are the path of every
/// message. Thread: the executor's.
class link final : private session_events {
 public:
  link(boost::asio::any_io_executor executor,
       const options& set,
       subscription_book& book,
       link_user& home);
  link(const link&) = delete;
  link& operator=(const link&) = delete;
  virtual ~link();  // it has virtual functions; nothing derives from it

  /// One attempt: it is open at its end, or the error says why not.
  /// Pre: idle() has completed since the last one.
  boost::asio::awaitable<boost::system::error_code> open(const server_pool::attempt& to);
  /// Completes when it is lost and nothing of it is under way.
  boost::asio::awaitable<void> idle();
  /// The connection ends.
  void lose(boost::system::error_code why, std::string_view text = {});
  /// So does an attempt that is under way.
  void abort(boost::system::error_code why);

  /// What is in there is written from now on; null: nothing more.
  void write_from(outbox* from) noexcept { source_ = from; }
  /// There is something to write.
  void write();
  /// Goes out before what the outbox holds.
  void say(std::string_view bytes);
  /// Completes when the server has answered a PING that goes out now, and false if it never does.
  boost::asio::awaitable<bool> answers();
  std::uint64_t note_ping() noexcept { return session_.note_ping(); }

  /// The stream is usable: it is greeting, or open.
  [[nodiscard]] bool is_up() const noexcept { return is_up_; }
  [[nodiscard]] bool is_open() const noexcept { return session_.is_open(); }
  [[nodiscard]] const protocol::server_info& info() const noexcept { return session_.info(); }
  /// Of the server in use, or tried.
  [[nodiscard]] const std::string& address() const noexcept { return address_; }
  [[nodiscard]] boost::system::error_code error() const noexcept { return error_; }
  [[nodiscard]] const std::string& error_text() const noexcept { return error_text_; }

 private:
  boost::asio::awaitable<void> something_happens();
  boost::asio::awaitable<boost::system::error_code> dial(const protocol::server_url& server);
  boost::asio::awaitable<boost::system::error_code> secure(const server_pool::attempt& to);
  boost::asio::awaitable<void> secure_and_greet(const server_pool::attempt& to);
  boost::asio::awaitable<boost::system::error_code> add_layer(
      std::function<void(stream_handler)> start);
  void begin(const protocol::server_url& server, credentials who, session::security how);
  void limit_time();
  void lift_limit();
  void read();
  void on_read(boost::system::error_code error, std::size_t size);
  void handle_input(std::size_t size);
  void on_written(boost::system::error_code error);
  void send_control();
  void arm_timer();
  void on_timer();

  void on_pong(std::uint64_t count) override;
  void on_info(const protocol::server_info& info) override;
  void on_complaint(boost::system::error_code what, std::string_view text) override;

  const boost::asio::any_io_executor executor_;
  const options& options_;
  link_user& home_;
  session session_;
  protocol::message_parser parser_;
  protocol_trace trace_;
  std::vector<char> input_;
  std::string said_;
  std::string writing_;
  outbox* source_ = nullptr;
  std::unique_ptr<transport> transport_;  // empty while a layer is being put on it
  boost::asio::steady_timer timer_;       // PINGs
  boost::asio::steady_timer event_;       // wakes a coroutine, by its end or its cancellation
  boost::asio::steady_timer time_limit_;  // of an attempt
  boost::asio::cancellation_signal abort_dial_;
  std::string address_;
  boost::system::error_code error_;
  std::string error_text_;

  std::uint64_t limits_ = 0;  // that were set or lifted
  bool has_expired_ = false;
  bool is_wanted_ = false;  // the attempt has not been aborted
  bool is_up_ = false;
  bool awaits_tls_ = false;  // the server has said INFO, and TLS must begin
  bool is_reading_ = false;
  bool is_writing_ = false;
};

}  // namespace nuncio::client
