#include "net/websocket_stream.hpp"

#include "given_bytes.hpp"
#include "websocket_frames.hpp"

#include <doctest/doctest.h>

#include <algorithm>
#include <cstdint>
#include <memory>
#include <random>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

using namespace nuncio::server;
using nuncio::test::bytes_in_use;
using nuncio::test::client_deflated;
using nuncio::test::client_frame;
using nuncio::test::deflated;
using nuncio::test::given_bytes;

namespace {

constexpr unsigned text = 1;
constexpr unsigned closing = 8;
constexpr unsigned ping = 9;
constexpr unsigned pong = 10;

websocket_upgrade agreed(bool compresses = true) {
  websocket_upgrade out;
  out.compresses = compresses;
  return out;
}

struct heard {
  std::string plain;
  std::string answers;
  stream::status end = stream::status::more;
  stream::complaint complaint;
};

/// Reads until there is nothing more at once, first perhaps with more room than later on.
heard listen(websocket_stream& of, std::size_t into = 128UL * 1024, std::size_t first = 0) {
  heard out;
  std::string buffer(std::max(into, first), '\0');
  for (;;) {
    const std::span<char> room(buffer.data(), first == 0 ? into : std::exchange(first, 0));
    const auto got = of.read(room);
    REQUIRE(got.size <= room.size());
    out.plain.append(buffer, 0, got.size);
    if (got.has_answer) out.answers += of.take_answer();
    if (got.state == stream::status::more) continue;
    if (got.state == stream::status::drained) continue;  // look again, as after a wait
    out.end = got.state;
    out.complaint = of.violation();
    return out;
  }
}

websocket_stream make(std::string bytes,
                      std::size_t at_once = 1UL << 30,
                      std::size_t most = 1'000'000,
                      websocket_upgrade how = agreed()) {
  return {std::make_unique<given_bytes>(std::move(bytes), at_once), std::move(how), most};
}

heard listen_to(const std::string& bytes,
                std::size_t at_once = 1UL << 30,
                std::size_t into = 128UL * 1024,
                std::size_t most = 1'000'000) {
  auto made = make(bytes, at_once, most);
  return listen(made, into);
}

}  // namespace

TEST_CASE("websocket_stream: frames are taken off, whatever is read at once") {
  const auto bytes = client_frame("PUB a", {text, false, false}) + client_frame(" 2\r\nhi", {0}) +
                     client_frame("\r\nPING\r\n") + client_frame("");
  for (const std::size_t at_once : {1U, 2U, 3U, 7U, 1000U}) {
    for (const std::size_t into : {1U, 2U, 5U, 1000U}) {
      const auto found = listen_to(bytes, at_once, into);
      CHECK(found.plain == "PUB a 2\r\nhi\r\nPING\r\n");
      CHECK(found.end == stream::status::would_block);
    }
  }
}

TEST_CASE("websocket_stream: compressed messages and others keep their order") {
  std::string bytes;
  std::string expected;
  std::string pongs;
  std::mt19937 random(5);
  for (unsigned i = 0; i < 60; ++i) {
    std::string one = "<" + std::to_string(i);
    one.append(random() % 3 == 0 ? random() % 5000 : random() % 90,
               static_cast<char>('a' + i % 26));
    one += '>';
    expected += one;
    switch (random() % 4) {
      case 0:
        bytes += client_frame(one);
        break;
      case 1:
        bytes += client_deflated(one);
        break;
      case 2: {
        const auto packed = deflated(one);
        bytes += client_frame(packed.substr(0, 3), {text, false, true});
        bytes += client_frame(std::to_string(i), {ping});
        pongs += "\x8a" + std::string(1, static_cast<char>(std::to_string(i).size())) +
                 std::to_string(i);
        bytes += client_frame(packed.substr(3), {0});
        break;
      }
      default:
        bytes += client_deflated("") + client_deflated(one) + client_frame("", {pong});
        break;
    }
  }
  for (const std::size_t at_once : {1U, 9U, 300U, 1U << 20U}) {
    for (const std::size_t into : {1U, 13U, 100U, 4096U, 1U << 17U}) {
      CAPTURE(at_once);
      CAPTURE(into);
      const auto found = listen_to(bytes, at_once, into);
      CHECK(found.plain == expected);
      CHECK(found.answers == pongs);
      CHECK(found.end == stream::status::would_block);
    }
  }
}

TEST_CASE("websocket_stream: what is left to hand out is told of") {
  // The socket is empty after one read, so that nobody would be told of the rest.
  auto made =
      make(client_deflated(std::string(5000, 'a')) + client_deflated("b") + client_frame("c"));
  std::string buffer(1000, '\0');
  std::string all;
  for (int i = 0; i < 7; ++i) {
    const auto got = made.read(buffer);
    all.append(buffer, 0, got.size);
    if (all.size() < 5002) {
      CHECK(got.state == stream::status::more);
    }
  }
  CHECK(all == std::string(5000, 'a') + "bc");
}

TEST_CASE("websocket_stream: compressed messages that weren't agreed upon") {
  auto made = make(client_deflated("a"), 1000, 1000, agreed(false));
  const auto found = listen(made);
  CHECK(found.end == stream::status::violated);
  CHECK(found.complaint.why == close_reason::protocol_error);
  CHECK(found.complaint.text == "compression was not agreed upon");
}

TEST_CASE("websocket_stream: what is against the rules comes after what was read before") {
  for (const std::size_t into : {1U, 20U, 1000U}) {
    const auto found = listen_to(client_frame("PING\r\n") + client_deflated("PONG\r\n") +
                                     client_frame("a", {3}) + client_frame("PING\r\n"),
                                 1000, into);
    CHECK(found.plain == "PING\r\nPONG\r\n");
    CHECK(found.end == stream::status::violated);
    CHECK(found.complaint.why == close_reason::protocol_error);
    CHECK(found.complaint.text == "unknown opcode");
  }
}

TEST_CASE("websocket_stream: nothing is read behind what is against the rules") {
  for (const std::size_t into : {3U, 8U, 1000U}) {
    const auto all = client_deflated("PING\r\n") + client_frame("a", {3}) + client_frame("behind") +
                     client_deflated("behind");
    auto made = make(all);
    const auto found = listen(made, into, all.size());
    CHECK(found.plain == "PING\r\n");
    CHECK(found.end == stream::status::violated);
    CHECK(found.complaint.text == "unknown opcode");
  }
}

TEST_CASE("websocket_stream: a compressed message may hold exactly so much") {
  const std::string most(70'000, 'a');
  const auto right = listen_to(client_deflated(most), 1000, 1000, most.size());
  CHECK(right.plain == most);
  CHECK(right.end == stream::status::would_block);
  for (const std::size_t into : {1U, 1000U, 1U << 17U}) {
    const auto wrong =
        listen_to(client_frame("before") + client_deflated(most + "a") + client_frame("behind"),
                  1 << 20, into, most.size());
    CHECK(wrong.plain == "before");
    CHECK(wrong.end == stream::status::violated);
    CHECK(wrong.complaint.why == close_reason::max_payload);
    CHECK(wrong.complaint.text == "a compressed message holds too much");
  }
}

TEST_CASE("websocket_stream: a compressed message that is itself too long") {
  const auto part = std::string(60'000, '\0');
  std::string bytes = client_frame(part, {2, false, true});
  for (int i = 0; i < 100; ++i) bytes += client_frame(part, {0, false, false});
  const auto found = listen_to(bytes, 1 << 17, 1 << 17, 500'000);
  CHECK(found.plain.empty());
  CHECK(found.end == stream::status::violated);
  CHECK(found.complaint.why == close_reason::max_payload);
  CHECK(found.complaint.text == "a compressed message is too long");
}

TEST_CASE("websocket_stream: plain messages may be of any length") {
  const auto found =
      listen_to(client_frame(std::string(3'000'000, 'a')), 1 << 17, 1 << 17, 100'000);
  CHECK(found.plain.size() == 3'000'000);
  CHECK(found.end == stream::status::would_block);
}

TEST_CASE("websocket_stream: a damaged message is against the rules") {
  const auto found = listen_to(client_frame("\x07", {2, true, true}));
  CHECK(found.end == stream::status::violated);
  CHECK(found.complaint.why == close_reason::protocol_error);
  CHECK(found.complaint.text == "a compressed message is damaged");
}

TEST_CASE("websocket_stream: many bombs in one read are unpacked one by one") {
  constexpr std::size_t most = 1'000'000;
  const auto bomb = client_deflated(std::string(most, 'a'));
  std::string bytes;
  std::size_t count = 0;
  while (bytes.size() < 100'000) {
    bytes += bomb;
    ++count;
  }
  auto made = make(bytes, 1 << 20, most);
  std::string buffer(128UL * 1024, '\0');
  std::size_t got = 0;
  std::size_t largest = 0;
  const auto before = bytes_in_use();
  for (;;) {
    const auto found = made.read(buffer);
    got += found.size;
    largest = std::max(largest, std::max(bytes_in_use(), before) - before);
    if (found.state == stream::status::would_block) break;
  }
  CHECK(got == count * most);
  CHECK(largest < 2 * most + 1'000'000);
}

TEST_CASE("websocket_stream: pings are answered with what they say") {
  const auto found = listen_to(client_frame("one", {ping}) + client_frame("PUB") +
                               client_frame("", {ping}) + client_frame("no", {pong}));
  CHECK(found.plain == "PUB");
  CHECK(found.answers == std::string("\x8a\x03one\x8a\0", 7));
}

TEST_CASE("websocket_stream: a close ends it, and nothing behind it is read") {
  for (const std::size_t into : {3U, 8U, 1000U}) {
    for (const bool is_compressed : {false, true}) {
      const auto before = is_compressed ? client_deflated("PING\r\n") : client_frame("PING\r\n");
      const auto all = before +
                       client_frame(
                           "\x03\xe9"
                           "bye",
                           {closing}) +
                       client_frame("behind") + client_frame("ping", {ping}) +
                       client_frame("", {3});
      auto made = make(all);
      const auto found = listen(made, into, all.size());
      CHECK(found.plain == "PING\r\n");
      CHECK(found.answers.empty());
      CHECK(found.end == stream::status::ended);
      CHECK(made.farewell(close_reason::client_closed) ==
            "\x88\x0f\x03\xe9"
            "Client Closed");
    }
  }
}

TEST_CASE("websocket_stream: a close without a status is answered by one of ours") {
  auto made = make(client_frame("", {closing}));
  CHECK(listen(made).end == stream::status::ended);
  CHECK(made.farewell(close_reason::client_closed).substr(0, 4) == "\x88\x0f\x03\xe8");
}

TEST_CASE("websocket_stream: the last word says why, by a status") {
  const std::pair<close_reason, unsigned> table[]{
      {close_reason::client_closed, 1000}, {close_reason::protocol_error, 1002},
      {close_reason::max_payload, 1009},   {close_reason::max_control_line, 1008},
      {close_reason::authorization, 1008}, {close_reason::max_connections, 1008},
      {close_reason::slow_pending, 1008},  {close_reason::slow_write_deadline, 1008},
      {close_reason::stale, 1001},         {close_reason::read_error, 1001},
      {close_reason::shutdown, 1001},      {close_reason::tls_handshake, 1015},
  };
  for (const auto& [why, status] : table) {
    CAPTURE(status);
    const auto word = make("").farewell(why);
    REQUIRE(word.size() > 4);
    CHECK(word[0] == '\x88');
    CHECK(static_cast<unsigned char>(word[2]) * 256U + static_cast<unsigned char>(word[3]) ==
          status);
    CHECK(word.substr(4) == to_string(why));
  }
}

TEST_CASE("websocket_stream: what was agreed upon is passed on") {
  auto how = agreed();
  how.wants_small = true;
  how.splits_compressed = false;
  how.forwarded_for = "1.2.3.4";
  how.who = std::make_unique<websocket_cookies>(websocket_cookies{"me", "secret", ""});
  const auto made = make("", 1, 1, std::move(how));
  CHECK(made.type() == connection_type::websocket);
  CHECK(made.is_direct());
  REQUIRE(made.framing() != nullptr);
  CHECK(made.framing()->compresses);
  CHECK_FALSE(made.framing()->splits_compressed);
  CHECK(made.framing()->longest == 4096);
  CHECK(made.forwarded_for() == "1.2.3.4");
  REQUIRE(made.cookies() != nullptr);
  CHECK(made.cookies()->user == "me");
}
