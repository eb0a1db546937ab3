// A line is a password; any bytes after it are what a configuration stores for it. Whatever they
// are, they are compared or refused, and only a hash of the password matches.

#include "auth/password.hpp"
#include "require.hpp"

#include <cstdint>
#include <string>

using namespace nuncio::server;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const auto text = nuncio::fuzz::text(data, size);
  const auto line = text.find('\n');
  if (line == std::string_view::npos) return 0;
  const auto password = text.substr(0, line);
  // A copy of its own size shows any read beyond its end.
  std::string stored(text.substr(line + 1));
  if (!is_bcrypt(stored)) {
    NUNCIO_FUZZ_REQUIRE(!matches_bcrypt(stored, password));
    NUNCIO_FUZZ_REQUIRE(matches_plain(stored, password) == (stored == password));
    return 0;
  }
  // The cheapest cost, or one that is refused: others take up to days.
  if (stored[4] == '0' ? stored[5] > '4' : stored[4] < '4') stored.replace(4, 2, "04");
  if (!matches_bcrypt(stored, password)) return 0;
  NUNCIO_FUZZ_REQUIRE(stored.size() >= 60);
  NUNCIO_FUZZ_REQUIRE(matches_bcrypt(stored + "x", password));
  NUNCIO_FUZZ_REQUIRE(!matches_bcrypt(stored.substr(0, 59), password));
  NUNCIO_FUZZ_REQUIRE(!matches_bcrypt(stored, 'x' + std::string(password)));
  return 0;
}
