#include "net/tls_session.hpp"

#include "certificates.hpp"

#include <doctest/doctest.h>

#include <openssl/ssl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstddef>
#include <memory>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

using namespace nuncio::server;

namespace {

struct sockets {
  sockets() {
    if (::socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, fds.data()) != 0) {
      throw std::runtime_error("socketpair");
    }
  }
  sockets(const sockets&) = delete;
  sockets& operator=(const sockets&) = delete;
  ~sockets() {
    for (const int each : fds) ::close(each);
  }
  std::array<int, 2> fds{};
};

// A session and OpenSSL's own client, after their handshake.
struct conversation {
  conversation() : session(context(), pair.fds[0]) {
    SSL_set_fd(client.get(), pair.fds[1]);
    SSL_set_connect_state(client.get());
    auto ours = tls_session::step::wants_read;
    int connected = 0;
    for (int i = 0; i < 100 && (ours != tls_session::step::done || connected != 1); ++i) {
      connected = SSL_do_handshake(client.get());
      if (ours != tls_session::step::done) ours = session.handshake();
    }
    if (ours != tls_session::step::done || connected != 1) throw std::runtime_error("no handshake");
  }

  static std::shared_ptr<const tls_context> context() {
    static nuncio::test::certificates authority;
    static const auto its = authority.sign("DNS:a.test");
    tls_options options;
    options.cert_file = its.certificate;
    options.key_file = its.key;
    std::vector<tls_problem> problems;
    return tls_context::make(options, problems);
  }

  // What has come to the client, up to `most` bytes.
  std::string heard(std::size_t most) {
    std::string out(most, '\0');
    std::size_t size = 0;
    std::size_t got = 0;
    while (size < most && SSL_read_ex(client.get(), out.data() + size, most - size, &got) == 1) {
      size += got;
    }
    out.resize(size);
    return out;
  }

  sockets pair;
  tls_session session;
  std::unique_ptr<SSL_CTX, decltype(&SSL_CTX_free)> theirs{SSL_CTX_new(TLS_client_method()),
                                                           SSL_CTX_free};
  std::unique_ptr<SSL, decltype(&SSL_free)> client{SSL_new(theirs.get()), SSL_free};
};

std::string numbered(std::size_t size) {
  std::string out;
  for (int i = 0; out.size() < size; ++i) out += std::to_string(i) + ' ';
  out.resize(size);
  return out;
}

// As they lie one behind the other: pieces of all sizes, some of them empty.
std::vector<iovec> in_pieces(const std::string& text, std::size_t from) {
  static constexpr std::array<std::size_t, 6> sizes{1, 700, 0, 16384, 40000, 30};
  std::vector<iovec> out;
  for (std::size_t i = 0; from < text.size(); ++i) {
    const auto size = std::min(sizes.at(i % sizes.size()), text.size() - from);
    out.push_back({const_cast<char*>(text.data()) + from, size});
    from += size;
  }
  return out;
}

}  // namespace

TEST_CASE("tls session: a socket that is full delays and loses nothing") {
  conversation of;
  const auto all = numbered(3'000'000);
  std::string heard;
  std::size_t sent = 0;
  std::size_t waits = 0;
  while (heard.size() < all.size()) {
    if (const auto pieces = in_pieces(all, sent); !pieces.empty()) {
      const auto result = of.session.write(pieces.data(), pieces.size());
      REQUIRE(result.state != stream::status::failed);
      sent += result.size;
      REQUIRE(sent <= all.size());
      // Who sends waits only if something is left.
      CHECK((result.state == stream::status::more) == (sent == all.size()));
      CHECK((result.state == stream::status::would_block) ==
            (result.size == 0 && sent != all.size()));
      if (result.state != stream::status::more) ++waits;
    }
    const auto part = of.heard(50'000);
    REQUIRE(!part.empty());
    heard += part;
  }
  CHECK(heard == all);
  CHECK(waits > 10);
}

TEST_CASE("tls session: goodbye is not said behind half a record") {
  conversation of;
  const auto all = numbered(1'000'000);
  const auto pieces = in_pieces(all, 0);
  const auto sent = of.session.write(pieces.data(), pieces.size());
  REQUIRE(sent.size < all.size());
  of.session.say_goodbye();
  ::shutdown(of.pair.fds[0], SHUT_WR);
  const auto heard = of.heard(all.size());
  CHECK(heard == all.substr(0, heard.size()));
  CHECK(SSL_get_shutdown(of.client.get()) == 0);

  conversation calm;
  calm.session.say_goodbye();
  CHECK(calm.heard(1).empty());
  CHECK(SSL_get_shutdown(calm.client.get()) == SSL_RECEIVED_SHUTDOWN);
}

TEST_CASE("tls session: a peer that is gone fails the write") {
  conversation of;
  ::shutdown(of.pair.fds[1], SHUT_RDWR);
  const std::string word = "PING\r\n";
  const iovec piece{const_cast<char*>(word.data()), word.size()};
  CHECK(of.session.write(&piece, 1).state == stream::status::failed);
}
