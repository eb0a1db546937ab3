#include <nuncio/protocol/nuid.hpp>

#include <doctest/doctest.h>

#include <algorithm>
#include <cctype>
#include <random>
#include <set>
#include <string>

using namespace nuncio::protocol;

namespace {

nuid::random_source seeded(unsigned seed) {
  return [random = std::mt19937(seed)](std::span<std::byte> out) mutable {
    for (auto& byte : out) byte = static_cast<std::byte>(random() & 0xFF);
  };
}

/// Plays bytes from the end of the range, so that a sequence starts near its end.
nuid::random_source constant(unsigned char value) {
  return [value](std::span<std::byte> out) {
    std::fill(out.begin(), out.end(), static_cast<std::byte>(value));
  };
}

}  // namespace

TEST_CASE("nuid: ids have 22 letters and digits") {
  nuid ids(seeded(1));
  for (int i = 0; i < 100; ++i) {
    const auto id = ids.next();
    CAPTURE(id);
    CHECK(id.size() == nuid::size);
    CHECK(std::all_of(id.begin(), id.end(), [](unsigned char c) { return std::isalnum(c) != 0; }));
  }
}

TEST_CASE("nuid: ids of one source share a prefix and differ") {
  nuid ids(seeded(2));
  std::set<std::string> seen;
  std::set<std::string> prefixes;
  for (int i = 0; i < 10000; ++i) {
    const auto id = ids.next();
    seen.insert(id);
    prefixes.insert(id.substr(0, nuid::prefix_size));
  }
  CHECK(seen.size() == 10000);
  CHECK(prefixes.size() == 1);
}

TEST_CASE("nuid: ids grow in steps of 33 to 332") {
  nuid ids(seeded(3));
  auto before = ids.next();
  for (int i = 0; i < 100; ++i) {
    auto id = ids.next();
    CHECK(before < id);
    before = std::move(id);
  }
}

TEST_CASE("nuid: two sources give different prefixes, the same source the same ids") {
  CHECK(nuid(seeded(4)).next() == nuid(seeded(4)).next());
  CHECK(nuid(seeded(4)).next().substr(0, 12) != nuid(seeded(5)).next().substr(0, 12));
}

TEST_CASE("nuid: a sequence that is used up gets a new prefix") {
  // 62^10 - 1 for the sequence's start, and anything for the rest.
  int calls = 0;
  nuid ids([&calls](std::span<std::byte> out) {
    ++calls;
    const bool is_sequence = calls == static_cast<int>(nuid::prefix_size) + 1;
    const std::uint64_t value = is_sequence ? 839299365868340223U : static_cast<unsigned>(calls);
    const auto bytes = std::as_bytes(std::span{&value, 1});
    std::copy(bytes.begin(), bytes.end(), out.begin());
  });
  const int before = calls;
  const auto id = ids.next();
  CHECK(calls == before + static_cast<int>(nuid::prefix_size) + 2);
  CHECK(id.size() == nuid::size);
  CHECK(ids.next().substr(0, nuid::prefix_size) == id.substr(0, nuid::prefix_size));
}

TEST_CASE("nuid: a source of zeros still gives different ids") {
  nuid ids(constant(0));
  CHECK(ids.next() != ids.next());
}
