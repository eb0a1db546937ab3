#include "chunked.hpp"

#include <nuncio/protocol/message_parser.hpp>

#include <doctest/doctest.h>

#include <string>
#include <vector>

using namespace nuncio::protocol;
using nuncio::test::check_any_chunking;

namespace {

std::string describe(const server_event& event) {
  std::string out{to_string(event.what)};
  if (event.what == server_event::kind::message) {
    const auto& m = event.message;
    for (const auto part : {m.subject, m.sid, m.reply, m.header_block, m.payload}) {
      out += " [";
      out += part;
      out += ']';
    }
  } else if (!event.text.empty()) {
    out += ' ';
    out += event.text;
  }
  return out + '\n';
}

std::string run(std::vector<std::string> pieces, message_limits limits = {}) {
  message_parser parser(limits);
  std::string out;
  for (auto& piece : pieces) {
    parser.feed(piece);
    for (auto e = parser.next(); e.what != server_event::kind::need_more; e = parser.next()) {
      out += describe(e);
      if (e.what == server_event::kind::malformed) return out;
    }
    piece.assign(piece.size(), '#');  // nothing may look at it any more
  }
  return out;
}

void check(std::string_view bytes, std::string_view expected, message_limits limits = {}) {
  CAPTURE(bytes);
  check_any_chunking(bytes, std::string(expected), [&](std::vector<std::string> pieces) {
    return run(std::move(pieces), limits);
  });
}

}  // namespace

TEST_CASE("message parser: a usual conversation comes out in order") {
  check(
      "INFO {\"server_id\":\"N\"} \r\nPONG\r\nMSG a 1 5\r\nhello\r\nMSG a.b 22 r.1 0\r\n\r\n"
      "HMSG h 3 12 14\r\nNATS/1.0\r\n\r\nok\r\nHMSG h 3 r 12 12\r\nNATS/1.0\r\n\r\n\r\n"
      "PING\r\n+OK\r\n-ERR 'Unknown Protocol Operation'\r\n",
      "info {\"server_id\":\"N\"}\npong\nmessage [a] [1] [] [] [hello]\n"
      "message [a.b] [22] [r.1] [] []\nmessage [h] [3] [] [NATS/1.0\r\n\r\n] [ok]\n"
      "message [h] [3] [r] [NATS/1.0\r\n\r\n] []\nping\nok\nerr Unknown Protocol Operation\n");
}

TEST_CASE("message parser: runs of blanks separate, also where a reply is missing") {
  check("MSG tr 1  3\r\nabc\r\nMSG \t a  2\tr   1 \t\r\nx\r\nHMSG  a 1   0  1\r\ny\r\n",
        "message [tr] [1] [] [] [abc]\nmessage [a] [2] [r] [] [x]\nmessage [a] [1] [] [] [y]\n");
}

TEST_CASE("message parser: verbs match in any case and a bare LF ends a line") {
  check("msg a 1 1\nx\r\nPing\nhMsG a 1 0 0\n\r\n+ok\ninfo{}\n-err 'x'\n",
        "message [a] [1] [] [] [x]\nping\nmessage [a] [1] [] [] []\nok\ninfo {}\nerr x\n");
}

TEST_CASE("message parser: a payload may look like the protocol") {
  check("MSG a 1 14\r\nPING\r\nMSG x 1 \r\nPONG\r\n",
        "message [a] [1] [] [] [PING\r\nMSG x 1 ]\npong\n");
}

TEST_CASE("message parser: an error keeps its inner quotes") {
  check("-ERR 'Permissions Violation for Publish to \"a'b\"'\r\n-ERR\r\n-ERR plain\r\n-ERR '\r\n",
        "err Permissions Violation for Publish to \"a'b\"\nerr\nerr plain\nerr '\n");
}

TEST_CASE("message parser: leading zeros of a size are fine") {
  check("MSG a 1 000000002\r\nab\r\n", "message [a] [1] [] [] [ab]\n");
}

TEST_CASE("message parser: what is no operation ends the stream") {
  for (const std::string_view bytes :
       {"HELLO\r\n", "\r\n", " PING\r\n", "MSGa 1 1\r\nx\r\n", "PUB a 1\r\nx\r\n", "MSG\r\n"}) {
    check(bytes, "malformed unknown operation\n");
  }
}

TEST_CASE("message parser: a message with wrong fields ends the stream") {
  for (const std::string_view bytes : {"MSG a 1\r\n", "MSG a\r\n", "MSG \r\n", "MSG a 1 r s 1\r\n",
                                       "HMSG a 1 1\r\n", "HMSG a 1 r s 1 1\r\n"}) {
    check(bytes, "malformed a message line has a wrong number of fields\n");
  }
  for (const std::string_view bytes : {"MSG a 1 -1\r\n", "MSG a 1 +1\r\n", "MSG a 1 0000000001\r\n",
                                       "MSG a 1 1x\r\n", "HMSG a 1 x 1\r\n", "HMSG a 1 2 1\r\n"}) {
    check(bytes, "malformed a message line has a bad size\n");
  }
}

TEST_CASE("message parser: a payload that doesn't end where its size says ends the stream") {
  for (const std::string_view bytes :
       {"MSG a 1 1\r\nxy\r\n", "MSG a 1 2\r\nx\r\n\r\n", "MSG a 1 1\r\nx\n\n"}) {
    check(bytes, "malformed a payload doesn't end where its size says\n");
  }
}

TEST_CASE("message parser: lines and payloads are bounded") {
  const message_limits limits{.max_line = 16, .max_payload = 4};
  check("MSG a 1 4\r\nabcd\r\nINFO 34567890123\n",
        "message [a] [1] [] [] [abcd]\ninfo 34567890123\n", {.max_line = 17, .max_payload = 4});
  check("INFO 345678901\r\n", "info 345678901\n", limits);
  check("INFO 3456789012\r\n", "malformed a line is longer than max_line\n", limits);
  check("INFO 34567890123456789", "malformed a line is longer than max_line\n", limits);
  check("MSG a 1 5\r\n", "malformed a message is larger than max_payload\n", limits);
}

TEST_CASE("message parser: what was malformed stays so") {
  message_parser parser;
  parser.feed("X\r\nPING\r\n");
  CHECK(parser.next().what == server_event::kind::malformed);
  CHECK(parser.next().what == server_event::kind::malformed);
  parser.feed("PING\r\n");
  CHECK(parser.next().what == server_event::kind::malformed);
}

TEST_CASE("message parser: an operation that lies whole in one feed is not copied") {
  const std::string bytes = "PING\r\nMSG a 1 5\r\nhello\r\n";
  message_parser parser;
  parser.feed(bytes);
  CHECK(parser.next().what == server_event::kind::ping);
  const auto event = parser.next();
  REQUIRE(event.what == server_event::kind::message);
  CHECK(event.message.payload.data() == bytes.data() + bytes.find("hello"));
  CHECK(parser.next().what == server_event::kind::need_more);
  CHECK(parser.next().what == server_event::kind::need_more);
}

TEST_CASE("message parser: a large message comes through in pieces, and the next one too") {
  const std::string payload(3 * 1024 * 1024, 'x');
  const std::string bytes =
      "MSG a 1 " + std::to_string(payload.size()) + "\r\n" + payload + "\r\nPING\r\n";
  message_parser parser;
  std::size_t messages = 0;
  bool pinged = false;
  for (std::size_t at = 0; at < bytes.size(); at += 64 * 1024) {
    parser.feed(std::string_view(bytes).substr(at, 64 * 1024));
    for (auto e = parser.next(); e.what != server_event::kind::need_more; e = parser.next()) {
      if (e.what == server_event::kind::message) {
        ++messages;
        CHECK(e.message.payload == payload);
      }
      pinged = pinged || e.what == server_event::kind::ping;
    }
  }
  CHECK(messages == 1);
  CHECK(pinged);
}
