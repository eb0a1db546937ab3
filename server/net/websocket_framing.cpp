#include "websocket_framing.hpp"

#include <algorithm>
#include <cstring>

namespace nuncio::server {
namespace {

using protocol::ws_opcode;

// Less isn't worth it.
constexpr std::size_t least_compressed = 64;

std::size_t size_of(std::span<const iovec> pieces) noexcept {
  std::size_t out = 0;
  for (const auto& piece : pieces) out += piece.iov_len;
  return out;
}

}  // namespace

std::span<const iovec> frame_writer::write(const websocket_framing& how,
                                           std::span<const iovec> pieces) {
  auto total = size_of(pieces);
  const bool is_compressed = how.compresses && total > least_compressed;
  std::array<iovec, 1> packed{};
  if (is_compressed) {
    deflater_.compress(pieces, compressed_);
    total = compressed_.size();
    packed.front() = {compressed_.data(), total};
    pieces = packed;
  }
  const bool in_parts =
      how.longest != 0 && total > how.longest && (!is_compressed || how.splits_compressed);
  return in_parts ? write_parts(pieces, total, how.longest, is_compressed)
                  : write_whole(pieces, total, is_compressed);
}

std::span<const iovec> frame_writer::write_whole(std::span<const iovec> pieces,
                                                 std::size_t total,
                                                 bool is_compressed) {
  const auto size =
      protocol::write_ws_header(header_.data(), ws_opcode::binary, total, true, is_compressed);
  out_.assign(1, {header_.data(), size});
  out_.insert(out_.end(), pieces.begin(), pieces.end());
  return out_;
}

std::span<const iovec> frame_writer::write_parts(std::span<const iovec> pieces,
                                                 std::size_t total,
                                                 std::size_t longest,
                                                 bool is_compressed) {
  parts_.resize(total + (total / longest + 1) * protocol::ws_longest_header);
  char* to = parts_.data();
  std::size_t room = 0;  // left in the frame
  bool is_first = true;
  for (const auto& piece : pieces) {
    const auto* from = static_cast<const char*>(piece.iov_base);
    for (auto left = piece.iov_len; left != 0;) {
      if (room == 0) {
        room = std::min(longest, total);
        to += protocol::write_ws_header(to, is_first ? ws_opcode::binary : ws_opcode::continuation,
                                        room, room == total, is_first && is_compressed);
        is_first = false;
      }
      const auto part = std::min(left, room);
      std::memcpy(to, from, part);
      to += part;
      from += part;
      left -= part;
      room -= part;
      total -= part;
    }
  }
  out_.assign(1, {parts_.data(), static_cast<std::size_t>(to - parts_.data())});
  return out_;
}

void frame_writer::trim() noexcept {
  compressed_ = {};
  parts_ = {};
}

}  // namespace nuncio::server
