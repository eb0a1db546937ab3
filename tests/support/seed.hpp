#pragma once

#include <cstdint>
#include <cstdlib>
#include <random>
#include <string>

/// The seed of a random test: NUNCIO_TEST_SEED if it is set, else a new one. Tests put it into
/// their failure messages.
namespace nuncio::test {

inline std::uint64_t test_seed() {
  if (const char* const given = std::getenv("NUNCIO_TEST_SEED")) {  // NOLINT(concurrency-mt-unsafe)
    return std::strtoull(given, nullptr, 10);
  }
  std::random_device source;
  return std::uint64_t{source()} << 16 ^ source();
}

/// What to say beside a failure.
inline std::string seed_text(std::uint64_t seed) {
  return "NUNCIO_TEST_SEED=" + std::to_string(seed);
}

}  // namespace nuncio::test
