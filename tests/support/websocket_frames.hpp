#pragma once

#include <nuncio/protocol/ws_frame.hpp>

#include <zlib.h>

#include <array>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>

/// The client's side of WebSocket frames, for tests: written apart from what is tested.
namespace nuncio::test {

struct frame_kind {
  unsigned opcode = 2;
  bool is_last = true;
  bool is_compressed = false;
};

/// A frame with a mask.
inline std::string client_frame(std::string_view payload,
                                frame_kind of = {},
                                std::string_view mask = "\x37\xfa\x21\x3d") {
  std::string out;
  out += static_cast<char>((of.is_last ? 0x80U : 0U) | (of.is_compressed ? 0x40U : 0U) | of.opcode);
  const auto size = payload.size();
  const int bytes = size > 0xffff ? 8 : size > 125 ? 2 : 0;
  out += static_cast<char>(0x80U | (bytes == 8 ? 127U : bytes == 2 ? 126U : unsigned(size)));
  for (int i = bytes - 1; i >= 0; --i) out += static_cast<char>(size >> (8 * i) & 0xff);
  out += mask;
  for (std::size_t i = 0; i < size; ++i) out += static_cast<char>(payload[i] ^ mask[i % 4]);
  return out;
}

/// The payload of a compressed message, as well as zlib can.
inline std::string deflated(std::string_view text) {
  z_stream z{};
  if (deflateInit2(&z, Z_BEST_COMPRESSION, Z_DEFLATED, -15, 9, Z_DEFAULT_STRATEGY) != Z_OK) {
    std::abort();
  }
  std::string out(deflateBound(&z, text.size()) + 64, '\0');
  z.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(text.data()));
  z.avail_in = static_cast<uInt>(text.size());
  z.next_out = reinterpret_cast<Bytef*>(out.data());
  z.avail_out = static_cast<uInt>(out.size());
  deflate(&z, Z_SYNC_FLUSH);
  out.resize(out.size() - z.avail_out - 4);
  deflateEnd(&z);
  return out;
}

/// A whole compressed message.
inline std::string client_deflated(std::string_view text) {
  return client_frame(deflated(text), {.is_compressed = true});
}

}  // namespace nuncio::test
