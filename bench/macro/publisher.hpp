// Writes prepared buffers of consecutive messages, each stamped with who published it and its
// number, and holds back while a receiver is too far behind.
#pragma once

#include "event_loop.hpp"
#include "message_reader.hpp"

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace nuncio::bench {

// Publisher in the top byte, number of its message in the rest.
inline constexpr unsigned stamp_shift = 56;
inline constexpr std::uint64_t stamp_number_mask = (std::uint64_t{1} << stamp_shift) - 1;

constexpr std::uint64_t make_stamp(std::size_t publisher, std::uint64_t number) {
  return (std::uint64_t{publisher} << stamp_shift) | number;
}

// A buffer of about 64 KiB and where in it the stamps are.
struct batch {
  std::string bytes;
  std::vector<std::uint32_t> stamps;
};

// Buffers that are published in turn, over and over.
class batch_ring {
 public:
  // `line` is everything in front of the payload: control line and headers.
  void append(std::string_view line, std::size_t payload_size);
  // Enough of like messages for one buffer.
  void fill(std::string_view line, std::size_t payload_size);

  std::vector<batch>& batches() { return batches_; }
  const std::vector<batch>& batches() const { return batches_; }
  std::size_t average_wire_size() const { return bytes_ / messages_; }

 private:
  static constexpr std::size_t batch_size = 64 * 1024;
  std::vector<batch> batches_;
  std::size_t bytes_ = 0;
  std::size_t messages_ = 0;
};

std::string pub_line(std::string_view subject, std::size_t payload_size);

class publisher final : public event_handler {
 public:
  publisher(event_loop& loop, connection to, std::size_t index, batch_ring ring);
  publisher(const publisher&) = delete;
  publisher& operator=(const publisher&) = delete;

  // Counts how many of this publisher's messages a receiver has; it holds the publisher back.
  void follow(const std::uint64_t& received) { followers_.push_back(&received); }
  void unfollow(const std::uint64_t& received);

  // Writes once if allowed to; false if it is not, or the socket is full.
  bool pump();
  void resume() { publishing_ = true; }
  // Ends after the buffer under way.
  void pause() { publishing_ = false; }
  bool is_paused() const { return !publishing_ && at_ == current_size(); }

  // Asks the server whether it has seen all that was published. To be called when paused.
  void ask();
  bool is_answered() const { return answered_ == asked_; }

  std::uint64_t published() const { return published_; }
  bool all_received() const { return slowest() == published_; }

  void on_events(std::uint32_t events) override;
  void on_message(const message&) { fail("a message to a publisher"); }
  void on_control(std::string_view line);

 private:
  static constexpr std::size_t window_bytes = 4 * 1024 * 1024;

  std::uint64_t slowest() const;
  std::size_t current_size() const { return started_ ? ring_.batches()[current_].bytes.size() : 0; }
  void start_next();

  event_loop& loop_;
  connection connection_;
  std::size_t index_;
  batch_ring ring_;
  message_reader reader_{false};
  std::vector<const std::uint64_t*> followers_;
  std::size_t current_ = 0;  // the buffer under way
  std::size_t at_ = 0;       // bytes of it that are written
  std::uint64_t published_ = 0;
  std::uint64_t window_;  // messages
  std::string control_;   // goes out between two buffers
  std::size_t asked_ = 0;
  std::size_t answered_ = 0;
  bool started_ = false;
  bool publishing_ = false;
  bool full_ = false;  // the socket
};

}  // namespace nuncio::bench
