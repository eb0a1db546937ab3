#pragma once

#include "stream.hpp"

#include <boost/asio/basic_stream_socket.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>

#include <cstddef>
#include <new>

namespace nuncio::server {

/// Memory for one pending wait, so that arming it allocates nothing.
class wait_memory {
 public:
  static constexpr std::size_t size = 96;

  void* take(std::size_t wanted) {
    if (busy_ || wanted > size) return ::operator new(wanted);
    busy_ = true;
    return bytes_;
  }
  void give(void* memory) noexcept {
    if (memory == bytes_) {
      busy_ = false;
    } else {
      ::operator delete(memory);
    }
  }

 private:
  alignas(8) std::byte bytes_[size];
  bool busy_ = false;
};

/// Plain TCP: Asio waits for readiness, the descriptor is read and written directly.
class tcp_stream final : public stream {
 public:
  using socket = boost::asio::basic_stream_socket<boost::asio::ip::tcp,
                                                  boost::asio::io_context::executor_type>;

  /// Pre: `open` is connected and non-blocking.
  explicit tcp_stream(socket open);

  result read(std::span<char> into) override;
  result write(const iovec* pieces, std::size_t count) override;
  void wait_readable(stream_events& who) override;
  void wait_writable(stream_events& who) override;
  void cancel_waits() override;
  void leave_loop() override;
  void join_loop(boost::asio::io_context& loop) override;
  void shutdown() override;
  [[nodiscard]] bool is_direct() const noexcept override { return true; }
  [[nodiscard]] int descriptor() const noexcept override { return descriptor_; }

 private:
  socket socket_;
  [[no_unique_address]] wait_memory read_wait_;  // whose padding has room for the next
  const int descriptor_;                         // other threads may use it, never Asio's object
};

}  // namespace nuncio::server
