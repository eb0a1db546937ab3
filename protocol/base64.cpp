#include <nuncio/protocol/base64.hpp>

#include <cstdint>

namespace nuncio::protocol {
namespace {

constexpr std::string_view standard =
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
constexpr std::string_view for_urls =
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

// Without padding.
std::string encode(std::string_view bytes, std::string_view digits) {
  std::string out;
  out.reserve((bytes.size() + 2) / 3 * 4);
  std::uint32_t bits = 0;
  unsigned held = 0;
  for (const char c : bytes) {
    bits = bits << 8U | static_cast<unsigned char>(c);
    for (held += 8; held >= 6;) {
      held -= 6;
      out += digits[bits >> held & 63U];
    }
  }
  if (held > 0) out += digits[bits << (6 - held) & 63U];
  return out;
}

// Without padding.
std::optional<std::string> decode(std::string_view text, std::string_view digits) {
  std::string out;
  std::uint32_t bits = 0;
  unsigned held = 0;
  for (const char c : text) {
    const auto value = digits.find(c);
    if (value == std::string_view::npos) return std::nullopt;
    bits = bits << 6U | static_cast<std::uint32_t>(value);
    held += 6;
    if (held < 8) continue;
    held -= 8;
    out += static_cast<char>(bits >> held & 255U);
  }
  return out;
}

}  // namespace

std::string to_base64(std::string_view bytes) {
  auto out = encode(bytes, standard);
  while (out.size() % 4 != 0) out += '=';
  return out;
}

std::optional<std::string> from_base64(std::string_view text) {
  while (!text.empty() && text.back() == '=') text.remove_suffix(1);
  return decode(text, standard);
}

std::string to_base64url(std::span<const std::byte> bytes) {
  return encode({reinterpret_cast<const char*>(bytes.data()), bytes.size()}, for_urls);
}

std::optional<std::string> from_base64url(std::string_view text) {
  return decode(text, for_urls);
}

}  // namespace nuncio::protocol
