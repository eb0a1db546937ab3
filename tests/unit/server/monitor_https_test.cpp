#include "certificates.hpp"
#include "monitor_site.hpp"
#include "net/tls_files.hpp"

#include <doctest/doctest.h>

#include <openssl/bio.h>
#include <openssl/ssl.h>
#include <openssl/x509.h>

#include <array>
#include <cstddef>
#include <filesystem>
#include <memory>
#include <string>
#include <utility>
#include <vector>

using namespace nuncio::server;
using namespace nuncio::server::monitor;
using nuncio::test::site;
using nuncio::test::visitor;

namespace {

// Files as a server has them, and their certification authority.
struct identity {
  explicit identity(bool verifies = false) {
    const auto own = authority.sign("IP:127.0.0.1");
    options.cert_file = own.certificate;
    options.key_file = own.key;
    options.ca_file = authority.ca();
    options.verify = verifies;
    options.pinned_certs = {std::string(64, 'a')};
    files = tls_files::make(options, problems);
    REQUIRE(files != nullptr);
  }
  [[nodiscard]] http_settings settings() const {
    http_settings out;
    out.tls = [from = files] { return from->now(); };
    return out;
  }

  nuncio::test::certificates authority;
  tls_options options;
  std::vector<tls_problem> problems;
  std::shared_ptr<tls_files> files;
};

class secure_visitor {
 public:
  explicit secure_visitor(site& at) : at_(at), socket_(at.port()) {
    BIO* const bio = BIO_new_socket(socket_.descriptor(), BIO_NOCLOSE);
    BIO_socket_nbio(socket_.descriptor(), 1);
    SSL_set_bio(session_.get(), bio, bio);
    SSL_set_connect_state(session_.get());
    at.until([this] { return SSL_do_handshake(session_.get()) == 1; });
  }

  [[nodiscard]] std::string asked(const std::string& request, std::size_t size) {
    std::size_t moved = 0;
    SSL_write_ex(session_.get(), request.data(), request.size(), &moved);
    std::string out;
    std::array<char, 16384> bytes{};
    at_.until([&] {
      while (SSL_read_ex(session_.get(), bytes.data(), bytes.size(), &moved) == 1) {
        out.append(bytes.data(), moved);
      }
      const auto head = out.find("\r\n\r\n");
      return head != std::string::npos && out.size() >= head + 4 + size;
    });
    return out;
  }
  [[nodiscard]] std::string serial() const {
    const auto* const number = X509_get0_serialNumber(SSL_get0_peer_certificate(session_.get()));
    return {reinterpret_cast<const char*>(number->data), static_cast<std::size_t>(number->length)};
  }

 private:
  site& at_;
  visitor socket_;
  std::unique_ptr<SSL_CTX, decltype(&SSL_CTX_free)> context_{SSL_CTX_new(TLS_client_method()),
                                                             SSL_CTX_free};
  std::unique_ptr<SSL, decltype(&SSL_free)> session_{SSL_new(context_.get()), SSL_free};
};

const std::string request = "GET /varz HTTP/1.1\r\nHost: x\r\n\r\n";

http_handler always(std::string body) {
  return [body = std::move(body)](const http_request&, const http_reply& reply) {
    reply({200, "application/json", body, {}});
  };
}

}  // namespace

TEST_CASE("HTTPS: pages of any size") {
  const identity its;
  std::string large;
  for (int i = 0; large.size() < 5'000'000; ++i) large += std::to_string(i) + ' ';
  site at(always(large), its.settings());
  secure_visitor one(at);
  for (int i = 0; i < 2; ++i) {
    const auto answer = one.asked(request, large.size());
    CHECK(answer.starts_with("HTTP/1.1 200 OK\r\n"));
    CHECK(answer.ends_with("\r\n\r\n" + large));
  }
  CHECK(at.connections() == 1);
}

TEST_CASE("HTTPS: nobody is asked for a certificate, whatever clients of NATS need") {
  const identity its(true);
  site at(always("{}"), its.settings());
  secure_visitor one(at);
  CHECK(one.asked(request, 2).ends_with("{}"));
}

TEST_CASE("HTTPS: certificates that have changed are those of the next handshake") {
  identity its;
  site at(always("{}"), its.settings());
  const auto before = secure_visitor(at).serial();
  const auto next = its.authority.sign("IP:127.0.0.1");
  std::filesystem::rename(next.certificate, its.options.cert_file);
  std::filesystem::rename(next.key, its.options.key_file);
  REQUIRE(its.files->look(its.problems) == tls_files::outcome::same);
  REQUIRE(its.files->look(its.problems) == tls_files::outcome::renewed);
  CHECK(secure_visitor(at).serial() != before);
}

TEST_CASE("HTTPS: who speaks HTTP is told") {
  const identity its;
  site at(always("{}"), its.settings());
  visitor plain(at.port());
  plain.say(request);
  at.until([&] { return plain.is_over(); });
  const auto answer = plain.take();
  CHECK(answer.starts_with("HTTP/1.1 400 Bad Request\r\n"));
  CHECK(answer.ends_with("Client sent an HTTP request to an HTTPS server.\n"));
}

TEST_CASE("HTTPS: what is no handshake ends the connection") {
  const identity its;
  site at(always("{}"), its.settings());
  visitor odd(at.port());
  odd.say(std::string("\x16\x03\x01") + std::string(100, 'x'));
  at.until([&] { return odd.is_over(); });
  CHECK(at.connections() == 0);
}
