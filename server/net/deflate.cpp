#include "deflate.hpp"

#include <zlib.h>

#include <algorithm>
#include <array>
#include <new>

namespace nuncio::server {
namespace {

constexpr int no_header = -15;  // raw deflate, window of 32 KiB
constexpr int memory_level = 8;
// What a flush ends with, and a message leaves out.
constexpr std::array<char, 4> end_of_flush{0, 0, '\xff', '\xff'};
constexpr std::size_t least_room = 1024;

}  // namespace

deflater::deflater() = default;

deflater::~deflater() {
  if (state_ != nullptr) deflateEnd(state_.get());
}

void deflater::compress(std::span<const iovec> pieces, std::vector<char>& into) {
  if (state_ == nullptr) {
    auto made = std::make_unique<z_stream>();
    if (deflateInit2(made.get(), Z_BEST_SPEED, Z_DEFLATED, no_header, memory_level,
                     Z_DEFAULT_STRATEGY) != Z_OK) {
      throw std::bad_alloc{};
    }
    state_ = std::move(made);
  } else {
    deflateReset(state_.get());
  }
  std::size_t total = 0;
  for (const auto& piece : pieces) total += piece.iov_len;
  auto& z = *state_;
  into.resize(deflateBound(&z, total) + least_room);
  z.next_out = reinterpret_cast<Bytef*>(into.data());
  z.avail_out = static_cast<uInt>(into.size());
  for (std::size_t i = 0; i < pieces.size(); ++i) {
    z.next_in = static_cast<Bytef*>(pieces[i].iov_base);
    z.avail_in = static_cast<uInt>(pieces[i].iov_len);
    deflate(&z, i + 1 < pieces.size() ? Z_NO_FLUSH : Z_SYNC_FLUSH);
  }
  into.resize(into.size() - z.avail_out - end_of_flush.size());
}

inflater::inflater() = default;

inflater::~inflater() {
  if (state_ != nullptr) inflateEnd(state_.get());
}

inflater::outcome inflater::decompress(std::string_view payload,
                                       std::size_t most,
                                       std::vector<char>& to) {
  if (state_ == nullptr) {
    auto made = std::make_unique<z_stream>();
    if (inflateInit2(made.get(), no_header) != Z_OK) throw std::bad_alloc{};
    state_ = std::move(made);
  } else {
    inflateReset(state_.get());
  }
  auto& z = *state_;
  z.avail_in = 0;  // what a message that failed has left, which is gone
  const auto before = to.size();
  std::size_t filled = before;
  std::string_view left = payload;
  bool at_tail = false;
  for (;;) {
    if (z.avail_in == 0) {
      if (!left.empty()) {
        z.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(left.data()));
        z.avail_in = static_cast<uInt>(left.size());
        left = {};
      } else if (!at_tail) {
        at_tail = true;
        z.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(end_of_flush.data()));
        z.avail_in = end_of_flush.size();
      }
    }
    if (filled == to.size()) {
      const auto grown = std::max(2 * (filled - before), std::max(4 * payload.size(), least_room));
      // One more than may be, to see whether there is more.
      to.resize(before + std::min(grown, most + 1));
    }
    z.next_out = reinterpret_cast<Bytef*>(to.data() + filled);
    z.avail_out = static_cast<uInt>(to.size() - filled);
    const int result = inflate(&z, Z_SYNC_FLUSH);
    filled = to.size() - z.avail_out;
    if (filled - before > most) return outcome::too_large;
    if (result == Z_STREAM_END) {
      // A final block, which others may follow.
      if (at_tail || z.avail_in == 0) break;
      const auto* const next = z.next_in;
      const auto size = z.avail_in;
      inflateReset(&z);
      z.next_in = const_cast<Bytef*>(next);
      z.avail_in = size;
    } else if (result == Z_BUF_ERROR || (result == Z_OK && z.avail_out != 0)) {
      if (z.avail_in == 0 && at_tail) break;
      if (result == Z_BUF_ERROR && z.avail_in != 0 && z.avail_out != 0) return outcome::damaged;
    } else if (result != Z_OK) {
      return outcome::damaged;
    }
  }
  to.resize(filled);
  return outcome::done;
}

}  // namespace nuncio::server
