#include <nuncio/protocol/base64.hpp>

#include <string_view>

namespace nuncio::protocol {
namespace {

constexpr std::string_view alphabet =
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

}  // namespace

std::string to_base64url(std::span<const std::byte> bytes) {
  std::string text;
  text.reserve((bytes.size() * 8 + 5) / 6);
  unsigned held = 0;
  unsigned bits = 0;
  for (const auto byte : bytes) {
    held = (held << 8 | std::to_integer<unsigned>(byte)) & 0x3FFF;
    bits += 8;
    for (; bits >= 6; bits -= 6) text += alphabet[held >> (bits - 6) & 63];
  }
  if (bits > 0) text += alphabet[held << (6 - bits) & 63];
  return text;
}

}  // namespace nuncio::protocol
