// Cuts what a server sends into messages and control lines, cheaply: generator and server share the
// machine. A stream of like messages is compared with the control line of the one before; only a
// line that differs is parsed. Of a large payload only the first bytes and the end are looked at.
#pragma once

#include "connection.hpp"
#include "event_loop.hpp"
#include "failure.hpp"

#include <cstdint>
#include <cstring>
#include <string>
#include <string_view>

namespace nuncio::bench {

template <class Integer>
Integer load(const char* at) {
  Integer value;
  std::memcpy(&value, at, sizeof value);
  return value;
}

// What fills a payload behind its two stamps.
inline constexpr char filler = 'x';

// The views die with the call that hands the message out. They are empty for a large payload, and
// for a message whose control line equals that of the one before.
struct message {
  std::string_view subject;
  std::string_view reply;
  std::uint64_t sid = 0;
  std::size_t header_size = 0;
  std::size_t size = 0;      // payload, headers not counted
  std::uint64_t stamp = 0;   // the payload's first eight bytes
  std::uint64_t second = 0;  // and the next eight
};

class message_reader {
 public:
  // Like messages: their control lines are equal, as on a connection with one subscription.
  explicit message_reader(bool like_messages) : like_messages_(like_messages) {}

  // Reads once from the connection. The sink has on_message(const message&) and
  // on_control(std::string_view line), the latter without the line's end.
  template <class Sink>
  void read_from(connection& from, event_loop& loop, Sink& sink) {
    char* const buffer = loop.read_buffer();
    std::memcpy(buffer, rest_.data(), rest_.size());
    const std::size_t n =
        from.receive_some(buffer + rest_.size(), event_loop::read_buffer_size - rest_.size());
    if (n == 0) return;
    const char* const end = buffer + rest_.size() + n;
    const char* const at = consume(buffer, end, sink);
    if (static_cast<std::size_t>(end - at) > event_loop::read_buffer_size / 2) {
      fail("a control line without end");
    }
    rest_.assign(at, static_cast<std::size_t>(end - at));
  }

  // Takes whole messages and lines off the front and returns where the incomplete rest starts.
  template <class Sink>
  const char* consume(const char* at, const char* end, Sink& sink) {
    if (skip_ > 0) {
      at = skip(at, end);
      if (skip_ > 0) return at;
      sink.on_message(shape_);
    }
    while (at < end) {
      at = consume_like(at, end, sink);
      const char* const line_end = find_line_end(at, end);
      if (line_end == nullptr) break;
      if (!parse_line(at, line_end)) {
        sink.on_control(without_cr(at, line_end));
        at = line_end + 1;
        continue;
      }
      const char* const payload = line_end + 1 + shape_.header_size;
      const auto available = end - payload;
      const auto needed = static_cast<std::ptrdiff_t>(shape_.size + 2);
      if (available >= needed) {
        take_stamps(payload, shape_);
        check_end(payload, shape_.size);
        sink.on_message(shape_);
        if (like_messages_) prefix_.assign(at, payload);
        forget_views();
        at = payload + needed;
      } else if (shape_.size > large_payload && available >= 16) {
        take_stamps(payload, shape_);
        forget_views();
        skip_ = static_cast<std::size_t>(needed);
        return skip(payload, end);
      } else {
        break;
      }
    }
    return at;
  }

 private:
  // Larger payloads are not kept until they are complete, which would copy them once more.
  static constexpr std::size_t large_payload = 4096;

  static const char* find_line_end(const char* at, const char* end) {
    return static_cast<const char*>(std::memchr(at, '\n', static_cast<std::size_t>(end - at)));
  }

  static std::string_view without_cr(const char* at, const char* line_end) {
    if (line_end > at && line_end[-1] == '\r') --line_end;
    return {at, static_cast<std::size_t>(line_end - at)};
  }

  void forget_views() { shape_.subject = shape_.reply = {}; }

  static void take_stamps(const char* payload, message& m) {
    m.stamp = load<std::uint64_t>(payload);
    m.second = load<std::uint64_t>(payload + 8);
  }

  static void check_end(const char* payload, std::size_t size) {
    const char* const end = payload + size;
    if (end[0] != '\r' || end[1] != '\n') fail("a payload does not end where its size says");
    if (size >= 24 && load<std::uint64_t>(end - 8) != filled_word) {
      fail("a payload is not what was published");
    }
  }
  static constexpr std::uint64_t filled_word = 0x7878787878787878;  // eight fillers

  // At least eight bytes; a few loads where memcmp would cost a call.
  static bool equal(const char* a, const char* b, std::size_t size) {
    std::size_t i = 0;
    for (; i + 8 < size; i += 8) {
      if (load<std::uint64_t>(a + i) != load<std::uint64_t>(b + i)) return false;
    }
    return load<std::uint64_t>(a + size - 8) == load<std::uint64_t>(b + size - 8);
  }

  template <class Sink>
  const char* consume_like(const char* at, const char* end, Sink& sink) {
    if (prefix_.empty()) return at;
    message m = shape_;
    const std::size_t prefix = prefix_.size();
    const std::size_t whole = prefix + m.size + 2;
    while (static_cast<std::size_t>(end - at) >= whole && equal(at, prefix_.data(), prefix)) {
      const char* const payload = at + prefix;
      take_stamps(payload, m);
      check_end(payload, m.size);
      sink.on_message(m);
      at += whole;
    }
    return at;
  }

  // Fills shape_ from a MSG or HMSG line; false for any other.
  bool parse_line(const char* at, const char* line_end);

  const char* skip(const char* at, const char* end);

  bool like_messages_;
  message shape_;         // of the latest control line parsed
  std::string prefix_;    // the bytes before the payload that make a message of this shape
  std::string rest_;      // an incomplete line or message
  std::size_t skip_ = 0;  // bytes of a large message that are still to come
};

}  // namespace nuncio::bench
