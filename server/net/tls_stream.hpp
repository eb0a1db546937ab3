#pragma once

#include "stream.hpp"
#include "tls_session.hpp"

#include <memory>

namespace nuncio::server {

/// TLS on a socket, after its handshake: OpenSSL works on the descriptor, the socket's own stream
/// waits. Only its owner writes, since one session must not be used by two threads.
class tls_stream final : public stream, private stream_events {
 public:
  /// Pre: `socket` has a descriptor, which `with` uses; nothing waits for it.
  tls_stream(std::unique_ptr<stream> socket, std::unique_ptr<tls_session> with)
      : socket_(std::move(socket)), session_(std::move(with)) {}
  tls_stream(const tls_stream&) = delete;
  tls_stream& operator=(const tls_stream&) = delete;
  ~tls_stream() override = default;

  result read(std::span<char> into) override { return session_->read(into); }
  result write(const iovec* pieces, std::size_t count) override {
    return session_->write(pieces, count);
  }
  void wait_readable(stream_events& who) override;
  void wait_writable(stream_events& who) override { socket_->wait_writable(who); }
  void cancel_waits() override { socket_->cancel_waits(); }
  void leave_loop() override { socket_->leave_loop(); }
  void join_loop(boost::asio::io_context& loop) override { socket_->join_loop(loop); }
  void shutdown() override;
  [[nodiscard]] bool is_direct() const noexcept override { return false; }
  [[nodiscard]] connection_type type() const noexcept override { return socket_->type(); }
  [[nodiscard]] int descriptor() const noexcept override { return socket_->descriptor(); }
  [[nodiscard]] std::unique_ptr<certificate_names> peer_names() const override {
    return session_->names();
  }
  [[nodiscard]] std::unique_ptr<tls_view> tls(bool with_certificates) const override {
    return session_->view(with_certificates);
  }

 private:
  // The socket is writable, which reading waited for.
  void on_readable(bool) override {}
  void on_writable(bool aborted) override { reader_->on_readable(aborted); }

  std::unique_ptr<stream> socket_;
  std::unique_ptr<tls_session> session_;
  stream_events* reader_ = nullptr;
};

}  // namespace nuncio::server
