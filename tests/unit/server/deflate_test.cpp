#include "net/deflate.hpp"

#include <doctest/doctest.h>

#include <cstdint>
#include <random>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

using namespace nuncio::server;

namespace {

constexpr std::size_t plenty = 64UL * 1024 * 1024;

std::string noise(std::size_t size, std::uint32_t seed = 1) {
  std::mt19937 random(seed);
  std::string out(size, '\0');
  for (char& c : out) c = static_cast<char>(random());
  return out;
}

std::vector<char> compress(deflater& by, const std::string& text, std::size_t piece = 0) {
  std::vector<iovec> pieces;
  for (std::size_t at = 0; at < text.size();) {
    const auto size = piece == 0 ? text.size() : std::min(piece, text.size() - at);
    pieces.push_back({const_cast<char*>(text.data()) + at, size});
    at += size;
  }
  std::vector<char> out{'o', 'l', 'd'};
  by.compress(pieces, out);
  return out;
}

struct unpacked {
  inflater::outcome how;
  std::string text;
};

unpacked decompress(inflater& by, std::string_view bytes, std::size_t most = plenty) {
  std::vector<char> out;
  const auto how = by.decompress(bytes, most, out);
  return {how, {out.begin(), out.end()}};
}

std::string bytes(std::initializer_list<unsigned> of) {
  std::string out;
  for (const auto each : of) out += static_cast<char>(each);
  return out;
}

std::string_view view(const std::vector<char>& of) {
  return {of.data(), of.size()};
}

}  // namespace

TEST_CASE("deflate: what is compressed comes back, in any number of pieces") {
  deflater down;
  inflater up;
  for (const std::size_t size : {65U, 1000U, 65536U, 1U << 20U}) {
    for (const auto& text : {std::string(size, 'a'), noise(size)}) {
      for (const std::size_t piece : {0U, 1000U, 7U}) {
        if (piece == 7 && size > 100000) continue;
        CAPTURE(size);
        CAPTURE(piece);
        const auto packed = compress(down, text, piece);
        const auto found = decompress(up, view(packed));
        CHECK(found.how == inflater::outcome::done);
        CHECK(found.text == text);
      }
    }
  }
}

TEST_CASE("deflate: what can't be compressed grows a little only") {
  deflater down;
  for (const std::size_t size : {65U, 4096U, 16383U, 16384U, 65535U, 65536U, 3000000U}) {
    CAPTURE(size);
    CHECK(compress(down, noise(size)).size() < size + size / 1000 + 32);
  }
}

TEST_CASE("deflate: messages don't refer to each other") {
  deflater down;
  const auto text = noise(1000);
  const auto first = compress(down, text);
  const auto second = compress(down, text);
  CHECK(first == second);
  inflater up;
  CHECK(decompress(up, view(second)).text == text);
}

TEST_CASE("deflate: the end of a flush is left out") {
  deflater down;
  // RFC 7692, section 7.2.3.2, though zlib takes another encoding than the example.
  const auto packed = compress(down, "Hello");
  CHECK(view(packed) == bytes({0xf2, 0x48, 0xcd, 0xc9, 0xc9, 0x07, 0x00}));
}

TEST_CASE("inflate: the examples of RFC 7692, section 7.2.3") {
  inflater up;
  const std::pair<std::string_view, std::string> table[]{
      {"one block", bytes({0xf2, 0x48, 0xcd, 0xc9, 0xc9, 0x07, 0x00})},
      {"not compressed", bytes({0x00, 0x05, 0x00, 0xfa, 0xff, 0x48, 0x65, 0x6c, 0x6c, 0x6f, 0x00})},
      {"a final block", bytes({0xf3, 0x48, 0xcd, 0xc9, 0xc9, 0x07, 0x00, 0x00})},
      {"two blocks",
       bytes({0xf2, 0x48, 0x05, 0x00, 0x00, 0x00, 0xff, 0xff, 0xca, 0xc9, 0xc9, 0x07, 0x00})},
  };
  for (const auto& [label, packed] : table) {
    CAPTURE(label);
    const auto found = decompress(up, packed);
    CHECK(found.how == inflater::outcome::done);
    CHECK(found.text == "Hello");
  }
}

TEST_CASE("inflate: blocks may follow a final one") {
  inflater up;
  const auto last = bytes({0xf3, 0x48, 0xcd, 0xc9, 0xc9, 0x07, 0x00});
  const auto other = bytes({0xf2, 0x48, 0xcd, 0xc9, 0xc9, 0x07, 0x00});
  for (const auto& [packed, expected] : {std::pair{last, "Hello"},
                                         {last + last, "HelloHello"},
                                         {last + other, "HelloHello"},
                                         {last + last + last + other, "HelloHelloHelloHello"}}) {
    const auto found = decompress(up, packed);
    CHECK(found.how == inflater::outcome::done);
    CHECK(found.text == expected);
  }
}

TEST_CASE("inflate: nothing makes nothing") {
  inflater up;
  for (const auto& packed :
       {std::string(), bytes({0x00}), bytes({0x02, 0x00}), bytes({0x03, 0x00})}) {
    const auto found = decompress(up, packed);
    CHECK(found.how == inflater::outcome::done);
    CHECK(found.text.empty());
    CHECK(decompress(up, packed, 0).how == inflater::outcome::done);
  }
}

TEST_CASE("inflate: exactly as much as may be, and no byte more") {
  deflater down;
  inflater up;
  for (const std::size_t size : {65U, 1023U, 1024U, 1025U, 4096U, 65536U, 1000000U}) {
    for (const auto& text : {std::string(size, 'a'), noise(size)}) {
      CAPTURE(size);
      const auto packed = compress(down, text);
      const auto exact = decompress(up, view(packed), size);
      CHECK(exact.how == inflater::outcome::done);
      CHECK(exact.text == text);
      CHECK(decompress(up, view(packed), size - 1).how == inflater::outcome::too_large);
      CHECK(decompress(up, view(packed), 0).how == inflater::outcome::too_large);
    }
  }
}

TEST_CASE("inflate: a bomb takes no more memory than may be") {
  deflater down;
  inflater up;
  const auto bomb = compress(down, std::string(50'000'000, '\0'));
  REQUIRE(bomb.size() < 400'000);
  std::vector<char> out;
  CHECK(up.decompress(view(bomb), 1'000'000, out) == inflater::outcome::too_large);
  CHECK(out.capacity() <= 2'000'002);
  CHECK(out.size() <= 1'000'001);
}

TEST_CASE("inflate: it appends") {
  inflater up;
  std::vector<char> out{'a', 'b'};
  const auto hello = bytes({0xf2, 0x48, 0xcd, 0xc9, 0xc9, 0x07, 0x00});
  CHECK(up.decompress(hello, 5, out) == inflater::outcome::done);
  CHECK(up.decompress(hello, 5, out) == inflater::outcome::done);
  CHECK(view(out) == "abHelloHello");
}

TEST_CASE("inflate: damage is found, and the next message is read") {
  inflater up;
  const auto hello = bytes({0xf2, 0x48, 0xcd, 0xc9, 0xc9, 0x07, 0x00});
  for (const auto& packed :
       {bytes({0x06}), bytes({0x07, 0x00}), bytes({0xff, 0xff, 0xff}),
        bytes({0x00, 0x05, 0x00, 0x00, 0x00, 0x48}), std::string("this is no deflate at all")}) {
    CHECK(decompress(up, packed).how == inflater::outcome::damaged);
    CHECK(decompress(up, hello).text == "Hello");
  }
  // Any bytes: some outcome, within the limit.
  for (std::uint32_t seed = 0; seed < 3000; ++seed) {
    const auto found = decompress(up, noise(1 + seed % 60, seed), 5000);
    CHECK((found.how != inflater::outcome::done || found.text.size() <= 5000));
  }
  CHECK(decompress(up, hello).text == "Hello");
}

TEST_CASE("inflate: nothing of a message that was too large gets into the next one") {
  deflater down;
  inflater up;
  const auto text = noise(1000);
  auto large = compress(down, text + std::string(5'000'000, 'x') + text);
  CHECK(decompress(up, view(large), 1000).how == inflater::outcome::too_large);
  large.clear();
  large.shrink_to_fit();
  const auto hello = bytes({0xf2, 0x48, 0xcd, 0xc9, 0xc9, 0x07, 0x00});
  const auto found = decompress(up, hello, 1000);
  CHECK(found.how == inflater::outcome::done);
  CHECK(found.text == "Hello");
}

TEST_CASE("inflate: what is cut off is found damaged or short") {
  deflater down;
  inflater up;
  const auto text = noise(500) + std::string(500, 'x');
  const auto packed = compress(down, text);
  for (std::size_t size = 0; size < packed.size(); ++size) {
    CAPTURE(size);
    const auto found = decompress(up, view(packed).substr(0, size));
    CHECK((found.how == inflater::outcome::damaged || found.text != text ||
           size + 2 >= packed.size()));
  }
}
