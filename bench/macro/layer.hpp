// What lies between the protocol and the socket of a connection: TLS, or WebSocket.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace nuncio::bench {

// A message that has gone into a layer is kept by it until the socket has taken all of its bytes,
// and only then counts as sent: until that, callers offer the same bytes again, as they would to a
// socket that is full.
class layer {
 public:
  explicit layer(int fd) : fd_(fd) {}
  layer(const layer&) = delete;
  layer& operator=(const layer&) = delete;
  virtual ~layer() = default;

  // As those of a socket. Without bytes send_some sends what the layer itself has to say.
  std::size_t send_some(std::string_view bytes);
  virtual std::size_t receive_some(char* into, std::size_t room) = 0;

  // It waits for an answer of the server before it takes anything.
  virtual bool is_opening() const = 0;
  bool has_unsent() const { return sent_ < unsent_.size(); }
  // The last receive_some ended for lack of room: the socket may not tell of what is left.
  bool has_more() const { return has_more_; }

 protected:
  // Turns bytes into what goes over the wire and says how many of them it took.
  virtual std::size_t encode(std::string_view bytes, std::string& out) = 0;

  int fd() const { return fd_; }
  std::string& unsent() { return unsent_; }
  bool flush();  // true: nothing is left
  void set_more(bool more) { has_more_ = more; }

  // At most this much is encoded at once.
  static constexpr std::size_t largest_piece = 64 * 1024;

 private:
  int fd_;
  std::string unsent_;
  std::size_t sent_ = 0;   // bytes of it
  std::size_t taken_ = 0;  // bytes the caller gave that are in it
  bool has_more_ = false;
};

}  // namespace nuncio::bench
