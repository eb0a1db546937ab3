#pragma once

#include "auth/certificate_names.hpp"
#include "stream.hpp"
#include "tls_context.hpp"

#include <nuncio/server/views.hpp>

#include <cstdint>
#include <memory>
#include <span>
#include <string>

struct bio_method_st;
struct bio_st;
struct x509_st;

namespace nuncio::server {

/// The server's side of TLS on one socket, which somebody else owns and waits for. Never blocks.
///
/// Thread safety: one thread at a time.
class tls_session {
 public:
  enum class step : std::uint8_t { done, wants_read, wants_write, failed };

  tls_session(std::shared_ptr<const tls_context> with, int descriptor);
  tls_session(const tls_session&) = delete;
  tls_session& operator=(const tls_session&) = delete;
  ~tls_session();

  /// Whatever the options say: before the handshake.
  void ask_no_certificate();
  /// As far as the handshake gets now.
  step handshake();
  /// Of the handshake nothing is left but to check the client's last word, which is cheap.
  [[nodiscard]] bool is_nearly_done() const;
  /// Once that is done: why the client may not come in in spite of it; empty: it may.
  [[nodiscard]] std::string objection() const;
  /// Why the handshake failed.
  [[nodiscard]] const std::string& failure() const noexcept { return failure_; }

  // As a stream has them.
  stream::result read(std::span<char> into);
  stream::result write(const iovec* pieces, std::size_t count);

  /// The last read() needs the socket to be writable before it gets further.
  [[nodiscard]] bool read_wants_write() const noexcept { return read_wants_write_; }
  /// Tells the peer that nothing more comes, if that can be said now.
  void say_goodbye();

  /// Of the client's certificate; null if it has none.
  [[nodiscard]] std::unique_ptr<certificate_names> names() const;
  [[nodiscard]] std::unique_ptr<tls_view> view(bool with_certificates) const;
  /// `TLSv1.3 TLS_AES_128_GCM_SHA256`, for logs.
  [[nodiscard]] std::string describe() const;

 private:
  static const bio_method_st* socket_method();
  static int socket_read(bio_st* from, char* into, int size);
  static int socket_write(bio_st* to, const char* from, int size);

  static tls_context::fingerprint fingerprint_of(x509_st* certificate);
  static certificate_view view_of(x509_st* certificate);

  class piece_cursor;
  struct pack;
  bool encrypt(piece_cursor& from, pack& into);
  bool send(const pack& records, std::size_t& sent);
  bool send_unsent(std::size_t& sent);
  std::size_t send_some(std::string_view bytes, std::size_t& sent);

  std::shared_ptr<const tls_context> with_;
  ssl_st* ssl_ = nullptr;
  const int descriptor_;
  stream::status end_ = stream::status::more;  // what read() says once all is read
  bool socket_drained_ = false;                // by the last recv
  bool socket_ended_ = false;
  bool read_wants_write_ = false;
  bool broken_ = false;
  pack* packing_ = nullptr;  // where records go while write() makes some
  std::string unsent_;       // of them, what the socket didn't take
  std::size_t ahead_ = 0;    // bytes in there that write() hasn't said are sent
  std::string failure_;
};

}  // namespace nuncio::server
