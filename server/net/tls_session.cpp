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

// What is left of a list of pieces.
class tls_session::piece_cursor {
 public:
  piece_cursor(const iovec* pieces, std::size_t count) : at_(pieces), end_(pieces + count) {
    skip(0);
  }
  [[nodiscard]] bool at_end() const noexcept { return at_ == end_; }

  // For one record: of a large piece as it lies, of small ones gathered in `room`.
  [[nodiscard]] std::span<const char> next(std::span<char> room) const {
    if (left() >= room.size() || at_ + 1 == end_) return {begin(), left()};
    auto part = left();
    std::memcpy(room.data(), begin(), part);
    auto size = part;
    for (const iovec* each = at_ + 1; each != end_ && size < room.size(); ++each) {
      part = std::min(each->iov_len, room.size() - size);
      std::memcpy(room.data() + size, each->iov_base, part);
      size += part;
    }
    return room.first(size);
  }

  void skip(std::size_t size) noexcept {
    done_ += size;
    while (at_ != end_ && done_ >= at_->iov_len) done_ -= at_++->iov_len;
  }

 private:
  [[nodiscard]] const char* begin() const {
    return static_cast<const char*>(at_->iov_base) + done_;
  }
  [[nodiscard]] std::size_t left() const { return at_->iov_len - done_; }

  const iovec* at_;
  const iovec* end_;
  std::size_t done_ = 0;  // of the first
};

// Records, one behind the other, to be sent at once: a system call for each would cost as much as
// its encryption.
struct tls_session::pack {
  static constexpr std::size_t enough = 3 * record_size;

  std::array<char, enough + 2 * SSL3_RT_MAX_PACKET_SIZE> bytes;  // not initialised: it is large
  std::size_t size = 0;

  // As a BIO writes.
  int append(const char* from, int count) {
    const auto part = static_cast<std::size_t>(count);
    if (part > bytes.size() - size) return -1;
    std::memcpy(bytes.data() + size, from, part);
    size += part;
    return count;
  }
};

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
  auto& self = *static_cast<tls_session*>(BIO_get_data(to));
  BIO_clear_retry_flags(to);
  if (self.packing_ != nullptr) return self.packing_->append(from, size);
  // OpenSSL speaks for itself: only behind what write() has said.
  if (!self.unsent_.empty()) {
    BIO_set_retry_write(to);
    return -1;
  }
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

void tls_session::ask_no_certificate() {
  SSL_set_verify(ssl_, SSL_VERIFY_NONE, nullptr);
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
  std::size_t sent = 0;
  bool all_sent = unsent_.empty() || send_unsent(sent);
  piece_cursor from(pieces, count);
  from.skip(sent);
  while (all_sent && !from.at_end()) {
    pack records;
    all_sent = encrypt(from, records) && send(records, sent);
  }
  if (broken_) return {sent, stream::status::failed};
  if (all_sent) return {sent, stream::status::more};
  return {sent, sent != 0 ? stream::status::drained : stream::status::would_block};
}

bool tls_session::encrypt(piece_cursor& from, pack& into) {
  std::array<char, record_size> gathered;  // NOLINT(*-member-init): it is large
  packing_ = &into;
  while (!from.at_end() && into.size < pack::enough) {
    const auto data = from.next(gathered);
    ERR_clear_error();
    std::size_t taken = 0;
    if (SSL_write_ex(ssl_, data.data(), data.size(), &taken) != 1) {
      ERR_clear_error();
      broken_ = true;
      break;
    }
    ahead_ += taken;
    from.skip(taken);
  }
  packing_ = nullptr;
  return !broken_;
}

bool tls_session::send(const pack& records, std::size_t& sent) {
  const auto taken = send_some({records.bytes.data(), records.size}, sent);
  unsent_.assign(records.bytes.data() + taken, records.size - taken);
  return unsent_.empty();
}

bool tls_session::send_unsent(std::size_t& sent) {
  unsent_.erase(0, send_some(unsent_, sent));
  if (!unsent_.empty()) return false;
  unsent_ = {};
  return true;
}

// As many bytes of a message count as unsent as there are bytes of its records that are: so whoever
// sends waits for room until all have left, and gives the same bytes again.
std::size_t tls_session::send_some(std::string_view bytes, std::size_t& sent) {
  const auto taken = ::send(descriptor_, bytes.data(), bytes.size(), MSG_NOSIGNAL);
  if (taken < 0) {
    broken_ = !is_would_block(errno);
    return 0;
  }
  const auto left = std::min(ahead_, bytes.size() - static_cast<std::size_t>(taken));
  sent += std::exchange(ahead_, left) - left;
  return static_cast<std::size_t>(taken);
}

void tls_session::say_goodbye() {
  if (broken_ || !unsent_.empty()) return;
  ERR_clear_error();
  SSL_shutdown(ssl_);
  ERR_clear_error();
}

std::string tls_session::describe() const {
  return std::string(SSL_get_version(ssl_)) + " " + SSL_get_cipher_name(ssl_) +
         (SSL_session_reused(ssl_) == 1 ? ", resumed" : "");
}

}  // namespace nuncio::server
