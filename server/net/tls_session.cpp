#include "tls_session.hpp"

#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/ssl.h>
#include <openssl/x509.h>
#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <system_error>
#include <utility>

namespace nuncio::server {
namespace {

constexpr std::size_t record_size = 16 * 1024;

bool is_would_block(int error) noexcept {
  return error == EAGAIN || error == EWOULDBLOCK || error == EINTR;
}

long socket_control(BIO*, int command, long, void*) {
  return command == BIO_CTRL_FLUSH ? 1 : 0;
}

tls_context::fingerprint fingerprint_of(X509* certificate) {
  tls_context::fingerprint out{};
  unsigned char* der = nullptr;
  const int size = i2d_X509_PUBKEY(X509_get_X509_PUBKEY(certificate), &der);
  if (size > 0) {
    EVP_Digest(der, static_cast<std::size_t>(size), out.data(), nullptr, EVP_sha256(), nullptr);
  }
  OPENSSL_free(der);
  return out;
}

}  // namespace

// OpenSSL's own would write in a way that raises SIGPIPE, which is the embedding program's to
// handle.
const BIO_METHOD* tls_session::socket_method() {
  static const BIO_METHOD* const method = [] {
    BIO_METHOD* const made = BIO_meth_new(BIO_get_new_index() | BIO_TYPE_SOURCE_SINK, "nuncio");
    BIO_meth_set_read(made, socket_read);
    BIO_meth_set_write(made, socket_write);
    BIO_meth_set_ctrl(made, socket_control);
    return made;
  }();
  return method;
}

int tls_session::socket_read(BIO* from, char* into, int size) {
  auto& self = *static_cast<tls_session*>(BIO_get_data(from));
  BIO_clear_retry_flags(from);
  const auto got = ::recv(self.descriptor_, into, static_cast<std::size_t>(size), 0);
  self.socket_drained_ = got < size;
  if (got < 0 && is_would_block(errno)) BIO_set_retry_read(from);
  if (got == 0) self.socket_ended_ = true;
  return static_cast<int>(got);
}

int tls_session::socket_write(BIO* to, const char* from, int size) {
  const auto& self = *static_cast<tls_session*>(BIO_get_data(to));
  BIO_clear_retry_flags(to);
  const auto sent = ::send(self.descriptor_, from, static_cast<std::size_t>(size), MSG_NOSIGNAL);
  if (sent < 0 && is_would_block(errno)) BIO_set_retry_write(to);
  return static_cast<int>(sent);
}

tls_session::tls_session(std::shared_ptr<const tls_context> with, int descriptor)
    : with_(std::move(with)), ssl_(with_->new_session()), descriptor_(descriptor) {
  BIO* const socket = BIO_new(socket_method());
  if (ssl_ == nullptr || socket == nullptr) throw std::bad_alloc{};
  BIO_set_data(socket, this);
  BIO_set_init(socket, 1);
  SSL_set_bio(ssl_, socket, socket);
  SSL_set_accept_state(ssl_);
}

tls_session::~tls_session() {
  SSL_free(ssl_);
}

tls_session::step tls_session::handshake() {
  ERR_clear_error();
  const int result = SSL_do_handshake(ssl_);
  if (result == 1) return step::done;
  switch (SSL_get_error(ssl_, result)) {
    case SSL_ERROR_WANT_READ:
      return step::wants_read;
    case SSL_ERROR_WANT_WRITE:
      return step::wants_write;
    default:
      break;
  }
  broken_ = true;
  const auto code = ERR_peek_error();
  const char* const text = code != 0 ? ERR_reason_error_string(code) : nullptr;
  failure_ = text != nullptr ? text
             : socket_ended_ ? "EOF"
                             : std::generic_category().message(errno);
  if (const auto verified = SSL_get_verify_result(ssl_); verified != X509_V_OK) {
    failure_.append(" (").append(X509_verify_cert_error_string(verified)).append(")");
  }
  ERR_clear_error();
  return step::failed;
}

// Our own last word is out, so no key is agreed upon any more; a certificate could still come.
bool tls_session::is_nearly_done() const {
  std::array<char, EVP_MAX_MD_SIZE> ours{};
  return SSL_get_finished(ssl_, ours.data(), ours.size()) != 0 &&
         SSL_get_verify_mode(ssl_) == SSL_VERIFY_NONE;
}

std::string tls_session::objection() const {
  X509* const certificate = SSL_get0_peer_certificate(ssl_);
  if (with_->has_pins() &&
      (certificate == nullptr || !with_->is_pinned(fingerprint_of(certificate)))) {
    return "certificate not pinned";
  }
  // A session that is resumed doesn't show its certificate anew.
  if (certificate != nullptr && X509_cmp_current_time(X509_get0_notAfter(certificate)) < 0) {
    return "certificate has expired";
  }
  return {};
}

stream::result tls_session::read(std::span<char> into) {
  if (end_ != stream::status::more) return {0, end_};
  read_wants_write_ = false;
  std::size_t size = 0;
  for (;;) {
    ERR_clear_error();
    std::size_t got = 0;
    const int result = SSL_read_ex(ssl_, into.data() + size, into.size() - size, &got);
    if (result == 1) {
      size += got;
      if (size == into.size()) return {size, stream::status::more};
      if (socket_drained_ && SSL_has_pending(ssl_) == 0) return {size, stream::status::drained};
      continue;
    }
    switch (SSL_get_error(ssl_, result)) {
      case SSL_ERROR_WANT_WRITE:
        read_wants_write_ = true;
        [[fallthrough]];
      case SSL_ERROR_WANT_READ:
        return {size, size != 0 ? stream::status::drained : stream::status::would_block};
      case SSL_ERROR_ZERO_RETURN:
        end_ = stream::status::ended;
        break;
      default:
        broken_ = true;
        end_ = socket_ended_ ? stream::status::ended : stream::status::failed;
        break;
    }
    ERR_clear_error();
    // What came before the end counts.
    return size != 0 ? stream::result{size, stream::status::more} : stream::result{0, end_};
  }
}

stream::result tls_session::write(const iovec* pieces, std::size_t count) {
  // Small pieces go into one record. Not initialised: it is large.
  std::array<char, record_size> gathered;  // NOLINT(*-member-init)
  std::size_t sent = 0;
  std::size_t at = 0;    // piece
  std::size_t skip = 0;  // bytes of it that are sent
  const auto left_of = [&](std::size_t i) { return pieces[i].iov_len - (i == at ? skip : 0); };
  const auto begin_of = [&](std::size_t i) {
    return static_cast<const char*>(pieces[i].iov_base) + (i == at ? skip : 0);
  };
  for (;;) {
    while (at < count && left_of(at) == 0) {
      ++at;
      skip = 0;
    }
    if (at == count) return {sent, stream::status::more};
    const char* data = begin_of(at);
    std::size_t size = left_of(at);
    if (size < record_size && at + 1 < count) {
      // A record that is half sent is tried again with the same bytes: the queue keeps them in
      // front, so that at least as many are found.
      size = 0;
      for (std::size_t i = at; i < count && size < record_size; ++i) {
        const auto part = std::min(left_of(i), record_size - size);
        std::memcpy(gathered.data() + size, begin_of(i), part);
        size += part;
      }
      data = gathered.data();
    }
    ERR_clear_error();
    std::size_t taken = 0;
    const int result = SSL_write_ex(ssl_, data, size, &taken);
    write_pending_ = result != 1;
    if (result != 1) {
      if (SSL_get_error(ssl_, result) == SSL_ERROR_WANT_WRITE) {
        return {sent, sent != 0 ? stream::status::drained : stream::status::would_block};
      }
      ERR_clear_error();
      broken_ = true;
      return {sent, stream::status::failed};
    }
    sent += taken;
    for (skip += taken; at < count && skip >= pieces[at].iov_len; ++at) skip -= pieces[at].iov_len;
  }
}

void tls_session::say_goodbye() {
  if (broken_ || write_pending_) return;
  ERR_clear_error();
  SSL_shutdown(ssl_);
  ERR_clear_error();
}

std::string tls_session::describe() const {
  return std::string(SSL_get_version(ssl_)) + " " + SSL_get_cipher_name(ssl_) +
         (SSL_session_reused(ssl_) == 1 ? ", resumed" : "");
}

}  // namespace nuncio::server
