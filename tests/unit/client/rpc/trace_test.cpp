#include <nuncio/rpc/trace.hpp>

#include <doctest/doctest.h>

#include <string>

using namespace nuncio::rpc;

namespace {

const std::string known = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";

}  // namespace

TEST_CASE("trace: a traceparent is read and written") {
  const auto it = parse_traceparent(known);
  REQUIRE(it.has_value());
  CHECK(it->trace_id[0] == 0x4b);
  CHECK(it->trace_id[15] == 0x36);
  CHECK(it->span_id[0] == 0x00);
  CHECK(it->span_id[7] == 0xb7);
  CHECK(it->is_sampled());
  CHECK(to_traceparent(*it) == known);
}

TEST_CASE("trace: flags that aren't known are not passed on") {
  const auto it = parse_traceparent(known.substr(0, 53) + "fe");
  REQUIRE(it.has_value());
  CHECK_FALSE(it->is_sampled());
  CHECK(to_traceparent(*it).ends_with("-00"));
}

TEST_CASE("trace: of a later version the known part counts") {
  const auto later = "cc" + known.substr(2);
  CHECK(parse_traceparent(later) == parse_traceparent(known));
  CHECK(parse_traceparent(later + "-what-the-future-will-be") == parse_traceparent(known));
  CHECK_FALSE(parse_traceparent(later + ".what").has_value());
}

TEST_CASE("trace: what isn't exactly a traceparent is none") {
  const struct {
    const char* label;
    std::string text;
  } all[] = {
      {"empty", ""},
      {"too short", known.substr(0, 54)},
      {"too long", known + "-"},
      {"longer", known + "0"},
      {"version ff", "ff" + known.substr(2)},
      {"version in upper case", "CC" + known.substr(2)},
      {"upper case", "00-4BF92F3577B34DA6A3CE929D0E0E4736-00f067aa0ba902b7-01"},
      {"no hexadecimal digit", "00-4bf92f3577b34da6a3ce929d0e0e473g-00f067aa0ba902b7-01"},
      {"a blank before", " " + known.substr(0, 54)},
      {"a blank behind", known + " "},
      {"other dashes", "00_4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"},
      {"no trace", "00-00000000000000000000000000000000-00f067aa0ba902b7-01"},
      {"no span", "00-4bf92f3577b34da6a3ce929d0e0e4736-0000000000000000-01"},
      {"flags", "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-0x"},
  };
  for (const auto& [label, text] : all) {
    CAPTURE(label);
    CHECK_FALSE(parse_traceparent(text).has_value());
  }
}

TEST_CASE("trace: a tracestate has up to 32 members, each of another key") {
  CHECK(is_tracestate("rojo=00f067aa0ba902b7,congo=t61rcWkgMzE"));
  CHECK(is_tracestate("a=1 , ,\tb@c=x y"));
  CHECK(is_tracestate("0a_-*/=~"));
  std::string many = "k0=1";
  for (int i = 1; i < 32; ++i) many += ",k" + std::to_string(i) + "=1";
  CHECK(is_tracestate(many));
  CHECK_FALSE(is_tracestate(many + ",last=1"));
  CHECK(is_tracestate(std::string(256, 'a') + "=" + std::string(256, 'b')));
  CHECK_FALSE(is_tracestate(std::string(257, 'a') + "=b"));
  CHECK_FALSE(is_tracestate("a=" + std::string(257, 'b')));
  for (const char* const bad :
       {"", " ", "a", "=1", "A=1", "_a=1", "a=", "a=1,a=2", "a =1", "a=1=2", "a=\x7f"}) {
    CAPTURE(bad);
    CHECK_FALSE(is_tracestate(bad));
  }
}

TEST_CASE("trace: baggage has members with properties, and 8 KiB at most") {
  CHECK(is_baggage("userId=alice,serverNode=DF%2028,isProduction=false"));
  CHECK(is_baggage("k = v ; p ; q = r , K2="));
  CHECK(is_baggage("a=b=c"));
  CHECK(is_baggage("a=" + std::string(8190, 'b')));
  CHECK_FALSE(is_baggage("a=" + std::string(8191, 'b')));
  for (const char* const bad :
       {"", ",", "a", "=b", "a=b;;c", "a=\"b\"", "a=b c", "a b=c", "a=b\\"}) {
    CAPTURE(bad);
    CHECK_FALSE(is_baggage(bad));
  }
}

TEST_CASE("trace: headers are matched in any case, lists may be in several of them") {
  metadata headers;
  headers.add("TraceParent", known);
  headers.add("TRACEPARENT", "00-11111111111111111111111111111111-00f067aa0ba902b7-01");
  headers.add("tracestate", "a=1");
  headers.add("Tracestate", "b=2");
  headers.add("baggage", "x=1");
  headers.add("Baggage", "y=2");
  const auto it = read_trace(headers);
  CHECK(it.parent == parse_traceparent(known));
  CHECK(it.state == "a=1,b=2");
  CHECK(it.baggage == "x=1,y=2");
}

TEST_CASE("trace: without a traceparent that can be read there is no trace, but perhaps baggage") {
  metadata headers;
  CHECK(read_trace(headers).empty());
  headers.add("traceparent", "00-nonsense");
  headers.add("traceparent", known);
  headers.add("tracestate", "a=1");
  headers.add("baggage", "x=1");
  const auto it = read_trace(headers);
  CHECK_FALSE(it.parent.has_value());
  CHECK(it.state.empty());
  CHECK(it.baggage == "x=1");
}
