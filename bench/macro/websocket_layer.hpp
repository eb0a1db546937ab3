// A WebSocket's client side (RFC 6455): the upgrade, masked frames out, frames in; with
// permessage-deflate (RFC 7692) if it is wanted, each message by itself.
#pragma once

#include "layer.hpp"

#include <zlib.h>

#include <array>
#include <cstdint>
#include <memory>
#include <string>

namespace nuncio::bench {

class websocket_layer final : public layer {
 public:
  websocket_layer(int fd, bool deflates);
  ~websocket_layer() override;

  bool is_opening() const override { return phase_ == phase::upgrading; }
  std::size_t receive_some(char* into, std::size_t room) override;

 protected:
  std::size_t encode(std::string_view bytes, std::string& out) override;

 private:
  enum class phase : std::uint8_t { upgrading, header, payload, control, tail };
  static constexpr std::size_t raw_size = 64 * 1024;

  void read_socket();
  void take_upgrade();
  void take_header();
  std::size_t take_payload(char* into, std::size_t room);
  void take_control();
  std::size_t inflate_some(const char* from, std::size_t& size, char* into, std::size_t room);
  void end_frame();
  void append_frame(unsigned char first, std::string_view payload, std::string& out);
  std::string_view raw() const { return {raw_.get() + at_, end_ - at_}; }

  bool deflates_;
  phase phase_ = phase::upgrading;
  std::unique_ptr<char[]> raw_;  // NOLINT(*-avoid-c-arrays): left uninitialised
  std::size_t at_ = 0;           // what is left in it
  std::size_t end_ = 0;
  std::string head_;  // of the server's answer, then of control frames
  std::array<unsigned char, 10> header_{};
  std::size_t header_size_ = 0;  // bytes of it that are there
  std::uint64_t left_ = 0;       // of the frame's payload
  bool is_last_ = false;         // frame of its message
  bool is_deflated_ = false;     // the message
  std::size_t tail_at_ = 0;      // bytes of what every deflated message ends with
  std::uint32_t mask_ = 0x9e3779b9;
  z_stream inflating_{};
  z_stream deflating_{};
  std::string deflated_;
};

}  // namespace nuncio::bench
