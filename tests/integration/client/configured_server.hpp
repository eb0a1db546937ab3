#pragma once

#include "certificates.hpp"
#include "fixture.hpp"
#include "temporary_file.hpp"

#include <string>

namespace nuncio::test {

// One for all tests: making keys takes its time.
inline certificates& authority() {
  static certificates instance;
  return instance;
}
inline const certificates::pair& for_address() {
  static const auto instance = authority().sign("IP:127.0.0.1");
  return instance;
}

/// A server's configuration with TLS: its certificate, and more of the block.
inline std::string with_tls(const certificates::pair& its, const std::string& more = {}) {
  return "tls {cert_file: \"" + its.certificate + "\", key_file: \"" + its.key + "\", " + more +
         "}\n";
}

/// A server that is configured by this text.
struct configured {
  explicit configured(const std::string& text)
      : file(text), server(server_program(), {"-c", file.path()}) {}
  [[nodiscard]] std::string address(const std::string& scheme) const {
    const auto port = scheme.starts_with("ws") ? server.port_of("websocket") : server.port();
    return scheme + "://127.0.0.1:" + std::to_string(port);
  }
  temporary_file file;
  server_process server;
};

}  // namespace nuncio::test
