// A connection that both says and hears things: what it says goes out in order, also when the
// socket is full.
#pragma once

#include "connection.hpp"
#include "event_loop.hpp"
#include "message_reader.hpp"

#include <string>
#include <string_view>
#include <utility>

namespace nuncio::bench {

// Role is the derived class and hides what it wants to handle itself: on_message, on_pong,
// on_info and on_read, which follows each batch of messages. Nothing is dispatched at run time per
// message.
template <class Role>
class client : public event_handler {
 public:
  client(event_loop& loop, connection to, bool like_messages)
      : loop_(loop), connection_(std::move(to)), reader_(like_messages) {
    waits_ = connection_.has_unsent();
    loop_.add(fd(), wanted_events(), *this);
  }
  client(const client&) = delete;
  client& operator=(const client&) = delete;

  void on_events(std::uint32_t events) final {
    if (events & ~std::uint32_t{EPOLLOUT}) {
      do {
        reader_.read_from(connection_, loop_, role());
        role().on_read();
      } while (connection_.has_more());
    }
    flush();
  }

  void on_control(std::string_view line) {
    if (line.starts_with("PING")) {
      text_ += "PONG\r\n";
      ++pings_;
    } else if (line.starts_with("PONG")) {
      role().on_pong();
    } else if (line.starts_with("-ERR")) {
      fail("the server says " + std::string(line));
    } else if (line.starts_with("INFO")) {
      role().on_info();
    } else if (!line.starts_with("+OK")) {
      fail("an unknown line: '" + std::string(line) + "'");
    }
  }
  void on_message(const message& m) { fail("an unexpected message to " + std::string(m.subject)); }
  void on_pong() { fail("an unexpected PONG"); }
  void on_info() {}
  void on_read() {}

  std::size_t pings() const { return pings_; }
  int fd() const { return connection_.fd(); }

 protected:
  connection& to() { return connection_; }
  // What is to be said next; flush sends as much of it as the socket takes, the loop the rest.
  std::string& text() { return text_; }
  void flush() {
    if (!text_.empty() || connection_.has_unsent()) {
      sent_ += connection_.send_some(std::string_view(text_).substr(sent_));
      if (sent_ == text_.size()) {
        text_.clear();
        sent_ = 0;
      }
    }
    const bool waits = connection_.has_unsent() || (!text_.empty() && !connection_.is_opening());
    if (waits != waits_) {
      waits_ = waits;
      loop_.modify(fd(), wanted_events(), *this);
    }
  }

 private:
  Role& role() { return static_cast<Role&>(*this); }
  std::uint32_t wanted_events() const { return waits_ ? EPOLLIN | EPOLLOUT : EPOLLIN; }

  event_loop& loop_;
  connection connection_;
  message_reader reader_;
  std::string text_;
  std::size_t sent_ = 0;  // bytes of it
  std::size_t pings_ = 0;
  bool waits_ = false;  // for the socket to take more
};

}  // namespace nuncio::bench
