#pragma once

#include <sys/uio.h>

#include <cstddef>
#include <memory>
#include <span>
#include <string_view>
#include <vector>

struct z_stream_s;

/// Messages of permessage-deflate, each on its own. Source: RFC 7692, section 7.2.
namespace nuncio::server {

/// Compresses for speed. One thread only; takes its memory, some 270 KB, with the first message.
class deflater {
 public:
  deflater();
  deflater(const deflater&) = delete;
  deflater& operator=(const deflater&) = delete;
  ~deflater();

  /// Replaces `into` by the payload of a message.
  void compress(std::span<const iovec> pieces, std::vector<char>& into);

 private:
  std::unique_ptr<z_stream_s> state_;  // null before the first
};

/// The way back. One thread only; some 40 KB, with the first message.
class inflater {
 public:
  enum class outcome : unsigned char { done, too_large, damaged };

  inflater();
  inflater(const inflater&) = delete;
  inflater& operator=(const inflater&) = delete;
  ~inflater();

  /// Appends what the payload of a message holds, which may be no more than `most` bytes.
  outcome decompress(std::string_view payload, std::size_t most, std::vector<char>& to);

 private:
  std::unique_ptr<z_stream_s> state_;
};

}  // namespace nuncio::server
