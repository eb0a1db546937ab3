#pragma once

#include <nuncio/rpc/codec_msgpack.hpp>

#include <cstdint>
#include <string>

/// What echo_service and its callers say to each other.
struct echo_request {
  std::int32_t a = 0;
  std::int32_t b = 0;
  std::string s;
  MSGPACK_DEFINE(a, b, s);
};

struct echo_reply {
  std::int32_t sum = 0;
  std::string s;
  MSGPACK_DEFINE(sum, s);
};

/// Asks for `items` items of `bytes` bytes each. The first eight are the item's number, little end
/// first, where there is room for them.
struct count_request {
  std::uint64_t items = 0;
  std::uint32_t bytes = 8;
  MSGPACK_DEFINE(items, bytes);
};
