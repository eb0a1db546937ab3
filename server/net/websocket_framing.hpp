#pragma once

#include "deflate.hpp"

#include <nuncio/protocol/ws_frame.hpp>

#include <sys/uio.h>

#include <array>
#include <cstddef>
#include <span>
#include <vector>

namespace nuncio::server {

/// How what is sent to a WebSocket's peer is put into frames. Constant from the upgrade on, so that
/// any shard may ask.
struct websocket_framing {
  bool compresses = false;
  bool splits_compressed = true;
  std::size_t longest = 0;  ///< bytes of a frame's payload; 0: any
};

/// Puts batches of bytes into frames: one message for each. One thread only.
class frame_writer {
 public:
  /// `pieces` as they go over the wire. Lifetime: until the next call, and that of the pieces.
  [[nodiscard]] std::span<const iovec> write(const websocket_framing& how,
                                             std::span<const iovec> pieces);
  /// Frees what is only held to be used again.
  void trim() noexcept;

 private:
  std::span<const iovec> write_whole(std::span<const iovec> pieces,
                                     std::size_t total,
                                     bool is_compressed);
  std::span<const iovec> write_parts(std::span<const iovec> pieces,
                                     std::size_t total,
                                     std::size_t longest,
                                     bool is_compressed);

  deflater deflater_;
  std::vector<char> compressed_;
  std::vector<char> parts_;
  std::array<char, protocol::ws_longest_header> header_{};
  std::vector<iovec> out_;
};

}  // namespace nuncio::server
