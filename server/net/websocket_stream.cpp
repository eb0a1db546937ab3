#include "websocket_stream.hpp"

#include <algorithm>
#include <cstring>
#include <string_view>
#include <utility>

namespace nuncio::server {
namespace {

using protocol::ws_reader;
using kind = ws_reader::kind;

// Browsers are sent no longer frames, as the reference does.
constexpr std::size_t longest_for_browser = 4096;
// Of what has been read already, so much is looked at once more behind each compressed message.
constexpr std::size_t most_raw = 4096;

// Which status says that; RFC 6455, section 7.4.1.
std::uint16_t close_code(close_reason why) noexcept {
  switch (why) {
    case close_reason::client_closed:
      return 1000;
    case close_reason::protocol_error:
    case close_reason::bad_protocol_version:
    case close_reason::no_responders_without_headers:
      return 1002;
    case close_reason::max_payload:
      return 1009;
    case close_reason::max_control_line:
    case close_reason::max_subscriptions:
    case close_reason::authentication_timeout:
    case close_reason::authorization:
    case close_reason::max_connections:
    case close_reason::max_account_connections:
    case close_reason::slow_pending:
    case close_reason::slow_write_deadline:
    case close_reason::kicked:
      return 1008;
    case close_reason::stale:
    case close_reason::read_error:
    case close_reason::write_error:
    case close_reason::shutdown:
      return 1001;
    case close_reason::tls_handshake:
      return 1015;
  }
  return 1011;
}

}  // namespace

websocket_stream::websocket_stream(std::unique_ptr<stream> below,
                                   websocket_upgrade agreed,
                                   std::size_t most)
    : below_(std::move(below)),
      reader_({agreed.masks, agreed.compresses}),
      framing_{agreed.compresses, agreed.splits_compressed,
               agreed.wants_small ? longest_for_browser : 0},
      most_(static_cast<std::uint32_t>(std::min<std::size_t>(most, UINT32_MAX))),
      forwarded_for_(std::move(agreed.forwarded_for)),
      who_(std::move(agreed.who)) {}

stream::result websocket_stream::read(std::span<char> into) {
  if (has_plain()) return hand_out(into);
  // What is behind the end is nobody's.
  if (end_ != status::more) return {0, end_};
  std::size_t size = 0;
  auto state = status::more;
  const bool has_raw = unpacking_ != nullptr && unpacking_->has_raw();
  if (has_raw) {
    const auto& raw = unpacking_->raw;
    size = std::min({raw.size() - unpacking_->next_raw, into.size(), most_raw});
    std::copy_n(raw.begin() + static_cast<std::ptrdiff_t>(unpacking_->next_raw), size,
                into.begin());
  } else {
    // What is left between two messages is too much for an idle connection.
    if (unpacking_ != nullptr && unpacking_->packed.empty()) unpacking_.reset();
    const auto got = below_->read(into);
    if (got.size == 0) return got;
    size = got.size;
    state = got.state;
  }
  std::size_t used = size;
  auto out = take_frames(into, used);
  if (has_raw) {
    unpacking_->next_raw += used;
  } else if (used < size && end_ == status::more) {
    // Order: what follows a compressed message waits until that has been handed out.
    auto& raw = packed().raw;
    raw.assign(into.begin() + static_cast<std::ptrdiff_t>(used),
               into.begin() + static_cast<std::ptrdiff_t>(size));
    unpacking_->next_raw = 0;
  }
  if (has_plain()) out += hand_out(into.subspan(out)).size;
  const bool has_more = end_ != status::more || (unpacking_ != nullptr && unpacking_->waits());
  return {out, has_more ? status::more : state, !answer_.empty()};
}

// Turns the bytes at the front of `into` into those of messages, and says how many there are. Of
// the `size` bytes, says how many it has used: up to a compressed message that holds something.
std::size_t websocket_stream::take_frames(std::span<char> into, std::size_t& size) {
  const auto all = std::exchange(size, 0);
  std::size_t out = 0;
  for (;;) {
    const auto found = reader_.next(into.data() + size, all - size, into.data() + out);
    size += found.used;
    switch (found.what) {
      case kind::nothing:
        return out;
      case kind::broken:
        break_off(close_reason::protocol_error, found.payload);
        return out;
      case kind::data:
        if (!found.is_compressed) {
          out += found.payload.size();
          break;
        }
        packed().packed.insert(packed().packed.end(), found.payload.begin(), found.payload.end());
        if (packed().packed.size() > most_) {
          break_off(close_reason::max_payload, "a compressed message is too long");
          return out;
        }
        if (!found.ends_message) break;
        unpack();
        if (end_ != status::more) return out;
        if (has_plain()) return out;
        break;
      default:
        on_control(found);
        if (end_ != status::more) return out;
        break;
    }
  }
}

void websocket_stream::on_control(const ws_reader::event& what) {
  if (what.what == kind::ping) {
    answer_ += protocol::make_ws_control(protocol::ws_opcode::pong, what.payload);
  } else if (what.what == kind::close) {
    end_ = status::ended;
    if (what.payload.size() < 2) return;
    close_code_ = static_cast<std::uint16_t>(static_cast<unsigned char>(what.payload[0]) << 8 |
                                             static_cast<unsigned char>(what.payload[1]));
  }
}

void websocket_stream::break_off(close_reason why, std::string_view text) {
  end_ = status::violated;
  violation_ = {why, text};
}

websocket_stream::unpacking& websocket_stream::packed() {
  if (unpacking_ == nullptr) unpacking_ = std::make_unique<unpacking>();
  return *unpacking_;
}

void websocket_stream::unpack() {
  // Of the thread, since nothing is kept from one message to the next.
  thread_local inflater all;
  auto& packed = unpacking_->packed;
  auto& plain = unpacking_->plain;
  const auto outcome = all.decompress({packed.data(), packed.size()}, most_, plain);
  packed.clear();
  if (outcome != inflater::outcome::done) plain = {};
  if (outcome == inflater::outcome::too_large) {
    break_off(close_reason::max_payload, "a compressed message holds too much");
  } else if (outcome == inflater::outcome::damaged) {
    break_off(close_reason::protocol_error, "a compressed message is damaged");
  }
}

stream::result websocket_stream::hand_out(std::span<char> into) {
  auto& plain = unpacking_->plain;
  auto& next = unpacking_->next_plain;
  const auto size = std::min(into.size(), plain.size() - next);
  std::copy_n(plain.begin() + static_cast<std::ptrdiff_t>(next), size, into.begin());
  next += size;
  if (next == plain.size()) {
    plain.clear();
    next = 0;
  }
  return {size, status::more};
}

std::string websocket_stream::farewell(close_reason why) {
  const bool is_echo = why == close_reason::client_closed && close_code_ != 0;
  return protocol::make_ws_close(is_echo ? close_code_ : close_code(why), to_string(why));
}

}  // namespace nuncio::server
