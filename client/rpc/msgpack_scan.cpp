#include "msgpack_scan.hpp"

namespace nuncio::rpc {
namespace {

using kind = msgpack_head::kind;

msgpack_head fixed(kind what, std::size_t count) noexcept {
  return {what, 1, count};
}

}  // namespace

msgpack_head read_msgpack_head(std::string_view bytes) noexcept {
  if (bytes.empty()) return {};
  const auto first = static_cast<unsigned char>(bytes[0]);
  if (first <= 0x7f || first >= 0xe0) return fixed(kind::scalar, 0);
  if (first <= 0x8f) return fixed(kind::map, first & 0x0fU);
  if (first <= 0x9f) return fixed(kind::array, first & 0x0fU);
  if (first <= 0xbf) return fixed(kind::data, first & 0x1fU);

  // The bytes of a length, and what follows it.
  const auto sized = [bytes](kind what, std::size_t width, std::size_t extra = 0) {
    if (bytes.size() < 1 + width) return msgpack_head{};
    std::size_t count = 0;
    for (std::size_t i = 1; i <= width; ++i) {
      count = count << 8U | static_cast<unsigned char>(bytes[i]);
    }
    return msgpack_head{what, 1 + width, count + extra};
  };
  switch (first) {
    case 0xc0:  // nil
    case 0xc2:  // false
    case 0xc3:  // true
      return fixed(kind::scalar, 0);
    case 0xc4:  // bin
    case 0xd9:  // str
      return sized(kind::data, 1);
    case 0xc5:
    case 0xda:
      return sized(kind::data, 2);
    case 0xc6:
    case 0xdb:
      return sized(kind::data, 4);
    case 0xc7:  // ext, with a byte for its type
      return sized(kind::data, 1, 1);
    case 0xc8:
      return sized(kind::data, 2, 1);
    case 0xc9:
      return sized(kind::data, 4, 1);
    case 0xcc:  // integers
    case 0xd0:
      return fixed(kind::data, 1);
    case 0xcd:
    case 0xd1:
      return fixed(kind::data, 2);
    case 0xca:  // float
    case 0xce:
    case 0xd2:
      return fixed(kind::data, 4);
    case 0xcb:  // double
    case 0xcf:
    case 0xd3:
      return fixed(kind::data, 8);
    case 0xd4:  // fixext
    case 0xd5:
    case 0xd6:
    case 0xd7:
    case 0xd8:
      return fixed(kind::data, (std::size_t{1} << (first - 0xd4U)) + 1);
    case 0xdc:
      return sized(kind::array, 2);
    case 0xdd:
      return sized(kind::array, 4);
    case 0xde:
      return sized(kind::map, 2);
    case 0xdf:
      return sized(kind::map, 4);
    default:  // 0xc1
      return {kind::invalid, 1, 0};
  }
}

std::size_t msgpack_scan::skip(std::string_view bytes, std::size_t at, std::size_t depth) {
  const auto fail = [&](std::string_view what) {
    problem = what;
    problem_at = at;
    return bytes.size() + 1;
  };
  if (++elements > max_elements) return fail("too many values");
  const auto head = read_msgpack_head(bytes.substr(at));
  const auto left = bytes.size() - at;
  switch (head.what) {
    case kind::cut:
      return fail("the value is cut off");
    case kind::invalid:
      return fail("0xc1 begins no value");
    case kind::scalar:
      return at + head.size;
    case kind::data:
      if (head.count > left - head.size) return fail("the value is cut off");
      return at + head.size + head.count;
    case kind::array:
    case kind::map:
      break;
  }
  if (depth >= max_depth) return fail("nested too deeply");
  const auto count = head.what == kind::map ? head.count * 2 : head.count;
  // Each takes a byte at least.
  if (count > left - head.size) return fail("there are fewer elements than announced");
  auto next = at + head.size;
  for (std::size_t i = 0; i < count; ++i) {
    next = skip(bytes, next, depth + 1);
    if (next > bytes.size()) return next;
  }
  return next;
}

}  // namespace nuncio::rpc
