#include "net/proxy_protocol.hpp"

#include <doctest/doctest.h>

#include <algorithm>
#include <string>
#include <string_view>

namespace {

using namespace nuncio::server;
using state = proxy_header::state;

// What becomes of a stream that comes in pieces of this size; untaken bytes are given again.
struct outcome {
  state now = state::more;
  std::string source;
  std::size_t taken = 0;

  friend bool operator==(const outcome&, const outcome&) = default;
};

outcome read_in_pieces(std::string_view bytes, std::size_t size) {
  proxy_header header;
  outcome out;
  for (std::size_t seen = 0; out.now == state::more && seen < bytes.size();) {
    seen = std::min(seen + size, bytes.size());
    const auto part = bytes.substr(out.taken, seen - out.taken);
    const auto progress = header.feed(part);
    REQUIRE(progress.taken <= part.size());
    REQUIRE(progress.needed > 0);
    out.taken += progress.taken;
    out.now = progress.now;
  }
  if (const auto& from = header.source()) {
    out.source = from->address().to_string() + " " + std::to_string(from->port());
  }
  CHECK((out.now == state::malformed) == !header.objection().empty());
  return out;
}

outcome read(std::string_view bytes) {
  const auto whole = read_in_pieces(bytes, bytes.size());
  for (const std::size_t size : {1U, 2U, 5U, 7U, 100U}) {
    CAPTURE(size);
    const auto again = read_in_pieces(bytes, size);
    CHECK(again.now == whole.now);
    if (whole.now == state::complete || whole.now == state::absent) CHECK(again == whole);
  }
  return whole;
}

std::string text_of_length(std::size_t size) {
  const std::string begin = "PROXY UNKNOWN ";
  return begin + std::string(size - begin.size() - 2, 'x') + "\r\n";
}

std::string binary(unsigned version_and_command, unsigned family, std::string_view rest) {
  std::string out("\r\n\r\n\0\r\nQUIT\n", 12);
  out += static_cast<char>(version_and_command);
  out += static_cast<char>(family);
  out += static_cast<char>(rest.size() >> 8U);
  out += static_cast<char>(rest.size());
  return out.append(rest);
}

const std::string v4("\x0a\x01\x02\x03\xc0\x00\x02\x01\x1f\x90\x10\x7e", 12);
const std::string v6 = std::string("\x20\x01\x0d\xb8", 4) + std::string(11, '\0') + '\x07' +
                       std::string(16, '\x01') + std::string("\x1f\x90\x10\x7e", 4);

}  // namespace

TEST_CASE("PROXY header: a line says who is behind the proxy, and what follows is left") {
  const std::string line = "PROXY TCP4 10.1.2.3 192.0.2.1 8080 4222\r\n";
  CHECK(read(line + "CONNECT {}\r\n") == outcome{state::complete, "10.1.2.3 8080", line.size()});
  const std::string six = "PROXY TCP6 2001:db8::7 ::1 1 65535\r\n";
  CHECK(read(six + "\r\n") == outcome{state::complete, "2001:db8::7 1", six.size()});
  CHECK(read("PROXY TCP6 ::ffff:10.0.0.9 ::1 1 2\r\n").source == "::ffff:10.0.0.9 1");
  CHECK(read("PROXY  TCP4\t10.1.2.3 192.0.2.1  080 4222 \r\n").source == "10.1.2.3 80");
}

TEST_CASE("PROXY header: who isn't known is nobody") {
  CHECK(read("PROXY UNKNOWN\r\n") == outcome{state::complete, "", 15});
  CHECK(read("PROXY UNKNOWN ffff::1 x y z\r\nX") == outcome{state::complete, "", 29});
}

TEST_CASE("PROXY header: a line of 107 bytes is taken, a longer one is not") {
  CHECK(read(text_of_length(107)).now == state::complete);
  CHECK(read(text_of_length(108)).now == state::malformed);
  CHECK(read("PROXY " + std::string(1000, 'x')).now == state::malformed);
}

TEST_CASE("PROXY header: a line that says nothing sensible is malformed") {
  for (const std::string_view rest :
       {"", "TCP4", "TCP4 1.1.1.1 2.2.2.2 1", "TCP4 1.1.1.1 2.2.2.2 1 2 3",
        "TCP5 1.1.1.1 2.2.2.2 1 2", "tcp4 1.1.1.1 2.2.2.2 1 2", "TCP4 1.1.1.256 2.2.2.2 1 2",
        "TCP4 1.1.1.1 2.2.2 1 2", "TCP4 01.1.1.1 2.2.2.2 1 2", "TCP4 ::1 ::1 1 2",
        "TCP4 ::ffff:1.1.1.1 2.2.2.2 1 2", "TCP6 1.1.1.1 2.2.2.2 1 2", "TCP6 ::1%eth0 ::1 1 2",
        "TCP4 1.1.1.1 2.2.2.2 65536 2", "TCP4 1.1.1.1 2.2.2.2 1 -2", "TCP4 1.1.1.1 2.2.2.2 +1 2",
        "TCP4 1.1.1.1 2.2.2.2 0x1 2"}) {
    CAPTURE(rest);
    CHECK(read("PROXY " + std::string(rest) + "\r\n").now == state::malformed);
  }
}

TEST_CASE("PROXY header: the binary form says it for both families, and more that is skipped") {
  const auto four = binary(0x21, 0x11, v4);
  CHECK(read(four + "PING\r\n") == outcome{state::complete, "10.1.2.3 8080", four.size()});
  const auto six = binary(0x21, 0x21, v6);
  CHECK(read(six + "x") == outcome{state::complete, "2001:db8::7 8080", six.size()});
  const auto longest = binary(0x21, 0x11, v4 + std::string(65535 - v4.size(), '\x04'));
  CHECK(read(longest + "x") == outcome{state::complete, "10.1.2.3 8080", longest.size()});
}

TEST_CASE("PROXY header: the proxy's own connections and unnamed families keep their address") {
  const auto local = binary(0x20, 0x00, "");
  CHECK(read(local + "x") == outcome{state::complete, "", local.size()});
  const auto more = binary(0x20, 0x11, v4 + "more");
  CHECK(read(more + "x") == outcome{state::complete, "", more.size()});
  const auto unnamed = binary(0x21, 0x01, "what");
  CHECK(read(unnamed + "x") == outcome{state::complete, "", unnamed.size()});
}

TEST_CASE("PROXY header: of the binary form all that isn't known is malformed") {
  CHECK(read(binary(0x11, 0x11, v4)).now == state::malformed);  // version
  CHECK(read(binary(0x22, 0x11, v4)).now == state::malformed);  // command
  CHECK(read(binary(0x21, 0x12, v4)).now == state::malformed);  // datagrams
  CHECK(read(binary(0x21, 0x00, "")).now == state::malformed);  // no transport
  CHECK(read(binary(0x21, 0x31, v4)).now == state::malformed);  // Unix sockets
  CHECK(read(binary(0x21, 0x11, v4.substr(1))).now == state::malformed);
  CHECK(read(binary(0x21, 0x21, v6.substr(1))).now == state::malformed);
  CHECK(read("\r\n\r\n\0\r\nQUIX" + std::string(20, 'x')).now != state::complete);
  auto wrong = binary(0x21, 0x11, v4);
  wrong[11] = 'x';
  CHECK(read(wrong).now == state::malformed);
}

TEST_CASE("PROXY header: who sends none keeps all bytes") {
  for (const std::string_view bytes :
       {"CONNECT {}\r\n", "PING\r\n", "\x16\x03\x01", "PROXIES", "\r\nPING\r\n"}) {
    CAPTURE(bytes);
    CHECK(read(bytes) == outcome{state::absent, "", 0});
  }
}

TEST_CASE("PROXY header: too few bytes to tell are left, and asked for") {
  proxy_header header;
  const auto few = header.feed("PR");
  CHECK(few.now == state::more);
  CHECK(few.taken == 0);
  CHECK(few.needed == 6);
  CHECK(header.feed("PROXY ").taken == 6);
}
