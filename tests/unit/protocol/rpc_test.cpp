#include <nuncio/protocol/rpc.hpp>

#include <doctest/doctest.h>

#include <string>
#include <vector>

using namespace nuncio::protocol;

namespace {

std::string block_of(std::string_view value) {
  return "NATS/1.0\r\nNuncio: " + std::string(value) + "\r\n\r\n";
}

// A line with the bytes that its views point to.
struct read {
  explicit read(std::string_view value) : block(block_of(value)) {
    CAPTURE(block);
    REQUIRE(read_rpc_line(block, line) == rpc_line_state::present);
  }
  read(const read&) = delete;
  read& operator=(const read&) = delete;
  ~read() = default;

  const std::string block;
  rpc_line line;
};

std::string written(const rpc_line& line) {
  std::string out;
  append_rpc_line_value(out, line);
  return out;
}

rpc_status failure_in(std::string_view fields) {
  CAPTURE(fields);
  const auto block = "NATS/1.0\r\n" + std::string(fields) + "\r\n";
  header_view headers;
  REQUIRE(parse_headers(block, headers));
  const auto out = read_rpc_failure(headers);
  REQUIRE(out.has_value());
  return *out;
}

}  // namespace

TEST_CASE("rpc line: every key is read, in any order") {
  const rpc_line line{.frame = rpc_frame::bidi,
                      .timeout_us = 50'000,
                      .takes_accept = true,
                      .is_idempotent = true,
                      .is_one_way = true,
                      .has_item = true,
                      .is_closed = true,
                      .priority = 3,
                      .attempt = 2,
                      .number = 7,
                      .window = rpc_amount{256, 262'144},
                      .taken = rpc_amount{1, 2},
                      .call_id = "a.b_c:d/e-f%20",
                      .hash_key = "x"};
  CHECK(
      read("k=x,w=256/262144,d,id=a.b_c:d/e-f%20,a=2,e,p=3,t=50000,r=1/2,s=7,o,i,c,f=bidi").line ==
      line);
  CHECK(read(written(line)).line == line);
}

TEST_CASE("rpc line: what is default is not written") {
  CHECK(written({.timeout_us = 50'000, .takes_accept = true}) == "t=50000,c");
  CHECK(written({.frame = rpc_frame::ack, .number = 0, .window = rpc_amount{0, 0}}) ==
        "f=ack,s=0,w=0/0");
  CHECK(written({}).empty());
}

TEST_CASE("rpc line: unknown keys are passed over, and the first of a repeated one counts") {
  CHECK(read("z=1,new=%41,t=1,t=2,x").line == rpc_line{.timeout_us = 1});
  CHECK(read("id=a,id=b").line.call_id == "a");
  CHECK(read("f=resume").line.frame == rpc_frame::unknown);
  CHECK(read("f=unknown").line.frame == rpc_frame::unknown);
  CHECK(read("m=1/3").line == rpc_line{});
}

TEST_CASE("rpc line: a malformed one is no line at all") {
  for (const std::string_view value :
       {"",       ",",     "t",      "t=",      "t=x",
        "t=-1",   "t=1 ",  " t=1",   "t=1,",    "t=99999999999999999999",
        "w=1",    "w=1/",  "w=/1",   "w=1/2/3", "s=1.5",
        "p=4",    "a=0",   "f=",     "f",       "id",
        "id=",    "id=%4", "id=%G1", "k=a b",   "k=\"x\"",
        "t=1,,c", "=1",    "t=1;c"}) {
    CAPTURE(value);
    rpc_line out{.timeout_us = 3};
    CHECK(read_rpc_line(block_of(value), out) == rpc_line_state::malformed);
    CHECK(out == rpc_line{});
  }
  rpc_line out;
  CHECK(read_rpc_line("NATS/1.0\r\nNuncio: t=1", out) == rpc_line_state::malformed);
}

TEST_CASE("rpc line: it is the first header or absent") {
  rpc_line out;
  for (const std::string_view block :
       {"", "NATS/1.0\r\n\r\n", "NATS/1.0\r\nA: b\r\nNuncio: t=1\r\n\r\n",
        "NATS/1.0\r\nnuncio: t=1\r\n\r\n", "NATS/1.0 503\r\n\r\n"}) {
    CAPTURE(block);
    CHECK(read_rpc_line(block, out) == rpc_line_state::absent);
  }
}

TEST_CASE("rpc line: values of any bytes are percent-encoded") {
  const std::string text("a b,c=d%\0\xff", 10);
  CHECK(to_rpc_value(text) == "a%20b%2Cc%3Dd%25%00%FF");
  CHECK(from_rpc_value(to_rpc_value(text)) == text);
  CHECK(from_rpc_value("%7e") == "~");
  CHECK_FALSE(from_rpc_value("a b").has_value());
  CHECK_FALSE(from_rpc_value("%7").has_value());
}

TEST_CASE("rpc code: names and numbers are those of the table") {
  for (int i = 0; i <= static_cast<int>(rpc_code::unauthenticated); ++i) {
    const auto code = static_cast<rpc_code>(i);
    CAPTURE(to_string(code));
    CHECK(parse_rpc_code(to_string(code)) == code);
    CHECK(to_number(code) >= 200);
  }
  CHECK_FALSE(parse_rpc_code("").has_value());
  CHECK_FALSE(parse_rpc_code("ok").has_value());
  CHECK(to_number(rpc_code::deadline_exceeded) == 504);
}

TEST_CASE("rpc code: a number alone means the first name of it") {
  const std::vector<std::pair<int, rpc_code>> table{{400, rpc_code::invalid_argument},
                                                    {401, rpc_code::unauthenticated},
                                                    {403, rpc_code::permission_denied},
                                                    {404, rpc_code::not_found},
                                                    {408, rpc_code::deadline_exceeded},
                                                    {409, rpc_code::aborted},
                                                    {418, rpc_code::failed_precondition},
                                                    {429, rpc_code::resource_exhausted},
                                                    {499, rpc_code::cancelled},
                                                    {500, rpc_code::internal},
                                                    {501, rpc_code::unimplemented},
                                                    {502, rpc_code::unavailable},
                                                    {503, rpc_code::unavailable},
                                                    {504, rpc_code::deadline_exceeded},
                                                    {505, rpc_code::unknown},
                                                    {0, rpc_code::unknown},
                                                    {200, rpc_code::unknown}};
  for (const auto& [number, code] : table) {
    CAPTURE(number);
    CHECK(rpc_code_of(number) == code);
  }
}

TEST_CASE("rpc failure: what is written is read again, whole") {
  const rpc_status status{.code = rpc_code::resource_exhausted,
                          .number = 429,
                          .text = "too many",
                          .surely_not_run = true,
                          .reason = "overloaded",
                          .retry_after = std::chrono::milliseconds(-1),
                          .instance = "i1",
                          .details_type = "quota",
                          .details_content_type = "application/json"};
  rpc_block block;
  block.add_failure(status);
  header_view headers;
  REQUIRE(parse_headers(block.finish(), headers));
  CHECK(read_rpc_failure(headers) == status);
}

TEST_CASE("rpc failure: a classic service says a text and a number, or one of them") {
  auto status = failure_in("Nats-Service-Error: bad\r\nNats-Service-Error-Code: 418\r\n");
  CHECK(status.code == rpc_code::failed_precondition);
  CHECK(status.number == 418);
  CHECK(status.text == "bad");
  CHECK_FALSE(status.surely_not_run);
  CHECK(failure_in("Nats-Service-Error-Code: 404\r\n").code == rpc_code::not_found);
  status = failure_in("Nats-Service-Error: bad\r\nNats-Service-Error-Code: many\r\n");
  CHECK(status.code == rpc_code::unknown);
  CHECK(status.number == 0);
}

TEST_CASE("rpc failure: the name wins over the number, the first header over a later one") {
  const auto status = failure_in(
      "Nats-Service-Error-Code: 409\r\nNuncio-Status: ALREADY_EXISTS\r\nNuncio-Status: ABORTED\r\n"
      "Nats-Service-Error: a\r\nNats-Service-Error: b\r\nNuncio-Executed: maybe\r\n");
  CHECK(status.code == rpc_code::already_exists);
  CHECK(status.text == "a");
  CHECK(failure_in("Nats-Service-Error-Code: 503\r\nNuncio-Status: OK\r\n").code ==
        rpc_code::unavailable);
}

TEST_CASE("rpc failure: other headers are none") {
  header_view headers;
  REQUIRE(parse_headers("NATS/1.0\r\nNuncio-Status: ABORTED\r\nnats-service-error: x\r\n\r\n",
                        headers));
  CHECK_FALSE(read_rpc_failure(headers).has_value());
}

TEST_CASE("rpc block: the line comes first, and values can't break out of theirs") {
  rpc_block block({.timeout_us = 1});
  CHECK(block.add("a", "x\r\nb: y"));
  CHECK(block.add("c", std::string_view("\0z\n", 3)));
  CHECK_FALSE(block.add("", "x"));
  CHECK_FALSE(block.add("a:b", "x"));
  CHECK_FALSE(block.add("a\r\nb", "x"));
  const std::string lines(block.lines());
  CHECK(lines == "a: xb: y\r\nc: z\r\n");
  CHECK(block.finish() == "NATS/1.0\r\nNuncio: t=1\r\na: xb: y\r\nc: z\r\n\r\n");
  rpc_block copy;
  copy.add_lines(lines);
  CHECK(copy.finish() == "NATS/1.0\r\na: xb: y\r\nc: z\r\n\r\n");
}

TEST_CASE("rpc block: nothing to say is no block") {
  CHECK(rpc_block().finish().empty());
  CHECK(rpc_block(rpc_line{}).finish().empty());
  CHECK(rpc_block(rpc_line{}).lines().empty());
}

TEST_CASE("rpc failure: an empty text is never sent") {
  rpc_block block;
  block.add_failure({.code = rpc_code::internal});
  CHECK(block.lines() ==
        "Nats-Service-Error: INTERNAL\r\nNats-Service-Error-Code: 500\r\nNuncio-Status: "
        "INTERNAL\r\n");
}
