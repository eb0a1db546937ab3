#include "chunked.hpp"

#include <nuncio/protocol/ws_frame.hpp>

#include <doctest/doctest.h>

#include <array>
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

using namespace nuncio::protocol;

namespace {

constexpr unsigned final_frame = 0x80;
constexpr unsigned compressed = 0x40;
constexpr std::string_view mask = "\x12\x34\xfe\x80";

// How many bytes a length is written in, besides the first.
enum class length_form : std::uint8_t { shortest, in_2, in_8 };

std::string header(unsigned first,
                   std::uint64_t size,
                   bool is_masked,
                   length_form form = length_form::shortest) {
  std::string out{static_cast<char>(first)};
  const unsigned bit = is_masked ? 0x80 : 0;
  if (form == length_form::shortest) {
    form = size > 0xffff ? length_form::in_8 : size > 125 ? length_form::in_2 : form;
  }
  const int bytes = form == length_form::in_8 ? 8 : form == length_form::in_2 ? 2 : 0;
  out += static_cast<char>(bit | (bytes == 8   ? 127U
                                  : bytes == 2 ? 126U
                                               : static_cast<unsigned>(size)));
  for (int i = bytes - 1; i >= 0; --i) out += static_cast<char>(size >> (8 * i) & 0xff);
  return out;
}

std::string masked(std::string_view payload) {
  std::string out(payload);
  for (std::size_t i = 0; i < out.size(); ++i) out[i] = static_cast<char>(out[i] ^ mask[i % 4]);
  return out;
}

std::string plain_frame(unsigned first, std::string_view payload) {
  return header(first, payload.size(), false).append(payload);
}

std::string masked_frame(unsigned first, std::string_view payload) {
  return header(first, payload.size(), true).append(mask).append(masked(payload));
}

unsigned whole(ws_opcode what) {
  return final_frame | static_cast<unsigned>(what);
}

std::string name_of(ws_reader::kind what) {
  switch (what) {
    case ws_reader::kind::nothing:
      return "nothing";
    case ws_reader::kind::data:
      return "data";
    case ws_reader::kind::ping:
      return "ping";
    case ws_reader::kind::pong:
      return "pong";
    case ws_reader::kind::close:
      return "close";
    case ws_reader::kind::broken:
      return "broken";
  }
  return "?";
}

/// Where payloads of messages are written.
enum class place : std::uint8_t { in_place, to_the_front, apart };

/// Writes down what comes, with what belongs together in one piece.
std::string read(const std::vector<std::string>& pieces, ws_reader::rules rules, place where) {
  ws_reader reader(rules);
  std::string log;
  bool in_data = false;
  for (const auto& piece : pieces) {
    std::string bytes = piece;
    std::string apart(bytes.size(), '?');
    std::size_t at = 0;
    std::size_t written = 0;
    for (;;) {
      char* const out = where == place::apart          ? apart.data() + at
                        : where == place::to_the_front ? bytes.data() + written
                                                       : bytes.data() + at;
      const auto found = reader.next(bytes.data() + at, bytes.size() - at, out);
      REQUIRE(found.used <= bytes.size() - at);
      at += found.used;
      if (found.what == ws_reader::kind::nothing) {
        REQUIRE(at == bytes.size());
        break;
      }
      if (found.what != ws_reader::kind::data) {
        // Control frames come between the parts of a message, wherever it is cut.
        log += (in_data ? "|" : "") + name_of(found.what) + ":" + std::string(found.payload) + "\n";
        in_data = false;
        if (found.what == ws_reader::kind::broken) return log;
        continue;
      }
      written += found.payload.size();
      if (!in_data) log += found.is_compressed ? "compressed:" : "data:";
      in_data = !found.ends_message;
      log += found.payload;
      if (found.ends_message) log += '\n';
    }
  }
  return log;
}

/// However it is cut and wherever it is written to.
void check_read(std::string_view bytes, const std::string& expected, ws_reader::rules rules = {}) {
  for (const auto where : {place::in_place, place::to_the_front, place::apart}) {
    CAPTURE(static_cast<int>(where));
    nuncio::test::check_any_chunking(bytes, expected, [&](const std::vector<std::string>& pieces) {
      return read(pieces, rules, where);
    });
  }
}

std::string text_of(std::size_t size) {
  std::string out(size, '\0');
  for (std::size_t i = 0; i < size; ++i) out[i] = static_cast<char>('a' + i % 23);
  return out;
}

constexpr ws_reader::rules unmasked{.are_masked = false, .may_compress = false};
constexpr ws_reader::rules may_compress{.are_masked = true, .may_compress = true};

}  // namespace

TEST_CASE("ws_frame: a message is read, whether it is text or binary") {
  for (const auto what : {ws_opcode::text, ws_opcode::binary}) {
    check_read(masked_frame(whole(what), "PING\r\n"), "data:PING\r\n\n");
    check_read(plain_frame(whole(what), "PING\r\n"), "data:PING\r\n\n", unmasked);
  }
}

TEST_CASE("ws_frame: the examples of RFC 6455, section 5.7") {
  check_read("\x81\x05Hello", "data:Hello\n", unmasked);
  check_read("\x81\x85\x37\xfa\x21\x3d\x7f\x9f\x4d\x51\x58", "data:Hello\n");
  check_read("\x01\x03Hel\x80\x02lo", "data:Hello\n", unmasked);
  check_read("\x89\x05Hello", "ping:Hello\n", unmasked);
  check_read("\x8a\x85\x37\xfa\x21\x3d\x7f\x9f\x4d\x51\x58", "pong:Hello\n");
}

TEST_CASE("ws_frame: masks go on right across any cut") {
  std::string bytes;
  std::string expected;
  for (const std::size_t size :
       {1U, 2U, 3U, 4U, 5U, 7U, 8U, 9U, 31U, 32U, 33U, 63U, 64U, 65U, 99U}) {
    bytes += masked_frame(whole(ws_opcode::binary), text_of(size));
    expected += "data:" + text_of(size) + "\n";
  }
  check_read(bytes, expected);
  // Each cut in two, so that what follows it begins with each byte of the mask.
  const auto one = masked_frame(whole(ws_opcode::binary), text_of(99));
  for (std::size_t at = 0; at <= one.size(); ++at) {
    CAPTURE(at);
    CHECK(read({one.substr(0, at), one.substr(at)}, {}, place::in_place) ==
          "data:" + text_of(99) + "\n");
  }
}

TEST_CASE("ws_frame: lengths at the limits of each form") {
  for (const std::size_t size : {0U, 1U, 125U, 126U, 127U, 128U, 65535U, 65536U, 65537U, 200000U}) {
    CAPTURE(size);
    const auto text = text_of(size);
    const std::vector<std::string> all{masked_frame(whole(ws_opcode::binary), text)};
    CHECK(read(all, {}, place::in_place) == "data:" + text + "\n");
    CHECK(all.front().size() == size + 6 + (size > 65535 ? 8 : size > 125 ? 2 : 0));
  }
  // The largest that there may be; it is never waited for as a whole.
  ws_reader reader({});
  const auto begin = header(whole(ws_opcode::binary), 0x7fffffffffffffff, true).append(mask);
  std::string out(begin.size(), '\0');
  const auto found = reader.next(begin.data(), begin.size(), out.data());
  CHECK(found.what == ws_reader::kind::data);
  CHECK(found.payload.empty());
  CHECK_FALSE(found.ends_message);
}

TEST_CASE("ws_frame: a length that is written longer than need be is against the rules") {
  const auto wrong = "broken:length is not written as short as it could be\n";
  for (const std::uint64_t size : {0U, 1U, 125U}) {
    CAPTURE(size);
    check_read(header(0x82, size, true, length_form::in_2).append(mask), wrong);
    check_read(header(0x82, size, true, length_form::in_8).append(mask), wrong);
  }
  for (const std::uint64_t size : {126U, 0xffffU}) {
    CAPTURE(size);
    check_read(header(0x82, size, true, length_form::in_8).append(mask), wrong);
  }
}

TEST_CASE("ws_frame: what the highest bit of a length says is too large") {
  for (const std::uint64_t size : {0x8000000000000000U, 0xffffffffffffffffU}) {
    check_read(header(0x82, size, true).append(mask), "broken:payload is too large\n");
  }
}

TEST_CASE("ws_frame: a message in parts, empty ones among them") {
  const auto begin = static_cast<unsigned>(ws_opcode::text);
  constexpr unsigned go_on = 0;
  check_read(masked_frame(begin, "PUB a") + masked_frame(go_on, " 2\r\n") +
                 masked_frame(go_on, "") + masked_frame(final_frame | go_on, "hi\r\n"),
             "data:PUB a 2\r\nhi\r\n\n");
  check_read(masked_frame(begin, "") + masked_frame(final_frame | go_on, ""), "data:\n");
  check_read(masked_frame(whole(ws_opcode::text), "") + masked_frame(whole(ws_opcode::text), "a"),
             "data:\ndata:a\n");
}

TEST_CASE("ws_frame: control frames come between the parts of a message") {
  const auto begin = static_cast<unsigned>(ws_opcode::binary);
  const auto bytes = masked_frame(begin, "ab") + masked_frame(whole(ws_opcode::ping), "one") +
                     masked_frame(0, "cd") + masked_frame(whole(ws_opcode::pong), "") +
                     masked_frame(whole(ws_opcode::ping), "") + masked_frame(final_frame, "ef");
  check_read(bytes, "data:ab|ping:one\ndata:cd|pong:\nping:\ndata:ef\n");
}

TEST_CASE("ws_frame: control frames up to 125 bytes") {
  const auto longest = text_of(ws_longest_control);
  check_read(masked_frame(whole(ws_opcode::ping), longest), "ping:" + longest + "\n");
  check_read(masked_frame(whole(ws_opcode::ping), text_of(126)),
             "broken:control frame is too long\n");
  check_read(masked_frame(whole(ws_opcode::close), text_of(70000)),
             "broken:control frame is too long\n");
}

TEST_CASE("ws_frame: a close with a status and a reason, with a status, with nothing") {
  check_read(masked_frame(whole(ws_opcode::close),
                          "\x03\xe8"
                          "bye"),
             "close:\x03\xe8"
             "bye\n");
  check_read(masked_frame(whole(ws_opcode::close), "\x03\xe8"), "close:\x03\xe8\n");
  check_read(masked_frame(whole(ws_opcode::close), ""), "close:\n");
  check_read(masked_frame(whole(ws_opcode::close), "\x03"), "broken:close with half a status\n");
}

TEST_CASE("ws_frame: what is against the rules, and which") {
  const auto text = static_cast<unsigned>(ws_opcode::text);
  const auto ping = static_cast<unsigned>(ws_opcode::ping);
  struct {
    std::string_view label;
    std::string bytes;
    std::string_view why;
    ws_reader::rules rules;
  } const table[]{
      {"RSV2", masked_frame(0x82 | 0x20, "a"), "reserved bits are set", may_compress},
      {"RSV3", masked_frame(0x82 | 0x10, "a"), "reserved bits are set", may_compress},
      {"RSV1, not agreed",
       masked_frame(0x82 | compressed, "a"),
       "compression was not agreed upon",
       {}},
      {"RSV1 of a continuation",
       masked_frame(text | compressed, "a") + masked_frame(compressed, "b"),
       "compression was not agreed upon", may_compress},
      {"opcode 3", masked_frame(0x83, "a"), "unknown opcode", {}},
      {"opcode 7", masked_frame(0x87, "a"), "unknown opcode", {}},
      {"opcode 11", masked_frame(0x8b, "a"), "unknown opcode", {}},
      {"opcode 15", masked_frame(0x8f, "a"), "unknown opcode", {}},
      {"no mask", plain_frame(0x82, "a"), "frame is not masked", {}},
      {"no mask, empty", plain_frame(0x82, ""), "frame is not masked", {}},
      {"ping without a mask", plain_frame(0x89, ""), "frame is not masked", {}},
      {"a mask", masked_frame(0x82, "a"), "frame is masked, against what was agreed upon",
       unmasked},
      {"ping in parts", masked_frame(ping, "a"), "control frame in parts", {}},
      {"ping compressed", masked_frame(whole(ws_opcode::ping) | compressed, "a"),
       "compressed control frame", may_compress},
      {"continuation of nothing", masked_frame(0x80, "a"), "continuation of no message", {}},
      {"continuation after the end",
       masked_frame(0x82, "") + masked_frame(0x80, "a"),
       "continuation of no message",
       {}},
      {"message in a message",
       masked_frame(text, "a") + masked_frame(0x81, "b"),
       "message begins within another one",
       {}},
  };
  for (const auto& [label, bytes, why, rules] : table) {
    CAPTURE(label);
    for (const auto where : {place::in_place, place::apart}) {
      nuncio::test::check_any_chunking(
          bytes, "broken:" + std::string(why), [&, &r = rules](const auto& pieces) {
            const auto log = read(pieces, r, where);
            const auto at = log.find("broken:");
            return at == std::string::npos ? log : log.substr(at, log.size() - at - 1);
          });
    }
  }
}

TEST_CASE("ws_frame: nothing is read behind what is broken") {
  ws_reader reader({});
  auto wrong = plain_frame(0x82, "a");
  CHECK(reader.next(wrong.data(), wrong.size(), wrong.data()).what == ws_reader::kind::broken);
  auto right = masked_frame(0x82, "a");
  const auto found = reader.next(right.data(), right.size(), right.data());
  CHECK(found.what == ws_reader::kind::broken);
  CHECK(found.used == 0);
}

TEST_CASE("ws_frame: a message is compressed or not by its first frame") {
  const auto text = static_cast<unsigned>(ws_opcode::text);
  check_read(masked_frame(text | compressed, "a") + masked_frame(0, "b") +
                 masked_frame(whole(ws_opcode::ping), "") + masked_frame(final_frame, "c") +
                 masked_frame(whole(ws_opcode::text), "d") +
                 masked_frame(whole(ws_opcode::binary) | compressed, "e"),
             "compressed:ab|ping:\ncompressed:c\ndata:d\ncompressed:e\n", may_compress);
}

TEST_CASE("ws_frame: no bytes bring nothing, wherever they don't come") {
  for (const auto& bytes : {masked_frame(0x82, "abc"), masked_frame(0x89, "abc")}) {
    ws_reader reader({});
    std::string out(16, '\0');
    int events = 0;
    for (const char byte : bytes) {
      CHECK(reader.next(&byte, 0, out.data()).what == ws_reader::kind::nothing);
      if (reader.next(&byte, 1, out.data()).what != ws_reader::kind::nothing) ++events;
    }
    CHECK(events > 0);
    CHECK(reader.next(bytes.data(), 0, out.data()).what == ws_reader::kind::nothing);
  }
}

TEST_CASE("ws_frame: what is written is read back") {
  for (const std::size_t size : {0U, 1U, 125U, 126U, 127U, 65535U, 65536U, 100000U}) {
    for (const bool is_last : {true, false}) {
      for (const bool is_compressed : {true, false}) {
        CAPTURE(size);
        std::array<char, ws_longest_header> begin{};
        const auto length =
            write_ws_header(begin.data(), ws_opcode::binary, size, is_last, is_compressed);
        std::string bytes(begin.data(), length);
        CHECK(bytes == header((is_last ? final_frame : 0) | (is_compressed ? compressed : 0) | 2,
                              size, false));
        bytes += text_of(size);
        if (!is_last) bytes += plain_frame(final_frame, "");
        CHECK(read({bytes}, {.are_masked = false, .may_compress = true}, place::in_place) ==
              (is_compressed ? "compressed:" : "data:") + text_of(size) + "\n");
      }
    }
  }
}

TEST_CASE("ws_frame: a control frame is written, and cut if it is too long") {
  CHECK(make_ws_control(ws_opcode::pong, "") == std::string("\x8a\0", 2));
  CHECK(make_ws_control(ws_opcode::pong, "abc") ==
        "\x8a\x03"
        "abc");
  CHECK(make_ws_control(ws_opcode::ping, text_of(200)) ==
        plain_frame(whole(ws_opcode::ping), text_of(125)));
}

TEST_CASE("ws_frame: a close frame has its status first") {
  CHECK(make_ws_close(1000, "") == "\x88\x02\x03\xe8");
  CHECK(make_ws_close(1009, "no") == "\x88\x04\x03\xf1no");
}

TEST_CASE("ws_frame: the reason of a close is cut between characters") {
  CHECK(make_ws_close(1000, text_of(124)).substr(4) == text_of(123));
  for (std::size_t before = 119; before <= 123; ++before) {
    CAPTURE(before);
    const auto reason = text_of(before) + "\xe2\x82\xac" + "and more";  // the euro sign
    const auto written = make_ws_close(1000, reason).substr(4);
    CHECK(written.size() <= 123);
    CHECK(written == reason.substr(0, before <= 120 ? 123 : before));
  }
  CHECK(make_ws_close(1000, std::string(200, '\x80')) == "\x88\x02\x03\xe8");
}
