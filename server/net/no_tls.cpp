#include "opening.hpp"
#include "tls_context.hpp"

// A server that is built without TLS.
namespace nuncio::server {

std::shared_ptr<const tls_context> tls_context::make(const tls_options&,
                                                     std::vector<tls_problem>& problems) {
  problems.push_back({.text = "this server is built without TLS"});
  return nullptr;
}

// Nobody has one.
tls_context::~tls_context() = default;

std::unique_ptr<opening> make_tls_opening(connection&, connection_type, bool) {
  return nullptr;
}

std::vector<tls_problem> check(const tls_options& options) {
  std::vector<tls_problem> out;
  [[maybe_unused]] const auto tried = tls_context::make(options, out);
  return out;
}

}  // namespace nuncio::server
