#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

/// WebSocket frames, as a server reads and writes them. Source: RFC 6455, section 5; RFC 7692.
namespace nuncio::protocol {

/// What a frame is.
enum class ws_opcode : std::uint8_t {
  continuation = 0,  ///< goes on with the message that was begun
  text = 1,          ///< begins a message
  binary = 2,        ///< begins a message
  close = 8,         ///< nothing follows
  ping = 9,          ///< asks for a pong with the same payload
  pong = 10,         ///< answers a ping, or none
};

/// Bytes of the longest header that a server writes.
inline constexpr std::size_t ws_longest_header = 10;
/// Bytes of the longest payload of close, ping and pong.
inline constexpr std::size_t ws_longest_control = 125;

/// Writes the header of an unmasked frame whose payload follows.
///
/// Pre:     room for ws_longest_header bytes at `to`.
/// Returns: its length.
/// Thread:  any.
std::size_t write_ws_header(char* to,
                            ws_opcode what,
                            std::uint64_t size,
                            bool ends_message = true,
                            bool is_compressed = false) noexcept;

/// An unmasked frame of close, ping or pong. A payload that is too long is cut.
/// Thread:  any.
[[nodiscard]] std::string make_ws_control(ws_opcode what, std::string_view payload);

/// An unmasked close frame. A reason that is too long is cut between its characters.
/// Thread:  any.
/// Source:  RFC 6455, sections 5.5.1 and 7.4.
[[nodiscard]] std::string make_ws_close(std::uint16_t code, std::string_view reason);

/// Takes frames apart, however the bytes are cut.
///
/// Invariant: it holds the header of one frame, what is left of its payload as a number, and the
/// payload of a control frame; never that of a message.
class ws_reader {
 public:
  /// What the handshake has settled.
  struct rules {
    bool are_masked = true;     ///< the peer's frames, as a server wants them
    bool may_compress = false;  ///< permessage-deflate was agreed upon
  };

  /// What the bytes have brought.
  enum class kind : std::uint8_t {
    nothing,  ///< all bytes are used up, and more are needed
    data,     ///< a part of a message, perhaps an empty one
    ping,     ///< to be answered by a pong with the same payload
    pong,     ///< no matter
    close,    ///< the payload is empty, or a status and a reason
    broken,   ///< against the rules; nothing can be read after it
  };

  /// One of them.
  struct event {
    kind what = kind::nothing;   ///< which kind
    std::size_t used = 0;        ///< bytes of the input that are done with
    std::string_view payload;    ///< unmasked; until the next call. Of `broken`: what is wrong
    bool is_compressed = false;  ///< of data: the message is
    bool ends_message = false;   ///< of data: nothing of it is left
  };

  /// At the beginning of a frame.
  explicit ws_reader(rules agreed) noexcept : rules_(agreed) {}

  /// Reads on. To be called until it says `nothing`, which it does if `size` is 0.
  ///
  /// Payloads of messages are written to `out` unmasked. Pre: `out` is where the bytes are, before
  /// that, or clear of them, with room for `size`.
  event next(const char* bytes, std::size_t size, char* out);

 private:
  [[nodiscard]] std::size_t wanted_header() const noexcept;
  std::string_view begin_frame();
  event broken(std::string_view why, std::size_t used) noexcept;
  void unmask(const char* from, std::size_t size, char* to) noexcept;

  static constexpr std::size_t longest_client_header = 14;

  std::uint64_t left_ = 0;  // bytes of the frame's payload that are to come
  std::string control_;     // payload of a control frame, as far as it has come
  std::array<unsigned char, longest_client_header> header_{};
  std::array<unsigned char, 4> mask_{};  // its first byte is the next one's
  std::uint8_t header_size_ = 0;         // bytes of it that have come
  ws_opcode opcode_ = ws_opcode::binary;
  rules rules_;
  bool in_frame_ = false;    // the header is complete
  bool is_last_ = true;      // the frame ends its message
  bool in_message_ = false;  // the next frame of data is a continuation
  bool is_compressed_ = false;
  bool is_broken_ = false;
};

}  // namespace nuncio::protocol
