#include "opening.hpp"
#include "tls_context.hpp"
#include "tls_session.hpp"

// A server that is built without TLS.
namespace nuncio::server {

std::shared_ptr<const tls_context> tls_context::make(const tls_options&,
                                                     std::vector<tls_problem>& problems) {
  problems.push_back({.text = "this server is built without TLS"});
  return nullptr;
}

// Nobody has one.
tls_context::~tls_context() = default;

// Nor a session: a server that would begin one doesn't start.
tls_session::tls_session(std::shared_ptr<const tls_context>, int descriptor)
    : descriptor_(descriptor) {}
tls_session::~tls_session() = default;
void tls_session::ask_no_certificate() {}
tls_session::step tls_session::handshake() {
  return step::failed;
}
stream::result tls_session::read(std::span<char>) {
  return {0, stream::status::failed};
}
stream::result tls_session::write(const iovec*, std::size_t) {
  return {0, stream::status::failed};
}
void tls_session::say_goodbye() {}

std::unique_ptr<opening> make_tls_opening(connection&, connection_type, bool) {
  return nullptr;
}

std::vector<tls_problem> check(const tls_options& options) {
  std::vector<tls_problem> out;
  [[maybe_unused]] const auto tried = tls_context::make(options, out);
  return out;
}

}  // namespace nuncio::server
