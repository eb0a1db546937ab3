#include "chunked.hpp"

#include <nuncio/protocol/parser.hpp>

#include <doctest/doctest.h>

#include <initializer_list>
#include <string>
#include <string_view>
#include <vector>

using namespace nuncio::protocol;

namespace {

// Writes down what it is told, a line for each operation.
struct recorder {
  std::string log;
  flow answer = flow::go_on;

  flow note(std::initializer_list<std::string_view> parts) {
    const char* separator = "";
    for (const auto part : parts) {
      log.append(separator).append(part);
      separator = "|";
    }
    log += '\n';
    return answer;
  }
  flow on_pub(const ops::pub& op) {
    CHECK(op.header_size <= op.body.size());
    return note({"pub", op.subject, op.reply, op.has_header() ? op.header_text : "-", op.size_text,
                 op.body});
  }
  flow on_sub(const ops::sub& op) { return note({"sub", op.subject, op.queue, op.sid}); }
  flow on_unsub(const ops::unsub& op) { return note({"unsub", op.sid, std::to_string(op.max)}); }
  flow on_connect(std::string_view json) { return note({"connect", json}); }
  flow on_info(std::string_view json) { return note({"info", json}); }
  flow on_ping() { return note({"ping"}); }
  flow on_pong() { return note({"pong"}); }
  flow on_error(errc code) {
    note({"error", to_string(code)});
    return flow::closed;
  }
};

parse_limits with_headers() {
  parse_limits limits;
  limits.headers = true;
  return limits;
}

// Feeds pieces as a connection does: what isn't consumed comes again, with more behind it.
std::string run_pieces(const std::vector<std::string>& pieces, const parse_limits& limits) {
  recorder to;
  std::string kept;
  std::size_t needed = 0;
  for (const auto& piece : pieces) {
    kept += piece;
    if (kept.size() < needed) continue;
    std::string padded = kept + std::string(parser_padding, '\xff');
    const auto result = parse(padded.data(), kept.size(), limits, to);
    if (result.next == flow::closed) return to.log;
    CHECK(result.next == flow::go_on);
    kept.erase(0, result.consumed);
    needed = result.needed;
    CHECK((needed == 0 || needed > kept.size()));
  }
  if (!kept.empty()) to.log += "left: " + std::to_string(kept.size()) + "\n";
  return to.log;
}

std::string run(std::string_view bytes, const parse_limits& limits = with_headers()) {
  return run_pieces({std::string(bytes)}, limits);
}

}  // namespace

TEST_CASE("parser: every verb, at every cut") {
  const std::string_view bytes =
      "CONNECT {\"verbose\":false}\r\nPING\r\nPONG\r\n+OK\r\nINFO {}\r\n"
      "SUB foo.* 1\r\nSUB foo.bar workers 22\r\nUNSUB 1\r\nUNSUB 22 5\r\n"
      "PUB foo 5\r\nhello\r\nPUB foo reply.to 0\r\n\r\n"
      "HPUB foo 12 17\r\nNATS/1.0\r\n\r\nhello\r\nHPUB foo reply 12 12\r\nNATS/1.0\r\n\r\n\r\n";
  const std::string expected =
      "connect|{\"verbose\":false}\nping\npong\ninfo|{}\n"
      "sub|foo.*||1\nsub|foo.bar|workers|22\nunsub|1|0\nunsub|22|5\n"
      "pub|foo||-|5|hello\npub|foo|reply.to|-|0|\n"
      "pub|foo||12|17|NATS/1.0\r\n\r\nhello\npub|foo|reply|12|12|NATS/1.0\r\n\r\n\n";
  nuncio::test::check_any_chunking(bytes, expected, [](const std::vector<std::string>& pieces) {
    return run_pieces(pieces, with_headers());
  });
}

TEST_CASE("parser: verbs in any case, blanks in runs and at the end, bare line feeds") {
  CHECK(run("pUb  foo \t reply\t2 \r\nhi\r\n") == "pub|foo|reply|-|2|hi\n");
  CHECK(run("pub foo 2\nhi\r\n") == "pub|foo||-|2|hi\n");
  CHECK(run("hpub\tfoo 12 12\nNATS/1.0\r\n\r\n\r\n") == "pub|foo||12|12|NATS/1.0\r\n\r\n\n");
  CHECK(run("sub foo  1 \r\nSuB a\rq 1\r\nunsub  1 \n") == "sub|foo||1\nsub|a|q|1\nunsub|1|0\n");
  CHECK(run("ping\nPiNgxyz abc\r\nPONG \r\n") == "ping\nping\npong\n");
  CHECK(run("CONNECT{}\r\nconnect\t {}\r\nINFO{}\r\n") == "connect|{}\nconnect|{}\ninfo|{}\n");
}

TEST_CASE(
    "parser: what the publisher wrote can be passed on, unless it is spelled in another way") {
  const auto tail_of = [](std::string_view bytes) {
    struct : recorder {
      std::string tail;
      flow on_pub(const ops::pub& op) {
        tail = op.tail;
        return flow::go_on;
      }
    } to;
    const std::string padded = std::string(bytes) + std::string(parser_padding, '\0');
    parse(padded.data(), bytes.size(), with_headers(), to);
    return to.tail;
  };
  CHECK(tail_of("PUB foo 2\r\nhi\r\n") == "2\r\nhi\r\n");
  CHECK(tail_of("PUB foo re 0002\r\nhi\r\n") == "re 0002\r\nhi\r\n");
  CHECK(tail_of("HPUB foo 12 12\r\nNATS/1.0\r\n\r\n\r\n") == "12 12\r\nNATS/1.0\r\n\r\n\r\n");
  CHECK(tail_of("PUB foo\t2\r\nhi\r\n").empty());
  CHECK(tail_of("PUB  foo 2\r\nhi\r\n").empty());
  CHECK(tail_of("PUB foo 2 \r\nhi\r\n").empty());
  CHECK(tail_of("PUB foo 2\nhi\r\n").empty());
  CHECK(tail_of("HPUB foo 0 2\r\nhi\r\n").empty());
}

TEST_CASE("parser: a tail is rendered as a publisher with single blanks writes it") {
  ops::pub op;
  op.reply = "re";
  op.header_text = "012";
  op.size_text = "14";
  op.body = "NATS/1.0\r\n\r\nhi";
  op.header_size = 12;
  std::string whole = "x";
  render_tail(op, whole);
  CHECK(whole == "xre 012 14\r\nNATS/1.0\r\n\r\nhi\r\n");
  std::string stripped;
  render_stripped_tail(op, stripped);
  CHECK(stripped == "re 2\r\nhi\r\n");
}

TEST_CASE("parser: a header size of zero is a message without headers") {
  CHECK(run("HPUB foo 0 2\r\nhi\r\n") == "pub|foo||-|2|hi\n");
}

TEST_CASE("parser: what can't be a verb or breaks the framing is an unknown operation") {
  for (const std::string_view bytes :
       {" PING\r\n", "\r\n", "\n", "MSG a 1 2\r\nhi\r\n", "HMSG a 1 2 2\r\n", "RS+ a b\r\n", "PUBx",
        "PUB\r\n", "SUB\r\n", "SUBx a 1\r\n", "UNSUBx", "PINX", "PUB foo 2\r\nhixx",
        "PUB foo 2\r\nhi\n", "PUB foo 2\r\nhi\rx", "HPUBx"}) {
    CAPTURE(bytes);
    CHECK(run(bytes) == "error|unknown_operation\n");
  }
  // Half of it is enough to know.
  CHECK(run("X") == "error|unknown_operation\n");
  CHECK(run("PUB foo 2\r\nhix") == "error|unknown_operation\n");
}

TEST_CASE("parser: a known verb with wrong arguments") {
  for (const std::string_view bytes :
       {"PUB foo\r\n", "PUB foo a b 2\r\n", "PUB foo -1\r\n", "PUB foo +1\r\n", "PUB foo 1x\r\n",
        "PUB foo 1234567890\r\n", "PUB foo x\r\n", "SUB foo\r\n", "SUB foo q 1 2\r\n",
        "UNSUB 1 2 3\r\n", "HPUB foo 12\r\n", "HPUB foo 13 12\r\n", "HPUB foo x 12\r\n",
        "HPUB foo a b 12 12\r\n"}) {
    CAPTURE(bytes);
    CHECK(run(bytes) == "error|bad_arguments\n");
  }
  CHECK(run("HPUB foo 12 12\r\n", {}) == "error|bad_arguments\n");  // headers were not agreed on
  CHECK(run("UNSUB 1 x\r\n") == "unsub|1|0\n");                     // "at once"
  CHECK(run("-ERR 'x'\r\n") == "error|peer_error\n");
}

TEST_CASE("parser: the argument part of a line may be as long as max_control_line, to the byte") {
  parse_limits limits;
  limits.max_control_line = 32;
  const std::string fits(30, 'a');  // and " 1", or " 0"
  CHECK(run("SUB " + fits + " 1\r\n", limits) == "sub|" + fits + "||1\n");
  CHECK(run("PUB " + fits + " 0\r\n\r\n", limits) == "pub|" + fits + "||-|0|\n");
  const std::string long_by_one(31, 'a');
  for (const std::string_view verb : {"SUB ", "PUB ", "CONNECT ", "INFO "}) {
    CAPTURE(verb);
    const auto line = std::string(verb) + long_by_one + " 1";
    CHECK(run(line + "\r\n", limits) == "error|control_line_exceeded\n");
    CHECK(run(line, limits) == "error|control_line_exceeded\n");  // before its end has come
  }
}

TEST_CASE("parser: the payload limit is checked on the line, before any payload") {
  parse_limits limits = with_headers();
  limits.max_payload = 20;
  CHECK(run("PUB foo 20\r\n", limits) == "left: 12\n");
  CHECK(run("PUB foo 21\r\n", limits) == "error|max_payload\n");
  CHECK(run("HPUB foo 12 21\r\n", limits) == "error|max_payload\n");
  limits.max_payload = -1;
  CHECK(run("PUB foo 999999999\r\n", limits) == "left: 19\n");
}

TEST_CASE("parser: says how many bytes make the operation whole") {
  recorder to;
  const auto needed = [&to](std::string_view bytes) {
    const std::string padded = std::string(bytes) + std::string(parser_padding, ' ');
    return parse(padded.data(), bytes.size(), with_headers(), to).needed;
  };
  CHECK(needed("PUB foo 5\r\nhe") == 18);
  CHECK(needed("PUB foo 5\r\nhello\r") == 18);
  CHECK(needed("PUB foo\t5\nhe") == 17);
  CHECK(needed("HPUB foo 12 14\r\n") == 32);
  CHECK(needed("PUB foo 5") == 0);
  CHECK(needed("PUB foo 5\r") == 0);
  CHECK(to.log.empty());
}

TEST_CASE("parser: stops where the handler says, and consumes up to there") {
  const std::string bytes = "PING\r\nSUB a 1\r\nPUB a 2\r\nhi\r\nPING\r\n";
  const std::string padded = bytes + std::string(parser_padding, '\0');
  for (const auto answer : {flow::suspended, flow::again, flow::closed}) {
    recorder to;
    to.answer = answer;
    const auto result = parse(padded.data(), bytes.size(), with_headers(), to);
    CHECK(result.next == answer);
    CHECK(result.consumed == (answer == flow::again ? 0U : 6U));
    CHECK(to.log == "ping\n");
  }
  recorder to;
  to.answer = flow::again;
  const auto result = parse(padded.data() + 15, bytes.size() - 15, with_headers(), to);
  CHECK(result.consumed == 0);
  CHECK(to.log == "pub|a||-|2|hi\n");
}

TEST_CASE("parser: limits that an operation changes hold for the next one") {
  struct : recorder {
    parse_limits limits;
    flow on_connect(std::string_view) {
      limits.headers = true;
      limits.max_payload = 2;
      return flow::go_on;
    }
  } to;
  const std::string bytes = "CONNECT {}\r\nHPUB a 1 2\r\nxy\r\nPUB a 3\r\n";
  const std::string padded = bytes + std::string(parser_padding, '\0');
  parse(padded.data(), bytes.size(), to.limits, to);
  CHECK(to.log == "pub|a||1|2|xy\nerror|max_payload\n");
}
