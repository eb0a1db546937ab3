#include <nuncio/protocol/ws_frame.hpp>

#include <algorithm>
#include <cstring>

namespace nuncio::protocol {
namespace {

constexpr unsigned final_bit = 0x80;
constexpr unsigned compressed_bit = 0x40;
constexpr unsigned reserved_bits = 0x30;
constexpr unsigned opcode_bits = 0x0f;
constexpr unsigned mask_bit = 0x80;
constexpr unsigned size_bits = 0x7f;
constexpr unsigned size_in_2_bytes = 126;
constexpr unsigned size_in_8_bytes = 127;

constexpr bool is_control(unsigned opcode) noexcept {
  return opcode >= static_cast<unsigned>(ws_opcode::close);
}

constexpr bool is_known(unsigned opcode) noexcept {
  return opcode <= static_cast<unsigned>(ws_opcode::binary) ||
         (is_control(opcode) && opcode <= static_cast<unsigned>(ws_opcode::pong));
}

// Length without a part of a character at the end.
std::size_t cut_utf8(std::string_view text, std::size_t most) noexcept {
  if (text.size() <= most) return text.size();
  while (most > 0 && (static_cast<unsigned char>(text[most]) & 0xc0U) == 0x80) --most;
  return most;
}

}  // namespace

std::size_t write_ws_header(
    char* to, ws_opcode what, std::uint64_t size, bool ends_message, bool is_compressed) noexcept {
  std::size_t at = 0;
  const auto put = [&](unsigned byte) { to[at++] = static_cast<char>(byte); };
  put((ends_message ? final_bit : 0U) | (is_compressed ? compressed_bit : 0U) |
      static_cast<unsigned>(what));
  const auto put_size = [&](unsigned bytes) {
    for (unsigned i = bytes; i > 0; --i) put(static_cast<unsigned>(size >> (8 * (i - 1)) & 0xff));
  };
  if (size < size_in_2_bytes) {
    put(static_cast<unsigned>(size));
  } else if (size <= 0xffff) {
    put(size_in_2_bytes);
    put_size(2);
  } else {
    put(size_in_8_bytes);
    put_size(8);
  }
  return at;
}

std::string make_ws_control(ws_opcode what, std::string_view payload) {
  payload = payload.substr(0, ws_longest_control);
  std::string out(ws_longest_header, '\0');
  out.resize(write_ws_header(out.data(), what, payload.size()));
  return out.append(payload);
}

std::string make_ws_close(std::uint16_t code, std::string_view reason) {
  std::string payload{static_cast<char>(code >> 8), static_cast<char>(code & 0xff)};
  payload.append(reason.substr(0, cut_utf8(reason, ws_longest_control - payload.size())));
  return make_ws_control(ws_opcode::close, payload);
}

// Of the frame that begins, as far as it can be told.
std::size_t ws_reader::wanted_header() const noexcept {
  if (header_size_ < 2) return 2;
  const unsigned size = header_[1] & size_bits;
  const std::size_t of_size = size == size_in_8_bytes ? 8 : size == size_in_2_bytes ? 2 : 0;
  return 2 + of_size + ((header_[1] & mask_bit) != 0 ? mask_.size() : 0);
}

ws_reader::event ws_reader::broken(std::string_view why, std::size_t used) noexcept {
  is_broken_ = true;
  return {kind::broken, used, why};
}

// The header is there. Says what is wrong with it; empty: nothing.
std::string_view ws_reader::begin_frame() {
  const unsigned first = header_[0];
  const unsigned opcode = first & opcode_bits;
  const bool starts_compressed = (first & compressed_bit) != 0;
  if ((first & reserved_bits) != 0) return "reserved bits are set";
  if (!is_known(opcode)) return "unknown opcode";
  const bool is_masked = (header_[1] & mask_bit) != 0;
  if (is_masked != rules_.are_masked) {
    return is_masked ? "frame is masked, against what was agreed upon" : "frame is not masked";
  }
  left_ = header_[1] & size_bits;
  std::size_t at = 2;
  if (left_ >= size_in_2_bytes) {
    const unsigned bytes = left_ == size_in_2_bytes ? 2 : 8;
    left_ = 0;
    for (unsigned i = 0; i < bytes; ++i) left_ = left_ << 8 | header_[at++];
    if (left_ >> 63 != 0) return "payload is too large";
    if (left_ < size_in_2_bytes || (bytes == 8 && left_ <= 0xffff)) {
      return "length is not written as short as it could be";
    }
  }
  if (is_masked) std::copy_n(header_.begin() + static_cast<std::ptrdiff_t>(at), 4, mask_.begin());
  const bool is_last = (first & final_bit) != 0;
  opcode_ = static_cast<ws_opcode>(opcode);
  if (is_control(opcode)) {
    if (!is_last) return "control frame in parts";
    if (left_ > ws_longest_control) return "control frame is too long";
    if (starts_compressed) return "compressed control frame";
    control_.clear();
  } else {
    if (starts_compressed && (!rules_.may_compress || opcode_ == ws_opcode::continuation)) {
      return "compression was not agreed upon";
    }
    if (in_message_ != (opcode_ == ws_opcode::continuation)) {
      return in_message_ ? "message begins within another one" : "continuation of no message";
    }
    if (!in_message_) is_compressed_ = starts_compressed;
    is_last_ = is_last;
    in_message_ = !is_last;
  }
  in_frame_ = true;
  return {};
}

// Eight bytes at a time. `to` is never ahead of `from`, so that nothing is overwritten unread.
void ws_reader::unmask(const char* from, std::size_t size, char* to) noexcept {
  if (!rules_.are_masked) {
    std::memmove(to, from, size);
    return;
  }
  std::uint64_t mask = 0;
  std::memcpy(&mask, mask_.data(), 4);
  std::memcpy(reinterpret_cast<char*>(&mask) + 4, mask_.data(), 4);
  std::size_t at = 0;
  constexpr std::size_t step = 4 * sizeof mask;
  for (; size - at >= step; at += step) {
    std::array<std::uint64_t, 4> words;  // NOLINT(*-member-init)
    std::memcpy(words.data(), from + at, step);
    for (auto& word : words) word ^= mask;
    std::memcpy(to + at, words.data(), step);
  }
  for (; at < size; ++at) {
    to[at] = static_cast<char>(static_cast<unsigned char>(from[at]) ^ mask_[at % mask_.size()]);
  }
  const auto before = mask_;
  for (std::size_t i = 0; i < mask_.size(); ++i) mask_[i] = before[(i + size) % before.size()];
}

ws_reader::event ws_reader::next(const char* bytes, std::size_t size, char* out) {
  if (is_broken_) return {kind::broken, 0, "it has been so for a while"};
  std::size_t used = 0;
  if (!in_frame_) {
    while (header_size_ < wanted_header()) {
      if (used == size) return {kind::nothing, used};
      header_[header_size_++] = static_cast<unsigned char>(bytes[used++]);
    }
    if (const auto wrong = begin_frame(); !wrong.empty()) return broken(wrong, used);
    header_size_ = 0;
  } else if (size == 0) {
    return {};
  }
  const auto part = static_cast<std::size_t>(std::min<std::uint64_t>(left_, size - used));
  const auto opcode = static_cast<unsigned>(opcode_);
  if (is_control(opcode)) {
    const auto before = control_.size();
    control_.append(bytes + used, part);
    unmask(control_.data() + before, part, control_.data() + before);
  } else {
    unmask(bytes + used, part, out);
  }
  used += part;
  left_ -= part;
  in_frame_ = left_ != 0;
  if (!is_control(opcode)) {
    return {kind::data, used, {out, part}, is_compressed_, is_last_ && !in_frame_};
  }
  if (in_frame_) return {kind::nothing, used};
  if (opcode_ == ws_opcode::close && control_.size() == 1) {
    return broken("close with half a status", used);
  }
  const auto what = opcode_ == ws_opcode::ping   ? kind::ping
                    : opcode_ == ws_opcode::pong ? kind::pong
                                                 : kind::close;
  return {what, used, control_};
}

}  // namespace nuncio::protocol
