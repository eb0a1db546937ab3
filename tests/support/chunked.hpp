#pragma once

#include <doctest/doctest.h>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <random>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

/// Any cut of a stream must give the same events. This helper cuts.
namespace nuncio::test {

/// `bytes` in pieces that end at random places; the same seed gives the same pieces.
inline std::vector<std::string_view> cut_randomly(std::string_view bytes, std::uint32_t seed) {
  std::mt19937 random(seed);
  std::vector<std::string_view> pieces;
  while (!bytes.empty()) {
    const auto limit = random() % 4 == 0 ? bytes.size() : std::size_t{9};
    const auto size = std::min<std::size_t>(1 + random() % limit, bytes.size());
    pieces.push_back(bytes.substr(0, size));
    bytes.remove_prefix(size);
  }
  return pieces;
}

inline std::vector<std::string_view> cut_bytewise(std::string_view bytes) {
  std::vector<std::string_view> pieces;
  for (std::size_t i = 0; i < bytes.size(); ++i) pieces.push_back(bytes.substr(i, 1));
  return pieces;
}

/// Feeds `bytes` whole, byte by byte and at random cuts, and checks that each run gives `expected`.
///
/// `run` takes a list of pieces, feeds them to a parser of its own and returns what came out, as
/// anything that compares and that doctest can print (a string, say). Each piece is handed over in
/// memory of its own, so that a parser that reads beyond it, or keeps a view of it, is found by the
/// address sanitizer.
template <class Expected, class Run>
void check_any_chunking(std::string_view bytes, const Expected& expected, Run run) {
  const auto check = [&](const std::vector<std::string_view>& pieces) {
    std::vector<std::string> owned(pieces.begin(), pieces.end());
    CHECK(run(std::move(owned)) == expected);
  };
  {
    INFO("whole");
    check({bytes});
  }
  {
    INFO("byte by byte");
    check(cut_bytewise(bytes));
  }
  for (std::uint32_t seed = 1; seed <= 20; ++seed) {
    INFO("random cuts, seed ", seed);
    check(cut_randomly(bytes, seed));
  }
}

}  // namespace nuncio::test
