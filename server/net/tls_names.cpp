#include "tls_names.hpp"

#include <nuncio/server/tls.hpp>

#include <algorithm>
#include <array>

namespace nuncio::server {
namespace {

constexpr std::array suites{
    cipher_suite{"TLS_AES_128_GCM_SHA256", "", true},
    cipher_suite{"TLS_AES_256_GCM_SHA384", "", true},
    cipher_suite{"TLS_CHACHA20_POLY1305_SHA256", "", true},
    cipher_suite{"TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384", "ECDHE-ECDSA-AES256-GCM-SHA384", true},
    cipher_suite{"TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384", "ECDHE-RSA-AES256-GCM-SHA384", true},
    cipher_suite{"TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256", "ECDHE-ECDSA-AES128-GCM-SHA256", true},
    cipher_suite{"TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256", "ECDHE-RSA-AES128-GCM-SHA256", true},
    cipher_suite{"TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256", "ECDHE-ECDSA-CHACHA20-POLY1305",
                 true},
    cipher_suite{"TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256", "ECDHE-RSA-CHACHA20-POLY1305",
                 true},
    cipher_suite{"TLS_ECDHE_ECDSA_WITH_AES_256_CBC_SHA", "ECDHE-ECDSA-AES256-SHA", true},
    cipher_suite{"TLS_ECDHE_RSA_WITH_AES_256_CBC_SHA", "ECDHE-RSA-AES256-SHA", true},
    cipher_suite{"TLS_ECDHE_ECDSA_WITH_AES_128_CBC_SHA", "ECDHE-ECDSA-AES128-SHA", true},
    cipher_suite{"TLS_ECDHE_RSA_WITH_AES_128_CBC_SHA", "ECDHE-RSA-AES128-SHA", true},
    cipher_suite{"TLS_ECDHE_ECDSA_WITH_AES_128_CBC_SHA256", "ECDHE-ECDSA-AES128-SHA256", false},
    cipher_suite{"TLS_ECDHE_RSA_WITH_AES_128_CBC_SHA256", "ECDHE-RSA-AES128-SHA256", false},
    cipher_suite{"TLS_RSA_WITH_AES_128_CBC_SHA", "AES128-SHA", false},
    cipher_suite{"TLS_RSA_WITH_AES_256_CBC_SHA", "AES256-SHA", false},
    cipher_suite{"TLS_RSA_WITH_AES_128_CBC_SHA256", "AES128-SHA256", false},
    cipher_suite{"TLS_RSA_WITH_AES_128_GCM_SHA256", "AES128-GCM-SHA256", false},
    cipher_suite{"TLS_RSA_WITH_AES_256_GCM_SHA384", "AES256-GCM-SHA384", false},
    cipher_suite{"TLS_RSA_WITH_3DES_EDE_CBC_SHA", "DES-CBC3-SHA", false},
    cipher_suite{"TLS_ECDHE_RSA_WITH_3DES_EDE_CBC_SHA", "ECDHE-RSA-DES-CBC3-SHA", false},
    cipher_suite{"TLS_RSA_WITH_RC4_128_SHA", "RC4-SHA", false},
    cipher_suite{"TLS_ECDHE_ECDSA_WITH_RC4_128_SHA", "ECDHE-ECDSA-RC4-SHA", false},
    cipher_suite{"TLS_ECDHE_RSA_WITH_RC4_128_SHA", "ECDHE-RSA-RC4-SHA", false},
};

constexpr std::array curves{
    curve{"X25519MLKEM768", "X25519MLKEM768"},
    curve{"X25519", "X25519"},
    curve{"CurveP256", "P-256"},
    curve{"CurveP384", "P-384"},
    curve{"CurveP521", "P-521"},
};

template <class Table>
const typename Table::value_type* find(const Table& in, std::string_view name) noexcept {
  const auto* const found =
      std::find_if(in.begin(), in.end(), [name](const auto& each) { return each.name == name; });
  return found == in.end() ? nullptr : found;
}

}  // namespace

const cipher_suite* find_cipher_suite(std::string_view name) noexcept {
  return find(suites, name);
}

std::string_view secure_cipher_suites() noexcept {
  return "ECDHE-ECDSA-AES256-GCM-SHA384:ECDHE-RSA-AES256-GCM-SHA384:"
         "ECDHE-ECDSA-AES128-GCM-SHA256:ECDHE-RSA-AES128-GCM-SHA256:"
         "ECDHE-ECDSA-CHACHA20-POLY1305:ECDHE-RSA-CHACHA20-POLY1305:"
         "ECDHE-ECDSA-AES256-SHA:ECDHE-RSA-AES256-SHA:ECDHE-ECDSA-AES128-SHA:ECDHE-RSA-AES128-SHA";
}

const curve* find_curve(std::string_view name) noexcept {
  return find(curves, name);
}

bool is_cipher_suite(std::string_view name) noexcept {
  return find_cipher_suite(name) != nullptr;
}

bool is_curve(std::string_view name) noexcept {
  return find_curve(name) != nullptr;
}

}  // namespace nuncio::server
