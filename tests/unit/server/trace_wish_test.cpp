#include "net/trace_wish.hpp"

#include <doctest/doctest.h>

#include <optional>
#include <string>
#include <string_view>

using namespace nuncio::server;

namespace {

std::string block(std::string_view lines) {
  return std::string("NATS/1.0\r\n").append(lines).append("\r\n");
}

std::optional<trace_wish> wish(const std::string& headers, bool traces_sampled = false) {
  const auto found = trace_wish_of(headers, traces_sampled);
  // What is looked at first must not lose any.
  if (found) CHECK(may_wish_trace(headers, traces_sampled));
  return found;
}

constexpr std::string_view parent =
    "traceparent: 00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-";

std::string with_parent(std::string_view flags) {
  return block(std::string(parent).append(flags).append("\r\n"));
}

}  // namespace

TEST_CASE("trace wish: other headers wish nothing") {
  for (const std::string_view lines : {"", "A: b\r\n", "X-Nats-Trace-Dest: t\r\n",
                                       "nats-trace-dest: t\r\n", "A: Nats-Trace-Dest: t\r\n"}) {
    CAPTURE(lines);
    CHECK_FALSE(may_wish_trace(block(lines), true));
    CHECK_FALSE(wish(block(lines), true).has_value());
  }
  CHECK_FALSE(may_wish_trace("", true));
  CHECK_FALSE(may_wish_trace("NATS/1.0", true));
}

TEST_CASE("trace wish: the destination is the first that isn't empty") {
  const auto headers =
      block("A: b\r\nNats-Trace-Dest: \r\nNats-Trace-Dest: t.1\r\nNats-Trace-Dest: t.2\r\n");
  const auto found = wish(headers);
  REQUIRE(found.has_value());
  CHECK(found->destination == "t.1");
  CHECK_FALSE(found->is_only);
  CHECK(found->encoding == trace_encoding::unsaid);
}

TEST_CASE("trace wish: what can't be published to is no destination, but said") {
  for (const std::string_view value : {"a.*", ">", "a..b", ".a", "a b", "a."}) {
    CAPTURE(value);
    const auto headers = block(std::string("Nats-Trace-Dest: ").append(value).append("\r\n"));
    const auto found = wish(headers);
    REQUIRE(found.has_value());
    REQUIRE(found->destination.has_value());
    CHECK(found->destination->empty());
  }
}

TEST_CASE("trace wish: it may be switched off by who passes it on") {
  CHECK_FALSE(wish(block("Nats-Trace-Dest: trace disabled\r\n")).has_value());
  CHECK_FALSE(wish(block("Nats-Trace-Dest: t\r\nNats-Trace-Origin-Account: A\r\n")).has_value());
}

TEST_CASE("trace wish: only by three words, encodings by their names") {
  const auto with = [](std::string_view more) {
    return block(std::string("Nats-Trace-Dest: t\r\n").append(more).append("\r\n"));
  };
  for (const std::string_view yes : {"1", "true", "TRUE", "on", "On"}) {
    const auto headers = with(std::string("Nats-Trace-Only: ").append(yes));
    CHECK(wish(headers)->is_only);
  }
  for (const std::string_view no : {"0", "yes", "false", "11"}) {
    const auto headers = with(std::string("Nats-Trace-Only: ").append(no));
    CHECK_FALSE(wish(headers)->is_only);
  }
  CHECK(wish(with("Accept-Encoding: snappy, gzip"))->encoding == trace_encoding::gzip);
  CHECK(wish(with("Accept-Encoding: br"))->encoding == trace_encoding::identity);
}

TEST_CASE("trace wish: a sampled traceparent counts where sampled messages are traced") {
  const auto sampled = with_parent("01");
  CHECK(wish(sampled, true).has_value());
  CHECK(wish(sampled, true)->is_sampled);
  CHECK_FALSE(wish(sampled, true)->destination.has_value());
  CHECK_FALSE(wish(sampled, false).has_value());
  CHECK(wish(with_parent("ff"), true).has_value());
  for (const std::string_view flags : {"00", "fe", "", "1", "01-x", "0g", "0F"}) {
    CAPTURE(flags);
    CHECK_FALSE(wish(with_parent(flags), true).has_value());
  }
  CHECK(
      wish(block("TraceParent: 00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01\r\n"), true)
          .has_value());
  CHECK_FALSE(wish(block("traceparent: 00-0af7-b7ad6b7169203331-01\r\n"), true).has_value());
}
