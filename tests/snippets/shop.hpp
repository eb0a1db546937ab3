#pragma once

#include <nuncio/rpc/codec_msgpack.hpp>

#include <cstdint>
#include <string>

struct price_request {
  std::string item;
  std::int32_t count = 0;
  MSGPACK_DEFINE_MAP(item, count);
};
struct price {
  std::int32_t cents = 0;
  MSGPACK_DEFINE_MAP(cents);
};
