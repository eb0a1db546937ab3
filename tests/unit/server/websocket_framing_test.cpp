#include "net/websocket_framing.hpp"

#include <nuncio/protocol/ws_frame.hpp>

#include <doctest/doctest.h>

#include <algorithm>
#include <cstdint>
#include <random>
#include <string>
#include <string_view>
#include <vector>

using namespace nuncio::server;
using nuncio::protocol::ws_reader;

namespace {

std::string text_of(std::size_t size) {
  std::string out(size, '\0');
  for (std::size_t i = 0; i < size; ++i) out[i] = static_cast<char>('a' + i % 23);
  return out;
}

std::string noise(std::size_t size) {
  std::mt19937 random(7);
  std::string out(size, '\0');
  for (char& c : out) c = static_cast<char>(random());
  return out;
}

std::string write(frame_writer& by,
                  const websocket_framing& how,
                  const std::string& text,
                  std::size_t piece = 0) {
  std::vector<iovec> pieces;
  for (std::size_t at = 0; at < text.size();) {
    const auto size = piece == 0 ? text.size() : std::min(piece, text.size() - at);
    pieces.push_back({const_cast<char*>(text.data()) + at, size});
    at += size;
  }
  std::string out;
  for (const auto& part : by.write(how, pieces)) {
    out.append(static_cast<const char*>(part.iov_base), part.iov_len);
  }
  return out;
}

struct message {
  std::string text;
  bool is_compressed = false;
  std::vector<std::size_t> parts;
};

/// Exactly one message.
message read(std::string bytes) {
  ws_reader reader({.are_masked = false, .may_compress = true});
  message out;
  std::string packed;
  char* at = bytes.data();
  std::size_t left = bytes.size();
  bool has_ended = false;
  while (left != 0) {
    REQUIRE_FALSE(has_ended);
    const auto found = reader.next(at, left, at);
    REQUIRE(found.what == ws_reader::kind::data);
    packed += found.payload;
    out.parts.push_back(found.payload.size());
    out.is_compressed = found.is_compressed;
    has_ended = found.ends_message;
    at += found.used;
    left -= found.used;
  }
  REQUIRE(has_ended);
  if (!out.is_compressed) {
    out.text = packed;
    return out;
  }
  inflater up;
  std::vector<char> plain;
  REQUIRE(up.decompress(packed, 100'000'000, plain) == inflater::outcome::done);
  out.text.assign(plain.begin(), plain.end());
  return out;
}

constexpr websocket_framing whole{};
constexpr websocket_framing browser{
    .compresses = false, .splits_compressed = true, .longest = 4096};
constexpr websocket_framing packed{.compresses = true, .splits_compressed = true, .longest = 0};
constexpr websocket_framing packed_browser{
    .compresses = true, .splits_compressed = true, .longest = 4096};
constexpr websocket_framing safari{.compresses = true, .splits_compressed = false, .longest = 4096};

}  // namespace

TEST_CASE("websocket_framing: a batch is one message of one frame") {
  frame_writer writer;
  for (const std::size_t size : {1U, 64U, 65U, 125U, 126U, 4096U, 65535U, 65536U, 1000000U}) {
    for (const std::size_t piece : {0U, 1000U}) {
      CAPTURE(size);
      const auto text = text_of(size);
      const auto found = read(write(writer, whole, text, piece));
      CHECK(found.text == text);
      CHECK_FALSE(found.is_compressed);
      CHECK(found.parts == std::vector{size});
    }
  }
}

TEST_CASE("websocket_framing: what isn't split or compressed isn't copied") {
  frame_writer writer;
  auto text = text_of(100'000);
  const iovec piece{text.data(), text.size()};
  const auto out = writer.write(whole, {&piece, 1});
  REQUIRE(out.size() == 2);
  CHECK(out[1].iov_base == text.data());
}

TEST_CASE("websocket_framing: for browsers in parts of 4096") {
  frame_writer writer;
  for (const std::size_t size : {1U, 4095U, 4096U, 4097U, 8192U, 8193U, 100000U}) {
    for (const std::size_t piece : {0U, 1U, 1000U, 4096U, 5000U}) {
      CAPTURE(size);
      CAPTURE(piece);
      const auto text = noise(size);
      const auto found = read(write(writer, browser, text, piece));
      CHECK(found.text == text);
      std::vector<std::size_t> expected(size / 4096, 4096);
      if (size % 4096 != 0) expected.push_back(size % 4096);
      CHECK(found.parts == expected);
    }
  }
}

TEST_CASE("websocket_framing: only what is longer than 64 bytes is compressed") {
  frame_writer writer;
  for (const std::size_t size : {1U, 63U, 64U}) {
    const auto found = read(write(writer, packed, std::string(size, 'a')));
    CHECK_FALSE(found.is_compressed);
    CHECK(found.text == std::string(size, 'a'));
  }
  for (const std::size_t size : {65U, 1000U, 1000000U}) {
    for (const std::size_t piece : {0U, 10U}) {
      const auto found = read(write(writer, packed, std::string(size, 'a'), piece));
      CHECK(found.is_compressed);
      CHECK(found.text == std::string(size, 'a'));
      CHECK(found.parts.size() == 1);
    }
  }
}

TEST_CASE("websocket_framing: what is compressed is split by its size then") {
  frame_writer writer;
  const auto small = read(write(writer, packed_browser, std::string(100'000, 'a')));
  CHECK(small.is_compressed);
  CHECK(small.parts.size() == 1);
  CHECK(small.text == std::string(100'000, 'a'));
  const auto text = noise(100'000);
  const auto large = read(write(writer, packed_browser, text, 777));
  CHECK(large.is_compressed);
  CHECK(large.text == text);
  CHECK(large.parts.size() > 1);
  CHECK(*std::max_element(large.parts.begin(), large.parts.end()) == 4096);
}

TEST_CASE("websocket_framing: for Safari, compressed messages stay whole and others don't") {
  frame_writer writer;
  const auto text = noise(100'000);
  const auto large = read(write(writer, safari, text));
  CHECK(large.is_compressed);
  CHECK(large.text == text);
  CHECK(large.parts.size() == 1);
  auto plain = safari;
  plain.compresses = false;
  CHECK(read(write(writer, plain, text)).parts.size() == 25);
}

TEST_CASE("websocket_framing: it is usable after a trim") {
  frame_writer writer;
  const auto text = noise(10'000);
  for (int i = 0; i < 3; ++i) {
    CHECK(read(write(writer, packed_browser, text)).text == text);
    CHECK(read(write(writer, browser, text)).text == text);
    writer.trim();
  }
}
