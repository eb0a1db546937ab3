#include "tls.hpp"

#include "lower_stream.hpp"
#include "transport_stream.hpp"

#include <nuncio/client/error.hpp>

#include <boost/asio/associated_cancellation_slot.hpp>
#include <boost/asio/error.hpp>
#include <boost/asio/ip/address.hpp>
#include <boost/asio/ssl/context.hpp>
#include <boost/asio/ssl/error.hpp>
#include <boost/asio/ssl/stream.hpp>

#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509_vfy.h>

#include <utility>

namespace nuncio::client {

namespace asio = boost::asio;
using boost::system::error_code;

class tls_context {
 public:
  explicit tls_context(bool verifies) : verifies_(verifies) {}
  [[nodiscard]] asio::ssl::context& get() noexcept { return context_; }
  [[nodiscard]] bool verifies() const noexcept { return verifies_; }

 private:
  asio::ssl::context context_{asio::ssl::context::tls_client};
  bool verifies_;
};

namespace {

/// A handler that takes an end without a goodbye for an end.
struct cut_is_end {
  transport::handler done;
  void operator()(error_code error, std::size_t size) {
    const bool is_cut = error == asio::ssl::error::stream_truncated;
    std::move(done)(is_cut ? error_code(asio::error::eof) : error, size);
  }
};

class tls_transport final : public transport_stream<asio::ssl::stream<lower_stream>> {
 public:
  // OpenSSL counts who holds its context, so nothing of ours need be kept.
  tls_transport(lower_stream below, tls_context& with)
      : transport_stream(asio::ssl::stream<lower_stream>(std::move(below), with.get())),
        verifies_(with.verifies()) {}

  // The protocol says itself where a message ends, so a server that dies without a goodbye of TLS'
  // cuts nothing off unnoticed.
  void async_read_some(std::span<char> into, handler done) override {
    stream().async_read_some(asio::buffer(into.data(), into.size()), cut_is_end{std::move(done)});
  }

  error_code set_host(const std::string& host) {
    error_code is_name;
    asio::ip::make_address(host, is_name);
    SSL* const ssl = stream().native_handle();
    bool ok = true;
    // Names only may be indicated: RFC 6066, section 3.
    if (is_name) {
      // SSL_set_tlsext_host_name(), a macro with a cast, for a string that is copied.
      auto* const name = const_cast<char*>(host.c_str());  // NOLINT(*-const-cast)
      ok = SSL_ctrl(ssl, SSL_CTRL_SET_TLSEXT_HOSTNAME, TLSEXT_NAMETYPE_host_name, name) == 1;
    }
    if (verifies_) {
      X509_VERIFY_PARAM* const param = SSL_get0_param(ssl);
      ok = ok && (is_name ? X509_VERIFY_PARAM_set1_host(param, host.c_str(), host.size()) == 1
                          : X509_VERIFY_PARAM_set1_ip_asc(param, host.c_str()) == 1);
      SSL_set_verify(ssl, SSL_VERIFY_PEER, nullptr);
    }
    return ok ? error_code{} : errc::bad_options;
  }
  template <class Done>
  void handshake(Done done) {
    stream().async_handshake(asio::ssl::stream_base::client, std::move(done));
  }
  // What a handshake's failure means; OpenSSL says of certificates only that there is something.
  [[nodiscard]] error_code meaning(error_code error) {
    if (verifies_) {
      switch (SSL_get_verify_result(stream().native_handle())) {
        case X509_V_OK:
          break;
        case X509_V_ERR_CERT_HAS_EXPIRED:
        case X509_V_ERR_CERT_NOT_YET_VALID:
          return errc::certificate_expired;
        case X509_V_ERR_HOSTNAME_MISMATCH:
        case X509_V_ERR_IP_ADDRESS_MISMATCH:
          return errc::wrong_host;
        default:
          return errc::untrusted;
      }
    }
    if (error == asio::ssl::error::stream_truncated) return errc::disconnected;
    if (error.category() == asio::error::get_ssl_category() &&
        ERR_GET_REASON(static_cast<unsigned long>(error.value())) == SSL_R_WRONG_VERSION_NUMBER) {
      return errc::tls_unavailable;
    }
    return error;
  }

 private:
  const bool verifies_;
};

error_code fail(std::string& why, const std::string& file, const error_code& error) {
  why = file + ": " + error.message();
  return errc::bad_credentials;
}

}  // namespace

boost::system::result<std::shared_ptr<tls_context>> make_tls_context(const tls_options& set,
                                                                     std::string& why) {
  auto out = std::make_shared<tls_context>(set.verify);
  auto& context = out->get();
  error_code error;
  SSL_CTX_set_min_proto_version(context.native_handle(), TLS1_2_VERSION);
  // Never at the terminal.
  context.set_password_callback(
      [](std::size_t, asio::ssl::context::password_purpose) { return std::string(); }, error);
  if (set.verify && set.ca_file.empty()) {
    context.set_default_verify_paths(error);
    if (error) return fail(why, "the system's certificates", error);
  } else if (set.verify) {
    context.load_verify_file(set.ca_file, error);
    if (error) return fail(why, set.ca_file, error);
  }
  if (set.certificate_file.empty()) return out;
  context.use_certificate_chain_file(set.certificate_file, error);
  if (error) return fail(why, set.certificate_file, error);
  const auto& key = set.key_file.empty() ? set.certificate_file : set.key_file;
  context.use_private_key_file(key, asio::ssl::context::pem, error);
  if (error) return fail(why, key, error);
  return out;
}

void start_tls(std::unique_ptr<transport> below,
               const asio::any_io_executor& executor,
               const std::shared_ptr<tls_context>& with,
               const std::string& host,
               stream_handler done) {
  auto stream = std::make_unique<tls_transport>(lower_stream(std::move(below), executor), *with);
  auto* const it = stream.get();
  const auto bad_host = it->set_host(host);
  if (bad_host) it->close();  // which ends the handshake below
  auto slot = asio::get_associated_cancellation_slot(done);
  if (slot.is_connected()) slot.assign([it](asio::cancellation_type) { it->close(); });
  it->handshake([stream = std::move(stream), done = std::move(done), slot,
                 bad_host](error_code error) mutable {
    if (slot.is_connected()) slot.clear();
    if (error) error = bad_host ? bad_host : stream->meaning(error);
    if (error) stream.reset();
    std::move(done)(error, std::move(stream));
  });
}

}  // namespace nuncio::client
