#pragma once

#include "deflate.hpp"
#include "stream.hpp"
#include "websocket_framing.hpp"
#include "websocket_upgrade.hpp"

#include <nuncio/protocol/ws_frame.hpp>

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <vector>

namespace nuncio::server {

/// A WebSocket after its upgrade: takes frames off what is read. What is written has them already,
/// by framing(), so that a queue holds what goes over the wire and whoever holds the right to send
/// may.
class websocket_stream final : public stream {
 public:
  /// `most`: bytes of a message that was compressed.
  websocket_stream(std::unique_ptr<stream> below, websocket_upgrade agreed, std::size_t most);
  websocket_stream(const websocket_stream&) = delete;
  websocket_stream& operator=(const websocket_stream&) = delete;
  ~websocket_stream() override = default;

  result read(std::span<char> into) override;
  result write(const iovec* pieces, std::size_t count) override {
    return below_->write(pieces, count);
  }
  void wait_readable(stream_events& who) override { below_->wait_readable(who); }
  void wait_writable(stream_events& who) override { below_->wait_writable(who); }
  void cancel_waits() override { below_->cancel_waits(); }
  void leave_loop() override { below_->leave_loop(); }
  void join_loop(boost::asio::io_context& loop) override { below_->join_loop(loop); }
  void shutdown() override { below_->shutdown(); }
  [[nodiscard]] std::string take_answer() override { return std::move(answer_); }
  [[nodiscard]] std::string farewell(close_reason why) override;
  [[nodiscard]] complaint violation() const override { return violation_; }
  [[nodiscard]] bool is_direct() const noexcept override { return below_->is_direct(); }
  [[nodiscard]] connection_type type() const noexcept override {
    return connection_type::websocket;
  }
  [[nodiscard]] int descriptor() const noexcept override { return below_->descriptor(); }
  [[nodiscard]] std::unique_ptr<certificate_names> peer_names() const override {
    return below_->peer_names();
  }
  [[nodiscard]] std::unique_ptr<tls_view> tls(bool with_certificates) const override {
    return below_->tls(with_certificates);
  }
  [[nodiscard]] const websocket_framing* framing() const noexcept override { return &framing_; }
  [[nodiscard]] const websocket_cookies* cookies() const noexcept override { return who_.get(); }
  [[nodiscard]] std::string_view forwarded_for() const noexcept override { return forwarded_for_; }

 private:
  // Only while compressed messages come in.
  struct unpacking {
    std::vector<char> packed;  // of the message, as far as it has come
    std::vector<char> plain;   // not handed out yet, from `next_plain` on
    std::vector<char> raw;     // came behind that, from `next_raw` on
    std::size_t next_plain = 0;
    std::size_t next_raw = 0;

    [[nodiscard]] bool has_plain() const noexcept { return next_plain < plain.size(); }
    [[nodiscard]] bool has_raw() const noexcept { return next_raw < raw.size(); }
    // To be read, without a word from the socket.
    [[nodiscard]] bool waits() const noexcept { return has_plain() || has_raw(); }
  };

  std::size_t take_frames(std::span<char> into, std::size_t& size);
  void on_control(const protocol::ws_reader::event& what);
  void break_off(close_reason why, std::string_view text);
  [[nodiscard]] unpacking& packed();
  void unpack();
  [[nodiscard]] bool has_plain() const noexcept {
    return unpacking_ != nullptr && unpacking_->has_plain();
  }
  result hand_out(std::span<char> into);

  std::unique_ptr<stream> below_;
  protocol::ws_reader reader_;
  const websocket_framing framing_;
  const std::uint32_t most_;
  std::uint16_t close_code_ = 0;  // that the peer has closed with
  status end_ = status::more;     // what read() says once all is handed out
  complaint violation_;
  std::string answer_;
  std::string forwarded_for_;
  std::unique_ptr<websocket_cookies> who_;
  std::unique_ptr<unpacking> unpacking_;
};

}  // namespace nuncio::server
