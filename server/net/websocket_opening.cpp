#include "websocket_opening.hpp"

#include "connection.hpp"
#include "shard.hpp"
#include "websocket_stream.hpp"

#include <array>
#include <utility>

namespace nuncio::server {

std::unique_ptr<opening> make_websocket_opening(connection& of) {
  return std::make_unique<websocket_opening>(of);
}

websocket_opening::websocket_opening(connection& of) : waiting_opening(of), rules_(home.rules_) {}

void websocket_opening::begin() {
  set_timer(rules_->opts.websocket.handshake_timeout);
  // Over TLS the request may have been read from the socket with the end of the handshake.
  read();
}

void websocket_opening::on_event() {
  note_event();
  read();
}

void websocket_opening::read() {
  std::array<char, 4096> buffer;  // NOLINT(*-member-init)
  for (;;) {
    const auto got = owner.stream_->read(buffer);
    if (got.state == stream::status::ended) return owner.end(close_reason::client_closed);
    if (got.state == stream::status::failed) return owner.end(close_reason::read_error);
    received_.append(buffer.data(), got.size);
    if (const auto size = end_of_upgrade(received_); size != 0) return decide(size);
    if (received_.size() >= longest_upgrade) return fail("request is too long");
    if (got.state != stream::status::more) return wait_readable();
  }
}

void websocket_opening::decide(std::size_t size) {
  if (received_.size() > size) return fail("client sent data before handshake is complete");
  const auto& opts = rules_->opts;
  auto agreed = answer_upgrade(received_, opts.websocket, home.io());
  owner.send(agreed.answer);
  if (!agreed.refusal.empty()) return fail(agreed.refusal);
  // What follows goes in frames.
  home.flush_own(owner);
  const auto most = static_cast<std::size_t>(opts.max_payload) + opts.max_control_line;
  owner.stream_ =
      std::make_unique<websocket_stream>(std::move(owner.stream_), std::move(agreed), most);
  owner.framing_ = owner.stream_->framing();
  hand_over(false);
}

void websocket_opening::on_timer() {
  if (is_late()) fail("timeout");
}

void websocket_opening::fail(std::string_view why) {
  home.note_rarely(owner, home.of().handshake_notice, log_level::error,
                   "websocket handshake error: ", why);
  owner.end(close_reason::protocol_error);
}

}  // namespace nuncio::server
