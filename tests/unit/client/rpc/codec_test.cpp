#include <nuncio/rpc/codec_msgpack.hpp>

#include <doctest/doctest.h>

#include <map>
#include <optional>
#include <string>
#include <tuple>
#include <vector>

struct inner {
  int price = 0;
  std::string unit;
  MSGPACK_DEFINE_MAP(price, unit);
};
struct order {
  std::string name;
  inner cost;
  std::vector<inner> parts;
  std::optional<double> weight;
  bool is_urgent = false;
  MSGPACK_DEFINE_MAP(name, cost, parts, weight, is_urgent);
};
struct by_position {
  int a = 0;
  std::string b;
  MSGPACK_DEFINE(a, b);
};

namespace {

using namespace nuncio::rpc;

template <class T>
std::string encoded(const T& value, content_type type) {
  std::string out;
  codec<T>::encode(value, type, out);
  return out;
}

template <class T>
std::string problem(std::string_view payload, content_type type = content_type::msgpack) {
  CAPTURE(payload);
  const auto out = codec<T>::decode(payload, type);
  REQUIRE(out.has_error());
  CHECK(out.error().code == code::invalid_argument);
  CHECK(out.error().surely_not_run);
  return out.error().text;
}

order lamp() {
  order out;
  out.name = "lamp";
  out.cost.price = 3;
  out.cost.unit = "EUR";
  out.parts.resize(2);
  out.parts[0].price = 1;
  out.parts[0].unit = "x";
  out.parts[1].price = 2;
  out.parts[1].unit = "y";
  out.weight = 1.5;
  out.is_urgent = true;
  return out;
}

}  // namespace

TEST_CASE("codec: structs are the same after msgpack and after JSON") {
  for (const auto type : {content_type::msgpack, content_type::json}) {
    CAPTURE(to_string(type));
    const auto out = codec<order>::decode(encoded(lamp(), type), type);
    REQUIRE(out.has_value());
    CHECK(out->name == "lamp");
    CHECK(out->cost.price == 3);
    CHECK(out->parts.size() == 2);
    CHECK(out->parts[1].unit == "y");
    CHECK(out->weight == 1.5);
    CHECK(out->is_urgent);
  }
  CHECK(encoded(lamp(), content_type::json) ==
        R"({"name":"lamp","cost":{"price":3,"unit":"EUR"},"parts":[{"price":1,"unit":"x"},)"
        R"({"price":2,"unit":"y"}],"weight":1.5,"is_urgent":true})");
}

TEST_CASE("codec: plain values and containers") {
  for (const auto type : {content_type::msgpack, content_type::json}) {
    CAPTURE(to_string(type));
    CHECK(codec<int>::decode(encoded(-7, type), type).value() == -7);
    CHECK(codec<std::uint64_t>::decode(encoded(UINT64_MAX, type), type).value() == UINT64_MAX);
    CHECK(codec<double>::decode(encoded(0.25, type), type).value() == 0.25);
    CHECK(codec<bool>::decode(encoded(true, type), type).value());
    const std::string text("a\"\n\xC3\xA4", 5);
    CHECK(codec<std::string>::decode(encoded(text, type), type).value() == text);
    const std::map<std::string, std::vector<int>> map{{"x", {1, 2}}, {"y", {}}};
    CHECK(
        codec<std::map<std::string, std::vector<int>>>::decode(encoded(map, type), type).value() ==
        map);
    const auto position = codec<by_position>::decode(encoded(by_position{1, "b"}, type), type);
    CHECK(position.value().b == "b");
  }
  CHECK(codec<double>::decode("3", content_type::json).value() == 3.0);
  CHECK(encoded(std::vector<char>{'a', 'b'}, content_type::json) == R"("YWI=")");
  CHECK(encoded(std::map<int, int>{{1, 2}}, content_type::json) == R"({"1":2})");
}

TEST_CASE("codec: keys that JSON can't have don't grow without bound") {
  std::string nested;
  for (int i = 0; i < 60; ++i) nested += '\x81';
  nested += '\x01';
  nested.append(60, '\x02');
  const auto read = document::read_msgpack(nested);
  REQUIRE(read.has_value());
  std::string out;
  append_json(out, read->root());
  CHECK(out == R"({"a map":2})");
}

TEST_CASE("codec: bytes and nothing take what there is") {
  CHECK(codec<bytes>::decode("xyz", content_type::text).value().value == "xyz");
  CHECK(codec<nothing>::decode("xyz", content_type::json).has_value());
  CHECK(encoded(nothing{}, content_type::msgpack).empty());
  CHECK(choose_type<bytes>(content_type::json) == content_type::json);
  CHECK(choose_type<int>(content_type::protobuf) == content_type::msgpack);
}

TEST_CASE("codec: a field that doesn't fit is named, with its type and place") {
  const std::map<std::string, std::string> text_for_map{{"cost", "x"}};
  CHECK(problem<order>(encoded(text_for_map, content_type::msgpack)) ==
        "order: field \"cost\", byte 6, is a string, which doesn't fit");
  using nested = std::map<std::string, std::map<std::string, std::string>>;
  const nested deep{{"cost", {{"price", "x"}, {"unit", "y"}}}};
  CHECK(problem<order>(encoded(deep, content_type::msgpack)) ==
        "order: field \"cost.price\", byte 13, is a string, which doesn't fit");
  CHECK(problem<order>(encoded(deep, content_type::json), content_type::json) ==
        "order: field \"cost.price\" is a string, which doesn't fit");
  CHECK(problem<order>(encoded(std::map<std::string, int>{{"parts", 1}}, content_type::msgpack)) ==
        "order: field \"parts\", byte 7, is an integer, which doesn't fit");
  CHECK(problem<int>(encoded(std::string("x"), content_type::msgpack)) ==
        "int: the value, byte 0, is a string, which doesn't fit");
}

TEST_CASE("codec: hostile msgpack is refused before anything is allocated for it") {
  using many = std::vector<int>;
  CHECK(problem<many>("") == "msgpack, byte 0: the value is cut off");
  CHECK(problem<many>("\xdd\xff\xff\xff\xff\x01") ==
        "msgpack, byte 0: there are fewer elements than announced");
  CHECK(problem<many>("\xdf\xff\xff\xff\xff\x01\x01") ==
        "msgpack, byte 0: there are fewer elements than announced");
  CHECK(problem<many>("\xdb\xff\xff\xff\xff\x01") == "msgpack, byte 0: the value is cut off");
  CHECK(problem<many>("\xc6\xff\xff\xff") == "msgpack, byte 0: the value is cut off");
  CHECK(problem<many>("\xc1") == "msgpack, byte 0: 0xc1 begins no value");
  CHECK(problem<many>("\x92\x01\xc1") == "msgpack, byte 2: 0xc1 begins no value");
  CHECK(problem<many>("\x01\x02") == "msgpack, byte 1: more follows the value");
  const std::string deep(1000, '\x91');
  CHECK(problem<many>(deep + '\x01') == "msgpack, byte 64: nested too deeply");
  std::string wide("\xdd\x00\x10\x00\x00", 5);
  wide.append(1UL << 20U, '\x01');
  CHECK(problem<many>(wide).find("too many values") != std::string::npos);
}

TEST_CASE("codec: hostile JSON is refused") {
  using many = std::vector<int>;
  CHECK(problem<many>("", content_type::json).starts_with("JSON, byte 0"));
  CHECK(problem<many>("[1,2", content_type::json).starts_with("JSON, byte 4"));
  CHECK(problem<many>("[1,,2]", content_type::json).starts_with("JSON, byte 3"));
  CHECK(problem<many>("[1] 2", content_type::json).starts_with("JSON, byte 4"));
  CHECK(problem<many>(std::string(1000, '['), content_type::json).starts_with("JSON, byte "));
  CHECK(problem<many>("{\"a\":\"\xff\"}", content_type::json).starts_with("JSON, byte "));
}

TEST_CASE("codec: types of content have names") {
  for (int i = 0; i < 5; ++i) {
    const auto type = static_cast<content_type>(i);
    CHECK(parse_content_type(to_string(type)) == type);
  }
  CHECK(parse_content_type("application/json; charset=utf-8") == content_type::json);
  CHECK(parse_content_type("application/json ;x") == content_type::json);
  CHECK_FALSE(parse_content_type("image/png").has_value());
  CHECK_FALSE(parse_content_type("").has_value());
}
