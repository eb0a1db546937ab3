#include "tls_layer.hpp"

#include "failure.hpp"

#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <sys/socket.h>

#include <algorithm>
#include <cerrno>
#include <string>
#include <utility>
#include <vector>

namespace nuncio::bench {
namespace {

// As OpenSSL owns it.
struct session_deleter {
  void operator()(SSL_SESSION* s) const { SSL_SESSION_free(s); }
};
using session = std::unique_ptr<SSL_SESSION, session_deleter>;

[[noreturn]] void fail_by_tls(const std::string& what) {
  const auto code = ERR_peek_error();
  const char* const text = code != 0 ? ERR_reason_error_string(code) : nullptr;
  fail(what + ": " + (text != nullptr ? text : "the server closed a connection"));
}

}  // namespace

class tls_client {
 public:
  explicit tls_client(bool resumes) : context_(SSL_CTX_new(TLS_client_method())) {
    if (context_ == nullptr) fail_by_tls("SSL_CTX_new");
    SSL_CTX_set_min_proto_version(context_, TLS1_3_VERSION);
    SSL_CTX_set_mode(context_, SSL_MODE_RELEASE_BUFFERS | SSL_MODE_ENABLE_PARTIAL_WRITE |
                                   SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
    SSL_CTX_set_options(context_, SSL_OP_IGNORE_UNEXPECTED_EOF);
    // Many records by one recv: the generator shares the machine with the server.
    SSL_CTX_set_read_ahead(context_, 1);
    SSL_CTX_set_default_read_buffer_len(context_, read_buffer_size);
    SSL_CTX_set_app_data(context_, this);
    if (resumes) {
      SSL_CTX_set_session_cache_mode(context_, SSL_SESS_CACHE_CLIENT | SSL_SESS_CACHE_NO_INTERNAL);
      SSL_CTX_sess_set_new_cb(context_, on_ticket);
    }
  }
  tls_client(const tls_client&) = delete;
  tls_client& operator=(const tls_client&) = delete;
  ~tls_client() {
    tickets_.clear();
    SSL_CTX_free(context_);
  }

  SSL* new_connection() {
    SSL* const made = SSL_new(context_);
    if (made == nullptr) fail_by_tls("SSL_new");
    if (!tickets_.empty()) {  // each is used once
      SSL_set_session(made, tickets_.back().get());
      tickets_.pop_back();
    }
    SSL_set_connect_state(made);
    return made;
  }
  void count(bool resumed) {
    ++counts_.all;
    counts_.resumed += resumed ? 1 : 0;
  }
  const handshake_counts& counts() const { return counts_; }

 private:
  // Less than what malloc takes from the system anew each time.
  static constexpr std::size_t read_buffer_size = 96 * 1024;
  static constexpr std::size_t most_tickets = 64;

  // 1: the session is ours to free.
  static int on_ticket(SSL* of, SSL_SESSION* ticket) {
    auto& self = *static_cast<tls_client*>(SSL_CTX_get_app_data(SSL_get_SSL_CTX(of)));
    if (self.tickets_.size() == most_tickets) return 0;
    self.tickets_.emplace_back(ticket);
    return 1;
  }

  SSL_CTX* context_;
  std::vector<session> tickets_;
  handshake_counts counts_;
};

namespace {

class tls_layer final : public layer {
 public:
  tls_layer(int fd, std::shared_ptr<tls_client> with)
      : layer(fd), with_(std::move(with)), ssl_(with_->new_connection()) {
    BIO* const socket = BIO_new(method());
    if (socket == nullptr) fail_by_tls("BIO_new");
    BIO_set_data(socket, this);
    BIO_set_init(socket, 1);
    SSL_set_bio(ssl_, socket, socket);
  }
  ~tls_layer() override {
    ERR_clear_error();
    if (!is_opening()) {
      SSL_shutdown(ssl_);
      try {
        flush();
      } catch (const failure&) {  // it is gone already
      }
    }
    SSL_free(ssl_);
    ERR_clear_error();
  }

  bool is_opening() const override { return SSL_is_init_finished(ssl_) == 0; }

  std::size_t receive_some(char* into, std::size_t room) override {
    std::size_t size = 0;
    set_more(false);
    for (;;) {
      ERR_clear_error();
      const bool was_opening = is_opening();
      std::size_t got = 0;
      const int result = SSL_read_ex(ssl_, into + size, room - size, &got);
      if (was_opening && !is_opening()) with_->count(SSL_session_reused(ssl_) == 1);
      if (result == 1) {
        size += got;
        if (size == room) {
          set_more(SSL_has_pending(ssl_) == 1);
          break;
        }
        if (drained_ && SSL_has_pending(ssl_) == 0) break;
        continue;
      }
      if (SSL_get_error(ssl_, result) == SSL_ERROR_WANT_READ || size != 0) break;
      fail_by_tls("receiving by TLS");
    }
    flush();
    return size;
  }

 protected:
  // OpenSSL appends to what is unsent, which is `out`.
  std::size_t encode(std::string_view bytes, std::string&) override {
    ERR_clear_error();
    if (is_opening()) {
      const int result = SSL_do_handshake(ssl_);
      if (result != 1) {
        if (SSL_get_error(ssl_, result) == SSL_ERROR_WANT_READ) return 0;
        fail_by_tls("handshake");
      }
      with_->count(SSL_session_reused(ssl_) == 1);
    }
    std::size_t sent = 0;
    while (sent < bytes.size()) {
      std::size_t n = 0;
      if (SSL_write_ex(ssl_, bytes.data() + sent, bytes.size() - sent, &n) != 1) {
        fail_by_tls("sending by TLS");
      }
      sent += n;
    }
    return sent;
  }

 private:
  static const BIO_METHOD* method() {
    static const BIO_METHOD* const made = [] {
      BIO_METHOD* const m = BIO_meth_new(BIO_get_new_index() | BIO_TYPE_SOURCE_SINK, "bench");
      BIO_meth_set_read(m, read);
      BIO_meth_set_write(m, write);
      BIO_meth_set_ctrl(m, control);
      return m;
    }();
    return made;
  }
  static int read(BIO* from, char* into, int size) {
    auto& self = *static_cast<tls_layer*>(BIO_get_data(from));
    BIO_clear_retry_flags(from);
    const auto got = ::recv(self.fd(), into, static_cast<std::size_t>(size), MSG_DONTWAIT);
    self.drained_ = got < size;
    if (got < 0 && (errno == EAGAIN || errno == EINTR)) BIO_set_retry_read(from);
    return static_cast<int>(got);
  }
  static int write(BIO* to, const char* from, int size) {
    static_cast<tls_layer*>(BIO_get_data(to))
        ->unsent()
        .append(from, static_cast<std::size_t>(size));
    return size;
  }
  static long control(BIO*, int command, long, void*) { return command == BIO_CTRL_FLUSH ? 1 : 0; }

  std::shared_ptr<tls_client> with_;
  SSL* ssl_;
  bool drained_ = false;  // the socket, by the last recv
};

}  // namespace

std::shared_ptr<tls_client> make_tls_client(bool resumes) {
  return std::make_shared<tls_client>(resumes);
}

handshake_counts handshakes_of(const tls_client& of) {
  return of.counts();
}

std::unique_ptr<layer> make_tls_layer(int fd, std::shared_ptr<tls_client> with) {
  return std::make_unique<tls_layer>(fd, std::move(with));
}

}  // namespace nuncio::bench
