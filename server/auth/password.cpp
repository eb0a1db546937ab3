#include "password.hpp"

#include <sodium.h>

#include <crypt.h>

#include <algorithm>
#include <array>
#include <cstddef>
#include <memory>
#include <stdexcept>

namespace nuncio::server {
namespace {

constexpr std::size_t prefix_size = 7;                  // "$2b$10$"
constexpr std::size_t setting_size = prefix_size + 22;  // and salt
constexpr std::size_t string_size = setting_size + 31;  // and hash
constexpr std::size_t max_password = 72;                // bytes that count
constexpr std::size_t minor_at = 2;

bool is_digit(char c) noexcept {
  return c >= '0' && c <= '9';
}

void require_sodium() {
  if (sodium_init() < 0) throw std::runtime_error("libsodium can't be initialised");
}

using digest = std::array<unsigned char, crypto_generichash_BYTES>;

digest digest_of(std::string_view text) noexcept {
  digest out{};
  crypto_generichash(out.data(), out.size(), reinterpret_cast<const unsigned char*>(text.data()),
                     text.size(), nullptr, 0);
  return out;
}

// libxcrypt's 32 KiB of working memory, which hold the password too; wiped in the end.
struct working_memory {
  working_memory() = default;
  working_memory(const working_memory&) = delete;
  working_memory& operator=(const working_memory&) = delete;
  ~working_memory() { sodium_memzero(data.get(), sizeof *data); }

  std::unique_ptr<crypt_data> data = std::make_unique<crypt_data>();
};

// A password as a C string; wiped in the end.
struct phrase {
  explicit phrase(std::string_view password) noexcept {
    std::copy_n(password.begin(), std::min(password.size(), max_password), text.begin());
  }
  phrase(const phrase&) = delete;
  phrase& operator=(const phrase&) = delete;
  ~phrase() { sodium_memzero(text.data(), text.size()); }

  std::array<char, max_password + 1> text{};
};

}  // namespace

bool is_bcrypt(std::string_view stored) noexcept {
  return stored.size() >= prefix_size && stored.starts_with("$2") &&
         std::string_view("abxy").find(stored[minor_at]) != std::string_view::npos &&
         stored[3] == '$' && is_digit(stored[4]) && is_digit(stored[5]) && stored[6] == '$';
}

bool matches_plain(std::string_view stored, std::string_view offered) {
  require_sodium();
  // Digests are of one size, and up to 128 bytes are one block, so that nothing depends on lengths.
  auto a = digest_of(stored);
  auto b = digest_of(offered);
  const bool same = sodium_memcmp(a.data(), b.data(), a.size()) == 0;
  sodium_memzero(a.data(), a.size());
  sodium_memzero(b.data(), b.size());
  return same;
}

bool matches_bcrypt(std::string_view stored, std::string_view offered) {
  require_sodium();
  if (!is_bcrypt(stored) || stored.size() < string_size) return false;
  // libxcrypt would stop at the zero and take the rest for granted.
  if (offered.substr(0, max_password).find('\0') != std::string_view::npos) return false;

  std::array<char, setting_size + 1> setting{};
  std::copy_n(stored.begin(), setting_size, setting.begin());
  // The reference knows one algorithm. libxcrypt's `x` has an old mistake with bytes above 127, and
  // its `a` a safeguard that changes the outcome for some such passwords.
  setting[minor_at] = 'b';
  const phrase password(offered);
  const working_memory memory;
  const char* const made = crypt_rn(password.text.data(), setting.data(), memory.data.get(),
                                    static_cast<int>(sizeof *memory.data));
  if (made == nullptr || std::string_view(made).size() != string_size) return false;
  // The hash alone: libxcrypt clears bits of the salt's last character that mean nothing.
  return sodium_memcmp(made + setting_size, stored.data() + setting_size,
                       string_size - setting_size) == 0;
}

}  // namespace nuncio::server
