#include "websocket_layer.hpp"

#include "failure.hpp"
#include "socket.hpp"

#include <algorithm>
#include <cstring>

namespace nuncio::bench {
namespace {

// The example of RFC 6455, section 1.3, so that nothing has to be hashed.
constexpr std::string_view key = "dGhlIHNhbXBsZSBub25jZQ==";
constexpr std::string_view accepted_key = "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=";

constexpr unsigned char is_last = 0x80;
constexpr unsigned char is_deflated = 0x40;
constexpr unsigned char opcode_mask = 0x0f;
constexpr unsigned char continuation = 0, utf8 = 1, binary = 2, close = 8, ping = 9, pong = 10;
constexpr unsigned char is_masked = 0x80;
constexpr unsigned char size_mask = 0x7f;
constexpr unsigned char two_bytes = 126, eight_bytes = 127;

// What a deflated message leaves out at its end.
constexpr std::string_view tail("\x00\x00\xff\xff", 4);
// Less isn't worth it; nats-server's own bound.
constexpr std::size_t least_deflated = 64;
constexpr int raw_deflate = -15;

Bytef* as_bytes(const char* text) {
  // zlib takes what it only reads without const.
  return reinterpret_cast<Bytef*>(const_cast<char*>(text));
}

void append_masked(std::string_view bytes, std::uint32_t mask, std::string& out) {
  const std::size_t start = out.size();
  out.append(bytes);
  char* at = out.data() + start;
  const std::uint64_t twice = (std::uint64_t{mask} << 32) | mask;
  std::size_t i = 0;
  for (; i + 8 <= bytes.size(); i += 8) {
    std::uint64_t word = 0;
    std::memcpy(&word, at + i, 8);
    word ^= twice;
    std::memcpy(at + i, &word, 8);
  }
  char key_bytes[4];
  std::memcpy(key_bytes, &mask, 4);
  for (; i < bytes.size(); ++i) at[i] = static_cast<char>(at[i] ^ key_bytes[i % 4]);
}

}  // namespace

websocket_layer::websocket_layer(int fd, bool deflates)
    : layer(fd),
      deflates_(deflates),
      raw_(std::make_unique_for_overwrite<char[]>(raw_size)) {  // NOLINT(*-avoid-c-arrays)
  unsent() =
      "GET / HTTP/1.1\r\nHost: 127.0.0.1\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
      "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: ";
  unsent().append(key).append("\r\n");
  if (deflates_) {
    unsent() +=
        "Sec-WebSocket-Extensions: permessage-deflate; server_no_context_takeover; "
        "client_no_context_takeover\r\n";
    if (inflateInit2(&inflating_, raw_deflate) != Z_OK ||
        deflateInit2(&deflating_, Z_BEST_SPEED, Z_DEFLATED, raw_deflate, MAX_MEM_LEVEL,
                     Z_DEFAULT_STRATEGY) != Z_OK) {
      fail("zlib can't be set up");
    }
  }
  unsent() += "\r\n";
}

websocket_layer::~websocket_layer() {
  if (!deflates_) return;
  inflateEnd(&inflating_);
  deflateEnd(&deflating_);
}

std::size_t websocket_layer::receive_some(char* into, std::size_t room) {
  if (at_ == end_) read_socket();
  std::size_t size = 0;
  // A deflated message may hold back bytes although all that came is taken.
  while (size < room && (at_ < end_ || phase_ == phase::tail)) {
    switch (phase_) {
      case phase::upgrading:
        take_upgrade();
        break;
      case phase::header:
        take_header();
        break;
      case phase::control:
        take_control();
        break;
      case phase::payload:
      case phase::tail:
        size += take_payload(into + size, room - size);
        break;
    }
  }
  set_more(size == room);
  flush();
  return size;
}

void websocket_layer::read_socket() {
  at_ = 0;
  end_ = bench::receive_some(fd(), raw_.get(), raw_size);
}

void websocket_layer::take_upgrade() {
  constexpr std::string_view head_end = "\r\n\r\n";
  const std::size_t before = head_.size();
  head_.append(raw());
  const std::size_t end = head_.find(head_end);
  if (end == std::string::npos) {
    at_ = end_;
    return;
  }
  at_ += end + head_end.size() - before;
  head_.resize(end);
  if (!head_.starts_with("HTTP/1.1 101 ") || head_.find(accepted_key) == std::string::npos) {
    fail("the server doesn't upgrade: " + head_);
  }
  if (deflates_ && head_.find("permessage-deflate") == std::string::npos) {
    fail("the server doesn't compress: " + head_);
  }
  head_.clear();
  phase_ = phase::header;
}

void websocket_layer::take_header() {
  const auto needed = [this]() -> std::size_t {
    if (header_size_ < 2) return 2;
    const unsigned size = header_[1] & size_mask;
    return size == two_bytes ? 4 : size == eight_bytes ? 10 : 2;
  };
  while (header_size_ < needed()) {
    if (at_ == end_) return;
    header_[header_size_++] = static_cast<unsigned char>(raw_[at_++]);
  }
  const unsigned char first = header_[0];
  if (header_[1] & is_masked) fail("the server masks its frames");
  left_ = header_[1] & size_mask;
  if (header_size_ > 2) {
    left_ = 0;
    for (std::size_t i = 2; i < header_size_; ++i) left_ = left_ << 8 | header_[i];
  }
  const unsigned char opcode = first & opcode_mask;
  if (opcode >= close) {
    phase_ = phase::control;
    if (left_ == 0) take_control();
    return;
  }
  if (opcode != continuation && opcode != binary && opcode != utf8) fail("an unknown frame");
  header_size_ = 0;
  is_last_ = (first & is_last) != 0;
  if (opcode != continuation) is_deflated_ = (first & is_deflated) != 0;
  if (is_deflated_ && !deflates_) fail("the server compresses without having been asked");
  phase_ = phase::payload;
  if (left_ == 0) end_frame();
}

std::size_t websocket_layer::take_payload(char* into, std::size_t room) {
  if (phase_ == phase::tail) {
    std::size_t size = tail.size() - tail_at_;
    const std::size_t made = inflate_some(tail.data() + tail_at_, size, into, room);
    tail_at_ += size;
    // Full: more may be held back.
    if (tail_at_ == tail.size() && made < room) {
      inflateReset(&inflating_);
      phase_ = phase::header;
    }
    return made;
  }
  std::size_t size = std::min<std::uint64_t>(left_, end_ - at_);
  std::size_t made = 0;
  if (is_deflated_) {
    made = inflate_some(raw_.get() + at_, size, into, room);
  } else {
    made = size = std::min(size, room);
    std::memcpy(into, raw_.get() + at_, size);
  }
  at_ += size;
  left_ -= size;
  if (left_ == 0) end_frame();
  return made;
}

// `size` becomes what it took.
std::size_t websocket_layer::inflate_some(const char* from,
                                          std::size_t& size,
                                          char* into,
                                          std::size_t room) {
  inflating_.next_in = as_bytes(from);
  inflating_.avail_in = static_cast<uInt>(size);
  inflating_.next_out = as_bytes(into);
  inflating_.avail_out = static_cast<uInt>(room);
  const int result = inflate(&inflating_, Z_SYNC_FLUSH);
  // Without anything to do there is no progress, which isn't wrong.
  if (result != Z_OK && result != Z_BUF_ERROR) fail("what the server compressed can't be inflated");
  size -= inflating_.avail_in;
  return room - inflating_.avail_out;
}

void websocket_layer::end_frame() {
  phase_ = phase::header;
  if (!is_last_ || !is_deflated_) return;
  phase_ = phase::tail;
  tail_at_ = 0;
}

void websocket_layer::take_control() {
  const auto size = static_cast<std::size_t>(std::min<std::uint64_t>(left_, end_ - at_));
  head_.append(raw().substr(0, size));
  at_ += size;
  left_ -= size;
  if (left_ != 0) return;
  const unsigned char opcode = header_[0] & opcode_mask;
  if (opcode == close) {
    fail("the server closed a connection: " + head_.substr(std::min<std::size_t>(2, head_.size())));
  }
  if (opcode == ping) append_frame(is_last | pong, head_, unsent());
  head_.clear();
  header_size_ = 0;
  phase_ = phase::header;
}

void websocket_layer::append_frame(unsigned char first,
                                   std::string_view payload,
                                   std::string& out) {
  out += static_cast<char>(first);
  const auto append_size = [&](unsigned char marker, int bytes) {
    out += static_cast<char>(is_masked | marker);
    for (int i = bytes - 1; i >= 0; --i) {
      out += static_cast<char>(std::uint64_t{payload.size()} >> (8 * i));
    }
  };
  if (payload.size() < two_bytes) {
    append_size(static_cast<unsigned char>(payload.size()), 0);
  } else if (payload.size() < 1 << 16) {
    append_size(two_bytes, 2);
  } else {
    append_size(eight_bytes, 8);
  }
  mask_ = mask_ * 1664525 + 1013904223;  // no two are equal, and that is all it is for here
  char mask_bytes[4];
  std::memcpy(mask_bytes, &mask_, 4);
  out.append(mask_bytes, 4);
  append_masked(payload, mask_, out);
}

std::size_t websocket_layer::encode(std::string_view bytes, std::string& out) {
  if (is_opening() || bytes.empty()) return 0;
  if (!deflates_ || bytes.size() <= least_deflated) {
    append_frame(is_last | binary, bytes, out);
    return bytes.size();
  }
  deflated_.resize(deflateBound(&deflating_, bytes.size()) + 16);
  deflating_.next_in = as_bytes(bytes.data());
  deflating_.avail_in = static_cast<uInt>(bytes.size());
  deflating_.next_out = as_bytes(deflated_.data());
  deflating_.avail_out = static_cast<uInt>(deflated_.size());
  if (deflate(&deflating_, Z_SYNC_FLUSH) != Z_OK || deflating_.avail_in != 0) {
    fail("what is to be sent can't be compressed");
  }
  const std::size_t size = deflated_.size() - deflating_.avail_out - tail.size();
  deflateReset(&deflating_);
  append_frame(is_last | is_deflated | binary, std::string_view(deflated_).substr(0, size), out);
  return bytes.size();
}

}  // namespace nuncio::bench
